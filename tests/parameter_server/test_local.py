import gc
import socket

import numpy as np
import pytest
from entrance import SECONDS, entrance, work_of

from chainrule.data.metrics import Layout
from chainrule.nn import Network
from chainrule.parameter_server.local import MOST_OUTPUTS, fits, share
from chainrule.parameter_server.restore import restore
from chainrule.v1 import parameters_pb2 as pb
from chainrule.wire import packets
from chainrule.wire.partials import Sums
from chainrule.worker.streams import LocalStream


@pytest.fixture
def local(data):
    with entrance("local", data()) as opened:
        yield opened


def test_weights_keep_their_bits_when_they_are_shared(data):
    job = data()
    state, _ = restore(job.spec, job.summary, 7, [])
    before = state.parameters.flat.copy()
    share(state)
    np.testing.assert_array_equal(state.parameters.flat, before)


def test_weights_are_read_where_they_are_and_cannot_be_written(local):
    stream, _ = local.enter()
    local.state.parameters.flat[0] = 42
    assert stream.parameters.flat[0] == 42
    with pytest.raises(ValueError, match="read-only"):
        stream.parameters.flat[0] = 1


def test_the_partials_of_a_version_lie_beside_each_other(local):
    stream, _ = local.enter()
    rooms = [stream.room(0).flat for _ in range(4)]
    for i, room in enumerate(rooms):
        room.fill(i)
    assert [room[0] for room in rooms] == [0, 1, 2, 3]
    assert np.shares_memory(stream.room(1).flat, rooms[0])


@pytest.mark.parametrize(
    "packet", [b"\xff\xff", b"", pb.WorkerMessage(hello=pb.Hello(generation=7)).SerializeToString()]
)
def test_a_stranger_gets_nothing_and_harms_nobody(local, packet):
    with packets.connect(local.door.local.name, SECONDS) as stranger:
        stranger.send(packet) if packet else stranger.shutdown(socket.SHUT_WR)
        assert socket.recv_fds(stranger, 1, 2)[:2] == (b"", [])
    assert work_of(local.enter()[0].messages()).version == 0


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


def test_a_server_that_hangs_up_leaves_no_connection_open(local, recwarn):
    other = pb.Local(name=local.door.local.name, secret=b"of another server")
    with pytest.raises(OSError, match="hung up"):
        LocalStream(other, pb.Hello(), local.state.parameters.sizes)
    gc.collect()
    assert [str(warning.message) for warning in recwarn] == []


def test_elsewhere_nobody_answers(local):
    with pytest.raises(OSError, match="refused"):
        LocalStream(pb.Local(name="chainrule-of-another-host", secret=b"s"), pb.Hello(), local.state.parameters.sizes)
