from types import SimpleNamespace

import numpy as np
import psutil
import pytest

from chainrule.data.shard_tree import Node
from chainrule.data.work import Work
from chainrule.parameter_server.coordinator import Coordinator
from chainrule.parameter_server.plan import Outcome, Result
from chainrule.wire.errors import Fenced, ShapeMismatch, TrainingFailed
from chainrule.wire.layers import LayerActivity
from chainrule.wire.partials import Partial, Sums


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def train(toy, coordinator, worker, generation=1):
    """A worker as the exchange drives it; returns how many nodes it has delivered."""
    delivered = 0
    while (message := toy.work_of(coordinator, worker)) is not None:
        work, weights = message
        for node in work.nodes:
            coordinator.push(worker, generation, work.version, node, toy.partial_of(weights, work, node))
            delivered += 1
    return delivered


@pytest.mark.parametrize("workers", [1, 2, 4, 6])
def test_workers_on_threads_train_to_the_bits_of_one_alone(toy, threads, workers):
    expected = Coordinator(toy.new_state(steps=40, steps_per_epoch=4))
    train(toy, expected, expected.join("alone"))
    coordinator = Coordinator(toy.new_state(steps=40, steps_per_epoch=4))
    joined = [coordinator.join(f"w{i}") for i in range(workers)]
    for done in [threads.submit(train, toy, coordinator, worker) for worker in joined]:
        done.result(30)
    assert coordinator.complete
    assert coordinator.weights()[0] == 40
    np.testing.assert_array_equal(coordinator.weights()[1], expected.weights()[1])


def test_reports_tell_every_step_once_and_in_order(toy, threads):
    coordinator, told = Coordinator(toy.new_state(steps=40, steps_per_epoch=4)), []

    def read():
        while True:
            report = coordinator.next_report()
            told.append(report)
            if report.ended:
                return

    reader = threads.submit(read)
    for worker in [coordinator.join(f"w{i}") for i in range(3)]:
        threads.submit(train, toy, coordinator, worker)
    reader.result(30)
    assert [step.version for report in told for step, _ in report.steps] == list(range(41))
    assert all(lap.seconds >= 0 for report in told for _, lap in report.steps)
    pushes = sum(report.pushes.get("applied", 0) for report in told)
    assert pushes >= 41
    assert [report.ended for report in told] == [False] * (len(told) - 1) + [True]


def test_the_shards_of_a_silent_worker_go_to_the_other(toy, threads, clock):
    coordinator = Coordinator(toy.new_state(shards=2), clock)
    silent, other = coordinator.join("silent"), coordinator.join("other")
    assert list(toy.work_of(coordinator, silent)[0].nodes) == [Node(0, 2)]
    watching = threads.submit(coordinator.watch_workers)
    working = threads.submit(train, toy, coordinator, other)
    clock.now = 4.0
    coordinator.heartbeat(1, other)
    clock.now = 6.0
    coordinator.look()
    assert working.result(30) >= 5
    watching.result(30)
    assert coordinator.complete
    with pytest.raises(Fenced, match="lost its lease"):
        coordinator.heartbeat(1, silent)
    assert any("worker silent has been silent" in warning for warning in coordinator.next_report().warnings)


def push(toy, coordinator, worker, message):
    work, weights = message
    for node in work.nodes:
        coordinator.push(worker, 1, work.version, node, toy.partial_of(weights, work, node))


def test_the_shards_of_a_slow_worker_are_computed_elsewhere_too(toy, threads, clock):
    coordinator = Coordinator(toy.new_state(shards=2, steps=3, validates=False), clock)
    fast, slow = coordinator.join("fast"), coordinator.join("slow")
    push(toy, coordinator, fast, toy.work_of(coordinator, fast))
    late = [toy.work_of(coordinator, slow)]
    push(toy, coordinator, fast, toy.work_of(coordinator, fast))
    watching = threads.submit(coordinator.watch_workers)
    helping = threads.submit(train, toy, coordinator, fast)
    clock.now = 1.0
    coordinator.look()
    assert helping.result(30) == 2, "its shard of version 1, and both of version 2"
    watching.result(30)
    assert coordinator.complete
    push(toy, coordinator, slow, late[0])
    report = coordinator.next_report()
    assert report.pushes == {"applied": 4, "stale": 1}
    warnings = [warning for warning in report.warnings if "computed elsewhere" in warning]
    assert len(warnings) == 1
    assert warnings[0].startswith("worker slow has taken ")


