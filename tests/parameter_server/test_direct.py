import socket
import struct
from contextlib import suppress

import numpy as np
import pytest
from entrance import SECONDS, entrance, push, work_of

from chainrule.data.shard_tree import Node
from chainrule.parameter_server.direct import SMALL_BYTES, Outbox
from chainrule.parameter_server.doors import HELLO_SECONDS
from chainrule.v1 import parameters_pb2 as pb
from chainrule.wire import tcp
from chainrule.wire.errors import ShapeMismatch
from chainrule.wire.partials import Partial, Sums

HELLO = tcp.message(pb.WorkerMessage(hello=pb.Hello(generation=7)).SerializeToString())


@pytest.fixture
def direct(data):
    with entrance("direct", data()) as opened:
        yield opened


def dial(direct):
    return tcp.connect("127.0.0.1", direct.door.direct.port, SECONDS)


@pytest.mark.parametrize(
    "sent", [b"", b"\xff", HELLO, b"GET / HTTP/1.1\r\nHost: chainrule\r\n\r\n", tcp.message(b"\xff" * 9), b"\0" * 999]
)
def test_a_stranger_gets_nothing_and_harms_nobody(direct, sent):
    with dial(direct) as stranger:
        stranger.sendall(sent)
        stranger.shutdown(socket.SHUT_WR)
        with suppress(ConnectionResetError):  # the system's word for data that nobody has read
            assert stranger.recv(1) == b""
    assert work_of(direct.enter()[0].messages()).version == 0


@pytest.mark.parametrize("length", [0, 4, 2**20])
def test_a_stranger_finds_no_slot_to_write_into(direct, length):
    """Before its hello it is hung up on, however long it would go on sending."""
    with dial(direct) as stranger:
        stranger.settimeout(HELLO_SECONDS / 2)
        with suppress(ConnectionResetError, BrokenPipeError):  # maybe while it still sends
            stranger.sendall(struct.pack("<IIQ", length, 0, 0) + bytes(length))
            assert stranger.recv(1) == b""


@pytest.mark.parametrize(("slot", "offset", "length"), [(4, 0, 4), (0, 2**40, 4), (3, 4, 2**20)])
def test_a_piece_out_of_place_is_refused_with_the_reason(direct, slot, offset, length):
    """The reason arrives although much more is under way that the server does not read."""
    stream, _ = direct.enter()
    messages = stream.messages()
    work_of(messages)
    stream._connection.sendall(struct.pack("<IIQ", length, slot, offset) + bytes(2**20))
    with pytest.raises(ShapeMismatch, match=f"in slot {slot} does not fit the network"):
        list(messages)


def test_gradients_are_there_layer_by_layer_before_their_sums(direct):
    stream, _ = direct.enter()
    messages = stream.messages()
    work_of(messages)
    stream.room(0).flat.fill(1)
    stream.send_layer(2)
    stream.send_layer(1)
    ones = np.ones_like(direct.state.parameters.flat)
    stream.push(0, Node(0, 4), Partial(ones, Sums(1.0, 4.0), Sums()), 0.0)
    assert work_of(messages).version == 1


def test_weights_come_once_for_a_version(direct):
    """Work that is added within a version needs no weights."""
    stream, _ = direct.enter()
    other, _ = direct.enter()
    messages, later = stream.messages(), other.messages()
    version = work_of(messages).version
    push(stream, version, Node(0, 4), Partial(np.ones_like(stream.parameters.flat), Sums(1.0, 4.0), Sums()))
    assert work_of(messages).version == work_of(later).version == 1
    stream.parameters.flat.fill(0)
    other.close()
    assert work_of(messages).version == 1
    assert not stream.parameters.flat.any()


@pytest.fixture
def pair():
    listener = tcp.listen("127.0.0.1")
    with listener, tcp.connect("127.0.0.1", listener.getsockname()[1], SECONDS) as near, listener.accept()[0] as far:
        yield tcp.prepared(near), far


def read(connection, count):
    with connection.makefile("rb") as file:
        return file.read(count)


def test_an_outbox_keeps_the_order_of_small_and_large(pair):
    near, far = pair
    outbox, sent = Outbox(near), [bytes([i]) * size for i, size in enumerate((9, SMALL_BYTES * 8, 9, 1, SMALL_BYTES))]
    for frame in sent:
        outbox.put((frame,))
    assert read(far, sum(map(len, sent))) == b"".join(sent)
    outbox.close()
    assert far.recv(1) == b""


def test_an_outbox_never_waits_and_is_closed_though_nobody_reads(pair):
    near, _ = pair
    outbox = Outbox(near)
    for _ in range(100):
        outbox.put((bytes(SMALL_BYTES),))
    outbox.close()
    outbox._thread.join(SECONDS)
    assert not outbox._thread.is_alive()


def test_an_outbox_whose_reader_has_gone_takes_more(pair):
    near, far = pair
    far.close()
    outbox = Outbox(near)
    for _ in range(20):
        outbox.put((bytes(9), bytes(SMALL_BYTES)))
        outbox.put((bytes(9),))
    outbox.close()
