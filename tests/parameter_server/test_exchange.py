import threading
from queue import SimpleQueue

import grpc
import numpy as np
import pytest

from chainrule.nn import parameter_count
from chainrule.v1 import parameters_pb2 as pb
from chainrule.wire.chunks import to_chunks
from chainrule.wire.errors import Fenced, ShapeMismatch
from chainrule.wire.status import from_call


class Stream:
    """A worker's stream, message by message."""

    def __init__(self, served, incarnation=None, generation=7, worker="w"):
        if incarnation is None:
            incarnation = served.stub.Join(pb.JoinRequest(job_id="a1", worker=worker), timeout=10).incarnation
        self.incarnation, self._up = incarnation, SimpleQueue()
        self.send(hello=pb.Hello(generation=generation, incarnation=incarnation))
        self.call = served.stub.Exchange(iter(self._up.get, None), timeout=30)

    def send(self, **content):
        self._up.put(pb.WorkerMessage(**content))

    def end(self):
        self._up.put(None)

    def until(self, kind):
        """Read on to the next message of a kind."""
        for message in self.call:
            if message.WhichOneof("content") == kind:
                return getattr(message, kind)
        pytest.fail(f"the stream has ended without {kind}")

    def push(self, work, node, gradient, **partial):
        sums = pb.Sums(loss=1.0, weight=4.0)
        header = pb.Partial(
            version=work.version, node=node, gradient_bytes=gradient.nbytes, training=sums, validation=pb.Sums()
        )
        header.MergeFrom(pb.Partial(**partial))
        self.send(partial=header)
        for offset, data in to_chunks(gradient):
            self.send(chunk=pb.GradientChunk(offset=offset, data=data))

    def error(self):
        with pytest.raises(grpc.RpcError) as caught:
            for _ in self.call:
                pass
        return from_call(caught.value)


@pytest.fixture
def stream(served):
    stream = Stream(served)
    yield stream
    stream.end()


@pytest.fixture
def zeros(served):
    return np.zeros(parameter_count(served.network.sizes), np.float32)


def test_weights_come_before_the_work_that_names_their_version(served, stream):
    first = next(stream.call)
    assert first.weights.version == 0
    assert first.weights.data == served.coordinator.weights()[1].tobytes()
    work = next(stream.call).work
    assert [(node.lo, node.hi) for node in work.nodes] == [(0, 4)]
    assert (work.version, work.train, work.evaluate) == (0, True, False)


def test_a_push_makes_the_next_version_which_comes_down(stream, zeros):
    work = stream.until("work")
    stream.push(work, work.nodes[0], zeros)
    assert stream.until("result").outcome == pb.OUTCOME_APPLIED
    assert stream.until("weights").version == 1
    assert stream.until("work").version == 1


def test_a_push_of_an_earlier_version_is_answered_as_stale(stream, zeros):
    work = stream.until("work")
    for outcome in (pb.OUTCOME_APPLIED, pb.OUTCOME_STALE):
        stream.push(work, work.nodes[0], zeros)
        assert stream.until("result").outcome == outcome


def test_a_push_that_nobody_asked_for_is_answered_as_fenced(stream, zeros):
    work = stream.until("work")
    stream.push(work, pb.Node(lo=0, hi=1), zeros)
    assert stream.until("result").outcome == pb.OUTCOME_FENCED


@pytest.mark.parametrize("size", [0, 1, 31, 33, 10**6])
def test_a_gradient_of_another_size_ends_the_stream_and_changes_nothing(served, stream, size):
    work = stream.until("work")
    stream.push(work, work.nodes[0], np.zeros(size, np.float32))
    assert type(stream.error()) is ShapeMismatch
    assert served.coordinator.weights()[0] == 0


def test_a_chunk_out_of_place_ends_the_stream(stream, zeros):
    work = stream.until("work")
    stream.send(partial=pb.Partial(version=0, node=work.nodes[0], gradient_bytes=zeros.nbytes))
    stream.send(chunk=pb.GradientChunk(offset=4, data=b"1234"))
    assert type(stream.error()) is ShapeMismatch


def test_a_stream_that_ends_in_the_middle_of_a_gradient_is_refused(stream, zeros):
    work = stream.until("work")
    stream.send(partial=pb.Partial(version=0, node=work.nodes[0], gradient_bytes=zeros.nbytes))
    stream.end()
    assert type(stream.error()) is ShapeMismatch


def test_what_a_worker_owed_whose_stream_breaks_goes_to_the_other(served, stream):
    stream.until("work")
    other = Stream(served)
    stream.call.cancel()
    assert [(node.lo, node.hi) for node in other.until("work").nodes] == [(0, 4)]
    other.end()


def test_stop_is_told_to_every_worker(served, stream):
    stream.until("work")
    served.coordinator.stop()
    assert stream.until("stop").reason


def test_a_worker_whose_lease_has_ended_is_told_that_it_is_fenced_not_that_the_job_has_ended(served, stream):
    """Otherwise it ends as if all were well, and nobody starts another in its place."""
    stream.until("work")
    watching = threading.Thread(target=served.coordinator.watch_workers)
    watching.start()
    served.clock.now = 60.0
    served.coordinator.look()
    try:
        assert type(stream.error()) is Fenced
    finally:
        served.coordinator.stop()
        watching.join(10)


def test_a_worker_that_is_dismissed_is_told_to_stop_when_the_version_ends(served, stream, zeros):
    work = stream.until("work")
    surplus = Stream(served, worker="surplus")
    served.coordinator.dismiss(["surplus"])
    stream.push(work, work.nodes[0], zeros)
    assert surplus.until("stop").reason
    assert list(surplus.call) == []
    assert [(node.lo, node.hi) for node in stream.until("work").nodes] == [(0, 4)]
    surplus.end()


def test_a_worker_that_was_let_go_before_it_came_is_told_to_stop(served, stream, zeros):
    joined = served.stub.Join(pb.JoinRequest(job_id="a1", worker="surplus"), timeout=10)
    served.coordinator.dismiss(["surplus"])
    work = stream.until("work")
    stream.push(work, work.nodes[0], zeros)
    stream.until("weights")
    late = Stream(served, joined.incarnation)
    assert late.until("stop").reason
    late.end()
    stranger = Stream(served, joined.incarnation, generation=6)
    assert type(stranger.error()) is Fenced
    stranger.end()


def test_a_stream_without_a_lease_is_fenced(served):
    stream = Stream(served, incarnation=99)
    assert type(stream.error()) is Fenced


def test_a_stream_of_another_generation_is_fenced_and_takes_nobodys_place(served):
    mine = Stream(served)
    mine.until("work")
    stranger = Stream(served, mine.incarnation, generation=6)
    stranger.end()
    assert type(stranger.error()) is Fenced
    served.stub.Heartbeat(pb.HeartbeatRequest(generation=7, incarnation=mine.incarnation), timeout=10)
    mine.end()
