import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.data.shard_tree import Node
from chainrule.nn import OPTIMIZERS
from chainrule.parameter_server.plan import Outcome, Step
from chainrule.wire.errors import ShapeMismatch
from chainrule.wire.partials import Partial, Sums


def alone(toy, state):
    """Train to the end with one worker, in order; return the steps and the weights behind each."""
    worker, steps, weights = state.join(0.0), [], [state.parameters.flat.copy()]
    while (work := state.take_work(worker, 0.0)) is not None:
        for node in work.nodes:
            partial = toy.partial_of(state.parameters.flat, work, node)
            outcome, step = state.push(worker, state.generation, work.version, node, partial, 0.0)
            assert outcome is Outcome.APPLIED
        steps.append(step)
        weights.append(state.parameters.flat.copy())
    return steps, weights


def snapshot(state):
    slots = {name: slot.tobytes() for name, slot in state.slots.items()}
    return state.version, state.complete, state.parameters.flat.tobytes(), slots, tuple(state.members)


def test_the_first_answer_is_applied(two, toy):
    state, first, _, work = two
    assert work.nodes == (Node(0, 2),)
    partial = toy.partial_of(state.parameters.flat, work, Node(0, 2))
    assert state.push(first, 1, 0, Node(0, 2), partial, 0.0) == (Outcome.APPLIED, None)
    assert state.version == 0


def test_the_same_answer_again_is_a_duplicate_whoever_gives_it(two, toy):
    state, first, second, work = two
    for worker, outcome in ((first, "applied"), (first, "duplicate"), (second, "duplicate")):
        partial = toy.partial_of(state.parameters.flat, work, Node(0, 2))
        assert state.push(worker, 1, 0, Node(0, 2), partial, 0.0) == (outcome, None)


def test_another_answer_to_the_same_question_has_diverged(two, toy):
    state, first, _, work = two
    state.push(first, 1, 0, Node(0, 2), toy.partial_of(state.parameters.flat, work, Node(0, 2)), 0.0)
    other = toy.partial_of(state.parameters.flat, work, Node(0, 2))
    other.gradient[1] = np.nextafter(other.gradient[1], np.float32(np.inf))
    before = snapshot(state)
    assert state.push(first, 1, 0, Node(0, 2), other, 0.0) == (Outcome.DIVERGED, None)
    assert snapshot(state) == before


def test_sums_that_differ_have_diverged_too(two, toy):
    state, first, _, work = two
    partial = toy.partial_of(state.parameters.flat, work, Node(0, 2))
    state.push(first, 1, 0, Node(0, 2), Partial(partial.gradient.copy(), partial.training, partial.validation), 0.0)
    other = Partial(partial.gradient, partial.training + Sums(weight=1.0), partial.validation)
    assert state.push(first, 1, 0, Node(0, 2), other, 0.0)[0] is Outcome.DIVERGED


def test_an_answer_of_an_earlier_version_is_stale(two, toy):
    state, first, second, work = two
    for worker, node in ((first, Node(0, 2)), (second, Node(2, 4))):
        state.push(worker, 1, 0, node, toy.partial_of(state.parameters.flat, work, node), 0.0)
    assert state.version == 1
    before = snapshot(state)
    late = toy.partial_of(state.parameters.flat, work, Node(0, 2))
    assert state.push(first, 1, 0, Node(0, 2), late, 0.0) == (Outcome.STALE, None)
    assert snapshot(state) == before


@pytest.mark.parametrize(
    ("worker", "generation", "version", "node"),
    [
        (1, 2, 0, Node(0, 2)),
        (1, 0, 0, Node(0, 2)),
        (9, 1, 0, Node(0, 2)),
        (1, 1, 1, Node(0, 2)),
        (1, 1, 0, Node(2, 4)),
        (1, 1, 0, Node(0, 1)),
        (1, 1, 0, Node(0, 4)),
        (1, 1, 0, Node(3, 9)),
    ],
)
def test_an_answer_that_nobody_asked_for_is_fenced(two, toy, worker, generation, version, node):
    state, _, _, work = two
    before = snapshot(state)
    partial = toy.partial_of(state.parameters.flat, work, Node(0, 2))
    assert state.push(worker, generation, version, node, partial, 0.0) == (Outcome.FENCED, None)
    assert snapshot(state) == before


