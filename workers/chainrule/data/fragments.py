"""How a file is to be read, and which part of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from chainrule.data.files import File

DELIMITERS = {".tsv": "\t", ".tab": "\t"}
UNPACK_LIMIT = 1 << 36
BLOCK_ROWS, BLOCK_BYTES = 1 << 16, 32 << 20
"""What a block has at most in formats that are not text: so many rows, of which a column fits the cache, and so many
bytes as float64 numbers."""


class Digest(Protocol):
    """What takes in a file's bytes."""

    def update(self, data: bytes | memoryview, /) -> None:
        """Take in the next bytes."""


@dataclass(frozen=True)
class Dialect:
    """What a job says of its files' format; what is None follows from their names."""

    format: str | None = None
    delimiter: str | None = None
    header: bool = True
    unpack_limit: int = UNPACK_LIMIT

    def delimiter_of(self, file: File) -> str:
        """Return what stands between two values of a text file."""
        suffix = next((suffix for suffix in DELIMITERS if suffix in file.name.lower()), "")
        return self.delimiter or ("\t" if self.format == "tsv" else DELIMITERS.get(suffix, ","))


@dataclass(frozen=True)
class Fragment:
    """A part of a file: bytes, row groups, record batches or rows from `start` to `stop`; None: to the end.

    Of a text file the columns' `names` are known, and the columns that are to be read `as_text`.
    """

    file: File
    names: tuple[str, ...] = ()
    start: int = 0
    stop: int | None = None
    as_text: tuple[str, ...] = ()


def rows_at_once(columns: int) -> int:
    """Return the rows of a block of so many columns."""
    return max(1, min(BLOCK_ROWS, BLOCK_BYTES // (8 * max(1, columns))))


def row_ranges(file: File, rows: int, columns: int) -> Iterator[Fragment]:
    """Yield fragments of whole blocks, BLOCK_BYTES at most, of a file from whose rows anyone may be read."""
    step = rows_at_once(columns)
    step *= max(1, BLOCK_BYTES // (8 * columns * step))
    return (Fragment(file, start=start, stop=min(start + step, rows)) for start in range(0, rows, step))
