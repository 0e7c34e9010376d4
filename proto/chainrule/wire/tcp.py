"""The Exchange over a TCP connection of its own: messages, and pieces of arrays that are never copied in between.

Every frame is a head, and then so many bytes. Those of a piece go from an array of the sender into one of the receiver,
which knows it by a slot's number.
"""

import contextlib
import socket
import struct
import time
from collections.abc import Iterator, Sequence
from typing import TypeAlias

import numpy as np

from chainrule.nn import Array
from chainrule.wire.bfloat16 import Halves
from chainrule.wire.errors import ShapeMismatch

Buffer: TypeAlias = bytes | memoryview

_HEAD = struct.Struct("<IIQ")  # bytes that follow; slot; offset in the slot, in bytes
_MESSAGE = 2**32 - 1  # in place of a slot
MOST_BYTES = 16 << 20
"""No message is longer: only pieces are large."""
NO_SLOTS = np.empty((0, 0), np.float32)
"""For who may not send a piece yet."""
_OPTIONS = (
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),  # a host that has vanished is found after 25 s
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 10),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
)


def listen(host: str) -> socket.socket:
    """Return a socket that listens on a free port. Raises OSError."""
    host = host.strip("[]")
    family = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)[0][0]
    return socket.create_server((host, 0), family=family)


def connect(host: str, port: int, seconds: float) -> socket.socket:
    """Return a connection. Raises OSError where nobody listens, or nothing gets through in time."""
    return prepared(socket.create_connection((host.strip("[]"), port), seconds))


def prepared(connection: socket.socket) -> socket.socket:
    """Let small frames go at once, nothing time out, and a host that vanishes be found."""
    for option in _OPTIONS:
        connection.setsockopt(*option)
    connection.settimeout(None)  # one with a timeout would wait for it although a flag says not to
    return connection


def message(raw: bytes) -> bytes:
    """Return the frame of a message."""
    return _HEAD.pack(len(raw), _MESSAGE, 0) + raw


def piece(slot: int, flat: Array | Halves, first: int = 0, stop: int | None = None) -> tuple[Buffer, Buffer]:
    """Return the frame of flat[first:stop], which is read when it is sent."""
    part = flat[first:stop]
    return _HEAD.pack(part.nbytes, slot, flat.itemsize * first), part.data.cast("B") if part.size else b""


def send(connection: socket.socket, frames: Sequence[Buffer], flags: int = 0) -> Sequence[Buffer]:
    """Send what the connection takes, and return what is left: nothing, unless a flag says not to wait."""
    while frames:
        try:
            sent = connection.sendmsg(frames, (), flags)
        except BlockingIOError:
            break
        frames = _behind(frames, sent)
    return frames


def _behind(frames: Sequence[Buffer], sent: int) -> Sequence[Buffer]:
    for i, frame in enumerate(frames):
        if sent < len(frame):
            return memoryview(frame)[sent:], *frames[i + 1 :]
        sent -= len(frame)
    return ()


class Places:
    """Where pieces belong, in slots (count, size)."""

    def __init__(self, slots: Array | Halves) -> None:
        self._raw = slots.reshape(-1).data.cast("B") if slots.size else memoryview(b"")
        self._count, self._bytes = len(slots), slots.shape[1] * slots.itemsize

    def of(self, slot: int, offset: int, length: int) -> memoryview:
        """Return the place of a piece. Raises ShapeMismatch where there is none."""
        if slot >= self._count or offset + length > self._bytes:
            raise ShapeMismatch(f"a piece of {length} bytes at {offset} in slot {slot} does not fit the network")
        start = slot * self._bytes + offset
        return self._raw[start : start + length]


class Reader:
    """Reads frames. Raises OSError and ShapeMismatch."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection, self._file = connection, connection.makefile("rb")

    def messages(self, slots: Array | Halves = NO_SLOTS) -> Iterator[bytes]:
        """Yield messages until the other side has ended the connection; pieces go to their places in `slots`."""
        places = Places(slots)
        while len(head := self._file.read(_HEAD.size)) == _HEAD.size:
            length, slot, offset = _HEAD.unpack(head)
            if slot != _MESSAGE:
                self._file.readinto(places.of(slot, offset, length))
            elif length > MOST_BYTES:
                raise ShapeMismatch(f"a message of {length} bytes, at most {MOST_BYTES} are allowed")
            elif len(raw := self._file.read(length)) == length:
                yield raw

    def drain(self, seconds: float) -> None:
        """Read on to the end, for so long at most."""
        end = time.monotonic() + seconds
        self._connection.settimeout(seconds)
        with contextlib.suppress(OSError):
            while self._connection.recv(1 << 16) and time.monotonic() < end:
                pass

    def close(self) -> None:
        """Let go of the connection, which ends when all have."""
        self._file.close()