def test_a_worker_without_a_lease_is_fenced(two, toy):
    state, first, _, work = two
    assert state.expire(100.0) == [1, 2]
    partial = toy.partial_of(state.parameters.flat, work, Node(0, 2))
    assert state.push(first, 1, 0, Node(0, 2), partial, 0.0)[0] is Outcome.FENCED


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", ["gradient", "loss", "weight", "validation loss", "right"])
def test_an_answer_that_is_not_finite_is_never_summed(two, toy, where, wrong):
    state, first, _, work = two
    partial = toy.partial_of(state.parameters.flat, work, Node(0, 2))
    if where == "gradient":
        partial.gradient[2] = wrong
    bad = {
        "gradient": partial,
        "loss": Partial(partial.gradient, Sums(wrong, 1, 0), Sums()),
        "weight": Partial(partial.gradient, Sums(1, wrong, 0), Sums()),
        "validation loss": Partial(partial.gradient, Sums(1, 1, 0), Sums(wrong, 1, 0)),
        "right": Partial(partial.gradient, Sums(1, 1, 0), Sums(1, 1, wrong)),
    }
    before = snapshot(state)
    assert state.push(first, 1, 0, Node(0, 2), bad[where], 0.0) == (Outcome.NONFINITE, None)
    assert snapshot(state) == before


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_finite_answers_whose_sum_is_not_finite_do_not_reach_the_weights(toy, order):
    state = toy.new_state(shards=2)
    workers = state.join(0.0), state.join(0.0)
    state.start_at(0)
    with np.errstate(all="ignore"):
        for i in order:
            partial = Partial(np.full(3, 3e38, np.float32), Sums(1.0, 1.0), Sums())
            outcome, _ = state.push(workers[i], 1, 0, Node(i, i + 1), partial, 0.0)
    assert np.isfinite(state.parameters.flat).all()
    assert outcome is Outcome.NONFINITE


def test_a_step_that_makes_the_weights_infinite_is_not_the_end_of_a_job(toy):
    state = toy.new_state(shards=1, steps=1, validates=False, optimizer="sgd", learning_rate=1e30)
    worker = state.join(0.0)
    with np.errstate(all="ignore"):
        outcome, _ = state.push(
            worker, 1, 0, Node(0, 1), Partial(np.full(3, 1e20, np.float32), Sums(1.0, 1.0), Sums()), 0.0
        )
    assert outcome is Outcome.NONFINITE
    assert not state.complete


@pytest.mark.parametrize("gradient", [np.zeros(2, np.float32), np.zeros(0, np.float32), np.zeros(3), np.zeros((3, 1))])
def test_an_answer_of_another_shape_is_refused_and_changes_nothing(two, gradient):
    state, first, _, _ = two
    before = snapshot(state)
    with pytest.raises(ShapeMismatch, match=r"expected \(3,\)"):
        state.push(first, 1, 0, Node(0, 2), Partial(gradient, Sums(1.0, 1.0), Sums()), 0.0)
    assert snapshot(state) == before
    assert state.take_work(first, 0.0) is None


def test_where_no_gradient_is_wanted_none_is_accepted(toy):
    state = toy.new_state(shards=1, steps=2)
    state.start_at(2)
    worker = state.join(0.0)
    assert (state.take_work(worker, 0.0).train, state.complete) == (False, False)
    with pytest.raises(ShapeMismatch):
        state.push(worker, 1, 2, Node(0, 1), Partial(np.zeros(3, np.float32), Sums(), Sums(1.0, 1.0)), 0.0)


def test_a_step_is_the_mean_gradient_applied_by_the_optimizer(toy):
    state, reference = toy.new_state(shards=1, steps=1), toy.new_state(shards=1)
    worker = state.join(0.0)
    work = state.take_work(worker, 0.0)
    partial = toy.partial_of(state.parameters.flat, work, Node(0, 1))
    mean = partial.gradient / np.float32(partial.training.weight)
    reference.update.optimizer.update(reference.parameters.flat, mean, reference.slots, 0)
    step = state.push(worker, 1, 0, Node(0, 1), partial, 0.0)[1]
    assert step == Step(0, partial.training, None)
    np.testing.assert_array_equal(state.parameters.flat, reference.parameters.flat)


def test_epochs_and_the_last_version_are_evaluated(toy):
    steps, _ = alone(toy, toy.new_state(steps=6, steps_per_epoch=3))
    assert [step.version for step in steps] == [0, 1, 2, 3, 4, 5, 6]
    assert [step.version for step in steps if step.validation is not None] == [3, 6]
    assert [step.version for step in steps if step.training is None] == [6]
    assert steps[3].validation.weight == 12


