"""How a file is to be read, and which part of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from chainrule.data.files import File
from chainrule.data.values import STANDARD, ValueFormat

TABBED = (".tsv", ".tab")
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
    """What a job says of its files' format; what is None follows from their names and first rows.

    `part` is that of an NPZ file with arrays for training and for tests. `values` says how texts are values. Where the
    delimiter was `guessed` from a file, files whose names say that they have tabs have tabs.
    """

    format: str | None = None
    delimiter: str | None = None
    header: bool | None = None
    unpack_limit: int = UNPACK_LIMIT
    encoding: str | None = None
    part: str | None = None
    values: ValueFormat = STANDARD
    guessed: bool = False

    def given_delimiter(self, file: File) -> str | None:
        """Return the delimiter that the job, its format or the file's name gives, None where the first rows do."""
        tabs = self.format == "tsv" or any(suffix in file.name.lower() for suffix in TABBED)
        return self.delimiter if self.delimiter and not (self.guessed and tabs) else "\t" if tabs else None


@dataclass(frozen=True)
class Selection:
    """Which columns are read: those named, by default all, but those to `ignore`. Those in `text` keep their words."""

    columns: frozenset[str] | None = None
    ignore: frozenset[str] = frozenset()
    text: frozenset[str] = frozenset()

    def wants(self, name: str) -> bool:
        """Return whether a column is read."""
        return name not in self.ignore and (self.columns is None or name in self.columns)


ALL = Selection()


@dataclass(frozen=True)
class Fragment:
    """A part of a file: bytes, row groups, record batches or rows from `start` to `stop`; None: to the end.

    `names` are the columns of the file where they are known before it is read. Where `surplus`, each row of a text file
    ends in a delimiter that the header line lacks. `delimiter` and `encoding` are those of a text file where its first
    rows tell them.
    """

    file: File
    names: tuple[str, ...] = ()
    start: int = 0
    stop: int | None = None
    surplus: bool = False
    selection: Selection = ALL
    encoding: str | None = None
    delimiter: str = ","

    @property
    def as_text(self) -> tuple[str, ...]:
        """The columns whose own words are wanted."""
        return tuple(sorted(self.selection.text))


def rows_at_once(columns: int) -> int:
    """Return the rows of a block of so many columns."""
    return max(1, min(BLOCK_ROWS, BLOCK_BYTES // (8 * max(1, columns))))


def row_ranges(file: File, rows: int, columns: int) -> Iterator[Fragment]:
    """Yield fragments of whole blocks, BLOCK_BYTES at most, of a file from whose rows anyone may be read."""
    step = rows_at_once(columns)
    step *= max(1, BLOCK_BYTES // (8 * columns * step))
    return (Fragment(file, start=start, stop=min(start + step, rows)) for start in range(0, rows, step))
