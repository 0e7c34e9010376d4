"""What workers find behind either door."""

import errno
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from entrance import GENERATION, SECONDS, entrance, push, trained_alone, work_of

from chainrule.data.shard_tree import Node
from chainrule.v1 import parameters_pb2 as pb
from chainrule.wire.errors import Fenced, ServiceUnavailable, ShapeMismatch, TrainingFailed
from chainrule.wire.partials import Partial, Sums
from chainrule.worker.partials import PartialComputer

ALL = Node(0, 4)


@pytest.fixture(params=["local", "direct"])
def behind(request, data):
    with entrance(request.param, data()) as opened:
        yield opened


def ones(behind):
    return Partial(np.ones_like(behind.state.parameters.flat), Sums(1.0, 4.0), Sums())


def test_a_push_makes_the_next_version_whose_weights_are_there_with_the_work(behind):
    stream, _ = behind.enter()
    messages = stream.messages()
    work, before = work_of(messages), stream.parameters.flat.copy()
    np.testing.assert_array_equal(before, behind.state.parameters.flat)
    push(stream, work.version, ALL, ones(behind))
    assert next(messages).work.version == 1
    assert (stream.parameters.flat != before).all()
    np.testing.assert_array_equal(stream.parameters.flat, behind.state.parameters.flat)


def train(stream, job):
    """What a worker does."""
    computer = PartialComputer(
        job.spec, job.summary.network(job.spec), job.summary.steps_per_epoch(job.spec), job.shards
    )
    for message in stream.messages():
        if message.WhichOneof("content") == "work":
            version, asked = message.work.version, {"train": message.work.train, "evaluate": message.work.evaluate}
            for node in (Node(node.lo, node.hi) for node in message.work.nodes):
                room = {"into": stream.room(version), "done": stream.send_layer} if asked["train"] else {}
                stream.push(version, node, computer.compute(stream.parameters, version, node, **asked, **room), 0.0)


@pytest.mark.parametrize("kind", ["local", "direct"])
def test_three_workers_train_to_the_bits_of_a_straight_line(data, kind):
    """The second has shards [2, 5), which are two nodes: each partial stays as it is, whatever comes behind it."""
    job = data(shards=8)
    with entrance(kind, job) as behind, ThreadPoolExecutor(3) as pool:
        streams = [behind.enter()[0] for _ in range(3)]
        for done in [pool.submit(train, stream, job) for stream in streams]:
            done.result(60)
    assert behind.coordinator.complete
    np.testing.assert_array_equal(behind.state.parameters.flat, trained_alone(job).parameters.flat)


def test_a_push_that_is_told_twice_is_a_duplicate(behind):
    stream, _ = behind.enter()
    messages = stream.messages()
    behind.enter()
    work = work_of(messages)
    push(stream, work.version, ALL, ones(behind))
    work = work_of(messages)  # of the version in which each has a half: one push does not end it
    push(stream, work.version, Node(0, 2), ones(behind))
    stream.push(work.version, Node(0, 2), ones(behind), 0.0)
    assert next(messages).result.outcome == pb.OUTCOME_DUPLICATE


def test_a_worker_that_hangs_up_is_let_go_at_once(behind):
    first, incarnation = behind.enter()
    assert list(work_of(first.messages()).nodes) == [pb.Node(lo=0, hi=4)]
    second, _ = behind.enter()
    first.close()
    assert list(work_of(second.messages()).nodes) == [pb.Node(lo=0, hi=4)]
    assert not behind.coordinator.knows(GENERATION, incarnation)


@pytest.mark.parametrize(("incarnation", "generation"), [(99, GENERATION), (None, 6)])
def test_who_has_no_lease_is_fenced(behind, incarnation, generation):
    stream, _ = behind.enter(incarnation, generation)
    with pytest.raises(Fenced, match="has to join again"):
        next(stream.messages())


def test_a_worker_of_another_generation_takes_nobodys_place(behind):
    stream, incarnation = behind.enter()
    work_of(stream.messages())  # the threads that serve it are there
    before = set(threading.enumerate())
    stranger, _ = behind.enter(incarnation, generation=6)
    others = set(threading.enumerate()) - before
    with pytest.raises(Fenced):
        next(stranger.messages())
    stranger.close()
    for thread in others:
        thread.join(SECONDS)
    assert behind.coordinator.knows(GENERATION, incarnation)


class Scarce:
    """A listener that has no file descriptor for the next connection."""

    def __init__(self, listener):
        self.listener, self.failures = listener, 1

    def accept(self):
        if self.failures:
            self.failures -= 1
            raise OSError(errno.EMFILE, "Too many open files")
        return self.listener.accept()

    def __getattr__(self, name):
        return getattr(self.listener, name)


def test_a_door_that_could_let_nobody_in_once_does_so_later(behind):
    behind.door._listener = scarce = Scarce(behind.door._listener)
    first, _ = behind.enter()
    work_of(first.messages())
    second, _ = behind.enter()
    first.close()
    work_of(second.messages())
    assert scarce.failures == 0


def test_a_stop_is_told(behind):
    stream, _ = behind.enter()
    messages = stream.messages()
    work_of(messages)
    behind.coordinator.stop()
    assert list(messages) == []


@pytest.mark.parametrize("wrong", [{"gradient_bytes": 8}, {"slot": 4}, {"slot": 2**31}])
def test_a_gradient_that_does_not_fit_is_refused(behind, wrong):
    stream, _ = behind.enter()
    messages = stream.messages()
    size = behind.state.parameters.flat.nbytes
    header = pb.Partial(version=0, node=pb.Node(lo=0, hi=4), **({"gradient_bytes": size, "slot": 0} | wrong))
    stream._send(pb.WorkerMessage(partial=header))
    with pytest.raises(ShapeMismatch, match="does not fit the network"):
        list(messages)


def test_a_server_that_has_gone_is_told(behind):
    stream, _ = behind.enter()
    messages = stream.messages()
    work_of(messages)
    stream._connection.shutdown(0)
    with pytest.raises(ServiceUnavailable):
        list(messages)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_error_that_nobody_foresaw_fails_the_job(behind, monkeypatch):
    def fault(*_):
        raise RuntimeError("a fault")

    stream, _ = behind.enter()
    version = work_of(stream.messages()).version
    monkeypatch.setattr(behind.state, "push", fault)
    push(stream, version, ALL, ones(behind))
    with pytest.raises(TrainingFailed, match="an error of its own: RuntimeError"):
        list(iter(behind.coordinator.next_report, None))
    for thread in threading.enumerate():
        if thread.name == "worker":
            thread.join(SECONDS)  # its error is told in this test, where it is expected