def test_without_validation_the_job_is_complete_after_its_last_step(toy):
    state = toy.new_state(steps=3, validates=False)
    steps, _ = alone(toy, state)
    assert [step.version for step in steps] == [0, 1, 2]
    assert (state.version, state.complete) == (3, True)


def test_a_complete_job_has_no_work_and_takes_none(toy):
    state = toy.new_state(steps=2)
    alone(toy, state)
    worker = state.join(0.0)
    assert state.take_work(worker, 0.0) is None
    before = snapshot(state)
    partial = Partial(np.empty(0, np.float32), Sums(), Sums(0.5, 12.0, 3.0))
    assert state.push(worker, 1, 2, Node(1, 2), partial, 0.0)[0] is Outcome.FENCED
    assert snapshot(state) == before


def test_a_restart_from_any_version_ends_in_the_same_bits(toy):
    whole = toy.new_state()
    expected = alone(toy, whole)[1]
    for cut in range(5):
        state, again = toy.new_state(steps=cut, validates=False), toy.new_state(generation=2)
        alone(toy, state)
        again.parameters.flat[:] = state.parameters.flat
        for name, slot in state.slots.items():
            again.slots[name][:] = slot
        again.start_at(cut)
        steps, weights = alone(toy, again)
        np.testing.assert_array_equal(weights[-1], expected[-1])
        assert [step.version for step in steps] == list(range(cut, 5))


@settings(max_examples=120)
@given(st.integers(1, 9), st.integers(1, 5), st.sampled_from(sorted(OPTIMIZERS)), st.data())
def test_the_bits_do_not_depend_on_who_does_what_when(toy, shards, workers, optimizer, data):
    """Pushes in any order, twice, late and by two, joins, leaves, dismissals; against one worker that does it all."""
    # Five steps and an odd end: version 4 is an epoch's, version 5 the last.
    told, expected = alone(toy, toy.new_state(shards, steps=4, optimizer=optimizer))
    state = toy.new_state(shards, steps=4, optimizer=optimizer)
    live, todo, old, steps, now = [state.join(0.0) for _ in range(workers)], [], [], [], 0.0
    state.start_at(0)
    while not state.complete:
        live = [worker for worker in live if worker in state.members]
        if not live:
            live.append(state.join(0.0))
        for worker in live:
            if (work := state.take_work(worker, now)) is not None:
                todo += [(worker, work, node) for node in work.nodes]
        now += data.draw(st.sampled_from([0.0, 0.1, 1.0]))
        moves = ["push"] * 6 + ["again", "again", "join", "leave", "dismiss", "overtake", "overtake"]
        move = data.draw(st.sampled_from(moves))
        if move == "join" and len(live) < 12:
            live.append(state.join(0.0))
        elif move == "leave":
            state.leave(live.pop(data.draw(st.integers(0, len(live) - 1))))
        elif move == "dismiss":
            state.dismiss(data.draw(st.sampled_from(live)))
        elif move == "overtake":
            state.overtake(now)
        elif move == "again" and old:
            worker, version, node, partial, was = data.draw(st.sampled_from(old))
            before, copy = snapshot(state), Partial(partial.gradient.copy(), partial.training, partial.validation)
            outcome, step = state.push(worker, 1, version, node, copy, now)
            still_there = version == state.version and not state.complete and worker in state.members
            if version < state.version:
                assert outcome is Outcome.STALE
            elif still_there and was is Outcome.APPLIED:
                assert outcome is Outcome.DUPLICATE
            assert outcome is not Outcome.APPLIED
            assert step is None
            assert snapshot(state) == before
        elif move == "push" and todo:
            worker, work, node = todo.pop(data.draw(st.integers(0, len(todo) - 1)))
            theta = expected[work.version] if work.version < 4 else expected[4]
            partial = toy.partial_of(theta, work, node)
            kept = Partial(partial.gradient.copy(), partial.training, partial.validation)
            version, came = state.version, {(entry[1], entry[2]) for entry in old if entry[4] is Outcome.APPLIED}
            outcome, step = state.push(worker, 1, work.version, node, partial, now)
            old.append((worker, work.version, node, kept, outcome))
            if work.version == version and worker in live:
                assert outcome is (Outcome.DUPLICATE if (version, node) in came else Outcome.APPLIED)
            if step is not None:
                steps.append(step)
                assert state.version == version + (step.version < 4)
                np.testing.assert_array_equal(state.parameters.flat, expected[min(step.version + 1, 4)])
    assert steps == told
