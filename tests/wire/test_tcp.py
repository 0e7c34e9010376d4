import socket
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.wire import tcp
from chainrule.wire.errors import ShapeMismatch

SIZE, COUNT = 1000, 3


@pytest.fixture
def pair():
    near, far = socket.socketpair()
    with near, far:
        yield near, far


def received(frames, slots):
    """Send frames and an end; return the messages that were read."""
    near, far = socket.socketpair()
    with near, far:

        def send():
            tcp.send(near, frames)
            near.shutdown(socket.SHUT_WR)

        sending = threading.Thread(target=send)
        sending.start()
        reader = tcp.Reader(far)
        try:
            return list(reader.messages(slots))
        finally:
            reader.close()
            sending.join(10)


PIECES = st.tuples(st.integers(0, COUNT - 1), st.integers(0, SIZE), st.integers(0, SIZE))


@given(st.lists(st.one_of(st.binary(max_size=50), PIECES), max_size=12))
def test_messages_come_in_order_and_pieces_to_their_places(contents):
    source = np.random.default_rng(0).normal(size=SIZE).astype(np.float32)
    expected, slots = np.zeros((COUNT, SIZE), np.float32), np.zeros((COUNT, SIZE), np.float32)
    frames = []
    for content in contents:
        if isinstance(content, bytes):
            frames.append(tcp.message(content))
        else:
            slot, first, stop = content[0], *sorted(content[1:])
            expected[slot, first:stop] = source[first:stop]
            frames += tcp.piece(slot, source, first, stop)
    assert received(frames, slots) == [content for content in contents if isinstance(content, bytes)]
    np.testing.assert_array_equal(slots, expected)


@given(st.binary(min_size=1, max_size=40), st.data())
def test_what_is_cut_short_is_no_message(content, data):
    whole = tcp.message(content)
    cut = data.draw(st.integers(0, len(whole) - 1))
    assert received([whole, whole[:cut]], np.zeros((1, 1), np.float32)) == [content]


@pytest.mark.parametrize(
    ("slot", "first", "slots"), [(3, 0, (3, 10)), (0, 1, (3, 10)), (2**31, 0, (1, 10)), (0, 0, (0, 0))]
)
def test_a_piece_out_of_place_is_refused(slot, first, slots):
    frames = tcp.piece(slot, np.ones(first + 10, np.float32), first)
    with pytest.raises(ShapeMismatch, match=f"a piece of 40 bytes at {4 * first} in slot {slot}"):
        received(frames, np.zeros(slots, np.float32))


def test_a_message_without_end_is_refused():
    with pytest.raises(ShapeMismatch, match=f"at most {tcp.MOST_BYTES} are allowed"):
        received([tcp.message(bytes(tcp.MOST_BYTES + 1))[:100]], np.zeros((1, 1), np.float32))


def test_what_a_full_connection_does_not_take_is_left_over(pair):
    near, far = pair
    frames = [bytes([i]) * 10**5 for i in range(100)]
    left = tcp.send(near, frames, socket.MSG_DONTWAIT)
    assert left
    assert tcp.send(near, left, socket.MSG_DONTWAIT)
    sending = threading.Thread(target=tcp.send, args=(near, left))
    sending.start()
    with far.makefile("rb") as file:
        assert file.read(10**7) == b"".join(frames)
    sending.join(10)


def test_a_piece_is_read_when_it_is_sent(pair):
    near, far = pair
    source, slots = np.zeros(4, np.float32), np.zeros((1, 4), np.float32)
    frames = tcp.piece(0, source)
    source.fill(7)
    tcp.send(near, (*frames, tcp.message(b"m")))
    reader = tcp.Reader(far)
    assert next(reader.messages(slots)) == b"m"
    assert slots.tolist() == [[7] * 4]
    reader.close()


def test_nobody_listens_where_a_listener_was():
    listener = tcp.listen("127.0.0.1")
    port = listener.getsockname()[1]
    listener.close()
    with pytest.raises(OSError, match="refused"):
        tcp.connect("127.0.0.1", port, 5.0)


def test_the_sixth_version_of_the_internet_is_spoken_too():
    with tcp.listen("[::1]") as listener, tcp.connect("[::1]", listener.getsockname()[1], 5.0) as caller:
        taken, _ = listener.accept()
        with taken:
            caller.sendall(b"x")
            assert taken.recv(1) == b"x"
