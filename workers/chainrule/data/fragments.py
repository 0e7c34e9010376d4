"""How a file is to be read, and which part of it."""

from dataclasses import dataclass
from typing import Protocol

from chainrule.data.files import File

DELIMITERS = {".tsv": "\t", ".tab": "\t"}
UNPACK_LIMIT = 1 << 36
BLOCK_ROWS = 1 << 16
"""The rows of a block, in formats that are not text."""


class Digest(Protocol):
    """What takes in a file's bytes."""

    def update(self, data: bytes, /) -> None:
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
    """A part of a file: bytes or row groups from `start` to `stop`; None: to the end.

    Of a text file the columns' `names` are known, and the columns that are to be read `as_text`.
    """

    file: File
    names: tuple[str, ...] = ()
    start: int = 0
    stop: int | None = None
    as_text: tuple[str, ...] = ()
