"""Flat arrays <-> chunks of raw little-endian numbers: float32, or the upper halves of some."""

from collections.abc import Iterator

import numpy as np

from chainrule.nn import Array
from chainrule.wire.bfloat16 import Halves
from chainrule.wire.errors import ShapeMismatch

CHUNK_BYTES = 1 << 20
"""Well under gRPC's message limit of 4 MiB, and long enough to make the cost of a message small."""


def to_chunks(flat: Array) -> Iterator[tuple[int, bytes]]:
    """Yield (offset in bytes, bytes) until the flat buffer is through."""
    for offset, data in to_views(flat):
        yield offset, bytes(data)


def to_views(flat: Array | Halves) -> Iterator[tuple[int, memoryview]]:
    """Yield the same without a copy, where the buffer is contiguous."""
    number = "<u2" if flat.dtype == np.uint16 else "<f4"
    raw = np.ascontiguousarray(flat, number).data.cast("B") if flat.size else memoryview(b"")
    for offset in range(0, len(raw), CHUNK_BYTES):
        yield offset, raw[offset : offset + CHUNK_BYTES]


class Assembly:
    """Receives a flat buffer chunk by chunk. Raises ShapeMismatch for a chunk that is out of place."""

    def __init__(self, flat: Array | Halves) -> None:
        self.flat = flat
        self._raw = flat.data.cast("B") if flat.size else memoryview(b"")
        self._received = 0

    def add(self, offset: int, data: bytes | memoryview) -> bool:
        """Put the next chunk, they come in order, in its place. Return whether the buffer is complete."""
        if offset != self._received or offset + len(data) > len(self._raw):
            raise ShapeMismatch(
                f"a chunk of {len(data)} bytes at {offset}, expected at {self._received} of {len(self._raw)}"
            )
        self._raw[offset : offset + len(data)] = data
        self._received += len(data)
        return self._received == len(self._raw)
