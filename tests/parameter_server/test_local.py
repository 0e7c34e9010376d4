import gc
import socket
import threading
from types import SimpleNamespace

import numpy as np
import pytest

from chainrule.data.metrics import Layout
from chainrule.data.shard_tree import Node
from chainrule.nn import Network, Parameters
from chainrule.parameter_server.coordinator import Coordinator
from chainrule.parameter_server.local import MOST_OUTPUTS, LocalDoor, fits, share
from chainrule.parameter_server.restore import restore
from chainrule.v1 import parameters_pb2 as pb
from chainrule.wire import packets
from chainrule.wire.errors import Fenced, ServiceUnavailable, ShapeMismatch
from chainrule.wire.partials import Partial, Sums
from chainrule.worker.partials import PartialComputer
from chainrule.worker.streams import LocalStream

SECONDS = 10.0


@pytest.fixture
def served(data):
    """A job behind a door; `served.enter()` is a worker's stream."""
    job = data()
    state, _ = restore(job.spec, job.summary, 7, [])
    before = state.parameters.flat.copy()
    weights = share(state)
    np.testing.assert_array_equal(state.parameters.flat, before)
    coordinator = Coordinator(state)
    door = LocalDoor(coordinator, weights, job.spec.shards)
    serving = threading.Thread(target=door.serve)
    serving.start()
    streams = []

    def enter(incarnation=None, generation=7):
        incarnation = coordinator.join("w") if incarnation is None else incarnation
        hello = pb.Hello(generation=generation, incarnation=incarnation)
        streams.append(LocalStream(door.local, hello, state.parameters.sizes))
        return streams[-1], incarnation

    yield SimpleNamespace(job=job, state=state, coordinator=coordinator, door=door, enter=enter)
    coordinator.stop()
    for stream in streams:
        stream.close()
    door.close()
    serving.join(SECONDS)


def work_of(messages):
    return next(message.work for message in messages if message.WhichOneof("content") == "work")


def test_weights_are_seen_as_they_change_and_cannot_be_written(served):
    stream, _ = served.enter()
    messages = stream.messages()
    work, before = work_of(messages), stream.parameters.flat.copy()
    with pytest.raises(ValueError, match="read-only"):
        stream.parameters.flat[0] = 1
    room = stream.room(work.version)
    room.flat.fill(1)
    stream.push(work.version, Node(0, 4), Partial(room.flat, Sums(1.0, 4.0), Sums()))
    assert work_of(messages).version == 1
    assert (stream.parameters.flat != before).all()
    np.testing.assert_array_equal(stream.parameters.flat, served.state.parameters.flat)


def test_the_partials_of_a_version_lie_beside_each_other(served):
    stream, _ = served.enter()
    rooms = [stream.room(0).flat for _ in range(4)]
    for i, room in enumerate(rooms):
        room.fill(i)
    assert [room[0] for room in rooms] == [0, 1, 2, 3]
    assert np.shares_memory(stream.room(1).flat, rooms[0])


def test_a_worker_trains_to_the_bits_of_one_without_shared_memory(served):
    job, stream = served.job, served.enter()[0]
    network, per_epoch = job.summary.network(job.spec), job.summary.steps_per_epoch(job.spec)
    computer, other = (PartialComputer(job.spec, network, per_epoch, job.shards) for _ in range(2))
    alone, _ = restore(job.spec, job.summary, 7, [])
    for message in stream.messages():
        if message.WhichOneof("content") != "work":
            continue
        work, options = message.work, {"train": message.work.train, "evaluate": message.work.evaluate}
        room = stream.room(work.version) if work.train else None
        stream.push(
            work.version,
            Node(0, 4),
            computer.compute(stream.parameters, work.version, Node(0, 4), **options, into=room),
        )
        alone.complete_version((other.compute(alone.parameters, work.version, Node(0, 4), **options),))
    assert served.coordinator.complete
    np.testing.assert_array_equal(served.state.parameters.flat, alone.parameters.flat)


