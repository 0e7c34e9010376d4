"""The Exchange's messages on gRPC: chunks of weights and gradients are written and read without copies in between.

Protobuf copies a `bytes` field when a message is made, when it is read and when it is serialised. The bytes here are
the same as protobuf's, so that any client understands them.
"""

from collections.abc import Iterator
from typing import NamedTuple

from google.protobuf.message import Message

from chainrule.nn import Array
from chainrule.v1 import parameters_pb2 as pb
from chainrule.wire.bfloat16 import Halves
from chainrule.wire.chunks import to_views

_VARINT, _LENGTH = 0, 2  # protobuf's types of fields on the wire


class Chunk(NamedTuple):
    """A part of a flat buffer: its offset in bytes, and raw little-endian float32."""

    offset: int
    data: memoryview


def weights_frames(version: int, flat: Array) -> Iterator[bytes]:
    """Yield the flat buffer of a version as serialised ServerMessage."""
    for offset, data in to_views(flat):
        head = _field(1, version) + _field(2, offset) + _tag(3, _LENGTH) + _varint(len(data))
        yield b"".join((_tag(1, _LENGTH), _varint(len(head) + len(data)), head, data))


def gradient_frames(flat: Array | Halves) -> Iterator[bytes]:
    """Yield a gradient as serialised WorkerMessage."""
    for offset, data in to_views(flat):
        head = _field(1, offset) + _tag(2, _LENGTH) + _varint(len(data))
        yield b"".join((_tag(3, _LENGTH), _varint(len(head) + len(data)), head, data))


def to_bytes(message: Message | bytes) -> bytes:
    """Return a serialised message; a frame is one."""
    return message if isinstance(message, bytes) else message.SerializeToString()


def server_message(raw: bytes) -> pb.ServerMessage | Chunk:
    """Return what has come down: a chunk of the weights, or another message. Raises ValueError for nonsense."""
    if raw[:1] != _tag(1, _LENGTH):
        return pb.ServerMessage.FromString(raw)
    return _chunk(_fields(memoryview(raw))[1][1], offset=2, data=3)


def worker_message(raw: bytes) -> pb.WorkerMessage | Chunk:
    """Return what has come up: a chunk of a gradient, or another message. Raises ValueError for nonsense."""
    if raw[:1] != _tag(3, _LENGTH):
        return pb.WorkerMessage.FromString(raw)
    return _chunk(_fields(memoryview(raw))[1][3], offset=1, data=2)


def _chunk(raw: memoryview, *, offset: int, data: int) -> Chunk:
    numbers, parts = _fields(raw)
    return Chunk(numbers.get(offset, 0), parts.get(data, memoryview(b"")))


def _fields(raw: memoryview) -> tuple[dict[int, int], dict[int, memoryview]]:
    """Return a message's fields that are numbers, and those that are bytes, by their own numbers."""
    numbers, parts, at = {}, {}, 0
    while at < len(raw):
        key, at = _read_varint(raw, at)
        value, at = _read_varint(raw, at)
        if key & 7 == _VARINT:
            numbers[key >> 3] = value
        elif key & 7 == _LENGTH and at + value <= len(raw):
            parts[key >> 3] = raw[at : at + value]
            at += value
        else:
            raise ValueError("a chunk is cut short, or has fields that are neither numbers nor bytes")
    return numbers, parts


def _read_varint(raw: memoryview, at: int) -> tuple[int, int]:
    """Return a number of 7 bits a byte, the lowest first, and the place behind it."""
    value = shift = 0
    for place in range(at, min(at + 10, len(raw))):
        value |= (raw[place] & 127) << shift
        shift += 7
        if raw[place] < 128:
            return value, place + 1
    raise ValueError("a number is cut short")


def _varint(value: int) -> bytes:
    low = bytearray()
    while value > 127:
        low.append(value & 127 | 128)
        value >>= 7
    return bytes((*low, value))


def _tag(number: int, kind: int) -> bytes:
    return bytes((number << 3 | kind,))


def _field(number: int, value: int) -> bytes:
    return _tag(number, _VARINT) + _varint(value)