def test_who_is_overtaken_again_and_again_is_warned_of_once(toy, threads, clock):
    coordinator = Coordinator(toy.new_state(shards=2, steps=4, validates=False), clock)
    fast, slow = coordinator.join("fast"), coordinator.join("slow")
    push(toy, coordinator, fast, toy.work_of(coordinator, fast))
    watching = threads.submit(coordinator.watch_workers)
    for _ in range(2):
        late = toy.work_of(coordinator, slow)
        push(toy, coordinator, fast, toy.work_of(coordinator, fast))
        clock.now += 1.0
        coordinator.look()
        push(toy, coordinator, fast, toy.work_of(coordinator, fast))
        push(toy, coordinator, slow, late)
        if not coordinator.complete:
            push(toy, coordinator, fast, toy.work_of(coordinator, fast))
    watching.result(30)
    report = coordinator.next_report()
    assert report.pushes["stale"] == 2
    assert len(report.warnings) == 1


def test_without_memory_for_a_stretch_steps_go_on_and_one_warning_says_so(toy, clock, monkeypatch):
    coordinator = Coordinator(toy.new_state(shards=2, steps=9, steps_per_epoch=9, validates=False), clock)
    worker, messages = coordinator.join("w"), []
    coordinator.attach(worker, messages.append, together=True)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=0))
    while not coordinator.complete:
        work = [message for message in messages if isinstance(message, Work)][-1]
        assert work.stretch is None
        clock.now += 0.01
        push(toy, coordinator, worker, (work, coordinator.live_weights))
    report = coordinator.next_report()
    assert [step.version for step, _ in report.steps] == list(range(9))
    (warning,) = report.warnings
    assert "no shared memory for workers of this host" in warning


def test_a_push_of_an_older_generation_is_not_answered_to_a_new_worker_of_the_same_number(toy):
    coordinator = Coordinator(toy.new_state(generation=2))
    worker = coordinator.join("new")
    work, weights = toy.work_of(coordinator, worker)
    for generation in (1, 2):
        coordinator.push(worker, generation, 0, Node(0, 4), toy.partial_of(weights, work, Node(0, 4)))
    assert toy.next_message(coordinator, worker) == Result(0, Node(0, 4), Outcome.APPLIED)
    assert coordinator.next_report().pushes == {"fenced": 1, "applied": 1}


def test_a_worker_whose_stream_ends_is_let_go_at_once(toy, threads):
    coordinator = Coordinator(toy.new_state(shards=2))
    gone, other = coordinator.join("gone"), coordinator.join("other")
    toy.work_of(coordinator, gone)
    working = threads.submit(train, toy, coordinator, other)
    coordinator.leave(gone)
    coordinator.leave(gone)
    assert working.result(30) >= 5
    assert toy.next_message(coordinator, gone) is None


def test_a_worker_learns_what_became_of_its_push(toy):
    coordinator = Coordinator(toy.new_state())
    worker = coordinator.join("w")
    work, weights = toy.work_of(coordinator, worker)
    for _ in range(2):
        coordinator.push(worker, 1, 0, Node(0, 4), toy.partial_of(weights, work, Node(0, 4)))
    messages = [toy.next_message(coordinator, worker) for _ in range(3)]
    assert messages[::2] == [Result(0, Node(0, 4), Outcome.APPLIED), Result(0, Node(0, 4), Outcome.STALE)]
    assert messages[1].version == 1
    assert coordinator.next_report().pushes == {"applied": 1, "stale": 1}


def test_layers_are_reported_with_what_workers_who_are_there_see(toy, clock):
    coordinator = Coordinator(toy.new_state(shards=2, steps=3), clock)
    worker, gone = coordinator.join("w"), coordinator.join("gone")
    coordinator.heartbeat(1, worker, [LayerActivity(1, dead_ratio=0.25)])
    coordinator.heartbeat(1, gone, [LayerActivity(1, dead_ratio=1.0)])
    coordinator.leave(gone)
    told = []
    for _ in range(2):  # in the same second
        work, weights = toy.work_of(coordinator, worker)
        for node in work.nodes:
            coordinator.push(worker, 1, work.version, node, toy.partial_of(weights, work, node))
        told.append(coordinator.next_report().layers)
    [[layer], nothing] = told
    assert (layer.layer, layer.dead_ratio, nothing) == (1, 0.25, ())
    assert layer.gradient_norm > 0
    assert layer.weight_norm == pytest.approx(5**0.5)


