"""Arrays <-> chunks of raw little-endian float32."""

from collections.abc import Iterator

import numpy as np

from chainrule.nn import Array, aligned_empty
from chainrule.wire.errors import ShapeMismatch

CHUNK_BYTES = 1 << 20
"""Well under gRPC's message limit of 4 MiB, and long enough to make the cost of a message small."""


def to_chunks(flat: Array) -> Iterator[tuple[int, bytes]]:
    """Yield (offset in bytes, bytes) until the flat buffer is told."""
    raw = np.ascontiguousarray(flat, dtype="<f4").data.cast("B")
    for offset in range(0, len(raw), CHUNK_BYTES):
        yield offset, bytes(raw[offset : offset + CHUNK_BYTES])


class Assembly:
    """A flat float32 buffer that is being received. Raises ShapeMismatch for a chunk that is out of place."""

    def __init__(self, size: int) -> None:
        self.flat = aligned_empty(size)
        self._raw = self.flat.data.cast("B") if size else memoryview(b"")
        self._received = 0

    def add(self, offset: int, data: bytes) -> None:
        """Put the next chunk in its place; chunks come in order."""
        if offset != self._received or offset + len(data) > len(self._raw):
            raise ShapeMismatch(
                f"a chunk of {len(data)} bytes at {offset}, expected at {self._received} of {len(self._raw)}"
            )
        self._raw[offset : offset + len(data)] = data
        self._received += len(data)

    @property
    def complete(self) -> bool:
        """Whether every byte has come."""
        return self._received == len(self._raw)