def test_a_worker_that_hangs_up_is_let_go_at_once(served):
    first, incarnation = served.enter()
    assert list(work_of(first.messages()).nodes) == [pb.Node(lo=0, hi=4)]
    second, _ = served.enter()
    first.close()
    assert list(work_of(second.messages()).nodes) == [pb.Node(lo=0, hi=4)]
    assert not served.coordinator.knows(7, incarnation)


@pytest.mark.parametrize(("incarnation", "generation"), [(99, 7), (None, 6)])
def test_who_has_no_lease_is_fenced(served, incarnation, generation):
    stream, _ = served.enter(incarnation, generation)
    with pytest.raises(Fenced, match="has to join again"):
        next(stream.messages())


def test_a_worker_of_another_generation_takes_nobodys_place(served):
    _, incarnation = served.enter()
    before = set(threading.enumerate())
    stranger, _ = served.enter(incarnation, generation=6)
    others = set(threading.enumerate()) - before
    with pytest.raises(Fenced):
        next(stranger.messages())
    stranger.close()
    for thread in others:
        thread.join(SECONDS)
    assert served.coordinator.knows(7, incarnation)


def test_a_stop_is_told(served):
    stream, _ = served.enter()
    messages = stream.messages()
    work_of(messages)
    served.coordinator.stop()
    assert list(messages) == []


@pytest.mark.parametrize("wrong", [{"gradient_bytes": 8}, {"slot": 4}, {"slot": 2**31}])
def test_a_gradient_that_does_not_fit_is_refused(served, wrong):
    stream, _ = served.enter()
    messages = stream.messages()
    size = served.state.parameters.flat.nbytes
    header = pb.Partial(version=0, node=pb.Node(lo=0, hi=4), **({"gradient_bytes": size, "slot": 0} | wrong))
    stream._send(pb.WorkerMessage(partial=header))
    with pytest.raises(ShapeMismatch, match="does not fit the network"):
        list(messages)


@pytest.mark.parametrize(
    "packet", [b"\xff\xff", b"", pb.WorkerMessage(hello=pb.Hello(generation=7)).SerializeToString()]
)
def test_a_stranger_gets_nothing_and_harms_nobody(served, packet):
    with packets.connect(served.door.local.name, SECONDS) as stranger:
        stranger.send(packet) if packet else stranger.shutdown(socket.SHUT_WR)
        assert socket.recv_fds(stranger, 1, 2)[:2] == (b"", [])
    assert work_of(served.enter()[0].messages()).version == 0


def test_a_server_that_has_gone_is_told(served):
    stream, _ = served.enter()
    messages = stream.messages()
    work_of(messages)
    stream._connection.shutdown(socket.SHUT_RD)
    with pytest.raises(ServiceUnavailable):
        next(messages)


def test_the_sums_of_the_most_outputs_fit_a_packet():
    network = Network((3, MOST_OUTPUTS), ("identity",), "mse")
    assert fits(network)
    assert not fits(Network((3, MOST_OUTPUTS + 1), ("identity",), "mse"))
    sums = Sums(0.1, 0.1, 0.1, (0.1,) * Layout.of(network).length)
    message = pb.WorkerMessage(partial=pb.Partial(training=sums.message(), validation=sums.message()))
    assert len(message.SerializeToString()) < packets.MOST_BYTES
    listener, name = packets.listen()
    with listener, packets.connect(name, SECONDS) as worker, listener.accept()[0] as server:
        worker.send(bytes(packets.MOST_BYTES))
        assert len(server.recv(packets.MOST_BYTES)) == packets.MOST_BYTES


def test_a_server_that_hangs_up_leaves_no_connection_open(served, recwarn):
    local = pb.Local(name=served.door.local.name, secret=b"of another server")
    with pytest.raises(OSError, match="hung up"):
        LocalStream(local, pb.Hello(), served.state.parameters.sizes)
    gc.collect()
    assert [str(warning.message) for warning in recwarn] == []


def test_elsewhere_nobody_answers(served):
    local = pb.Local(name="chainrule-of-another-host", secret=b"s")
    with pytest.raises(OSError, match="refused"):
        LocalStream(local, pb.Hello(), served.state.parameters.sizes)
    assert isinstance(served.state.parameters, Parameters)