def test_a_worker_of_another_generation_is_fenced(toy):
    coordinator = Coordinator(toy.new_state(generation=3))
    worker = coordinator.join("w")
    with pytest.raises(Fenced, match="generation 3 of the parameter server, not 2"):
        coordinator.heartbeat(2, worker)


def test_a_number_that_is_not_finite_fails_the_job_with_advice(toy):
    coordinator = Coordinator(toy.new_state(shards=1))
    worker = coordinator.join("w")
    coordinator.push(worker, 1, 0, Node(0, 1), Partial(np.full(3, np.nan, np.float32), Sums(1.0, 1.0), Sums()))
    last = coordinator.next_report()  # what had happened before is told all the same
    assert (last.pushes, last.ended) == ({"nonfinite": 1}, False)
    with pytest.raises(TrainingFailed, match=r"not finite at step 0: a smaller optimizer\.learning_rate may help"):
        coordinator.next_report()
    assert toy.work_of(coordinator, worker) is None
    assert not coordinator.complete


def test_a_worker_that_computes_otherwise_is_warned_of(toy):
    coordinator = Coordinator(toy.new_state(shards=2))
    workers = [coordinator.join(name) for name in ("right", "wrong")]
    work, weights = toy.work_of(coordinator, workers[0])
    coordinator.push(workers[0], 1, 0, work.nodes[0], toy.partial_of(weights, work, work.nodes[0]))
    work, weights = toy.work_of(coordinator, workers[0])
    assert work.nodes == (Node(0, 1),)
    for factor in (1, 2):
        partial = toy.partial_of(weights, work, Node(0, 1))
        partial.gradient[:] *= factor
        coordinator.push(workers[factor - 1], 1, 1, Node(0, 1), partial)
    report = coordinator.next_report()
    assert report.pushes["diverged"] == 1
    assert "worker wrong has computed other numbers for shards [0, 1) at step 1" in report.warnings[0]


def test_a_wrong_shape_raises_and_is_not_counted_as_a_push(toy):
    coordinator = Coordinator(toy.new_state(shards=1))
    worker = coordinator.join("w")
    with pytest.raises(ShapeMismatch):
        coordinator.push(worker, 1, 0, Node(0, 1), Partial(np.zeros(2, np.float32), Sums(1.0, 1.0), Sums()))
    assert coordinator.next_report().pushes == {}


def test_stop_ends_all_who_wait(toy, threads):
    coordinator = Coordinator(toy.new_state())
    first, idle = coordinator.join("w"), coordinator.join("idle")
    toy.work_of(coordinator, first)
    waiting = [
        threads.submit(toy.next_message, coordinator, idle),
        threads.submit(coordinator.watch_workers),
    ]
    coordinator.stop()
    assert [waiter.result(10) for waiter in waiting] == [None, None]
    assert coordinator.next_report().ended
    assert not coordinator.complete


def test_behind_a_stop_no_step_is_made_that_no_report_would_tell(toy):
    coordinator = Coordinator(toy.new_state(shards=1))
    worker = coordinator.join("w")
    work, weights = toy.work_of(coordinator, worker)
    coordinator.stop()
    last = coordinator.next_report()
    coordinator.push(worker, 1, 0, Node(0, 1), toy.partial_of(weights, work, Node(0, 1)))
    assert (last.version, last.ended) == (0, True)
    assert coordinator.snapshot().version == 0
    assert coordinator.next_report().pushes == {"fenced": 1}


def test_a_snapshot_is_a_copy_at_one_version(toy):
    coordinator = Coordinator(toy.new_state())
    worker = coordinator.join("w")
    before = coordinator.snapshot()
    kept = before.weights.copy()
    train(toy, coordinator, worker)
    assert before.version == 0
    np.testing.assert_array_equal(before.weights, kept)
    assert not before.slots["velocity"].any()
    after = coordinator.snapshot()
    np.testing.assert_array_equal(after.weights, coordinator.weights()[1])
    assert after.slots["velocity"].any()


def test_of_a_job_whose_last_step_has_spoilt_the_weights_there_is_no_snapshot(toy):
    coordinator = Coordinator(toy.new_state(shards=1, steps=1, validates=False, optimizer="sgd", learning_rate=1e30))
    gradient = np.full(3, 1e10, np.float32)
    with np.errstate(over="ignore"):
        coordinator.push(coordinator.join("w"), 1, 0, Node(0, 1), Partial(gradient, Sums(1.0, 1.0), Sums()))
    assert coordinator.snapshot() is None
