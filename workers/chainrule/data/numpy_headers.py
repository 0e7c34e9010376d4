"""The header of an NPY file: the array's shape, order and type, checked against the file's size."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from tokenize import TokenError
from typing import Any

import numpy as np
from numpy.lib import format as npy

from chainrule.data.faults import Faulty
from chainrule.data.files import File
from chainrule.data.magic import HEAD_BYTES
from chainrule.data.numpy_columns import usable
from chainrule.data.streams import Read, beyond, check_name
from chainrule.data.tables import check_count

VERSIONS = ((1, 0), (2, 0), (3, 0))
PICKLED = "carries pickled objects, which are never loaded; save arrays of numbers or texts"


@dataclass(frozen=True)
class Header:
    """What an array's header says of it."""

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]

    @property
    def row_shape(self) -> tuple[int, ...]:
        """The shape of one row."""
        return self.shape[1:]

    @property
    def columns(self) -> int:
        """How many numbers, or texts, a row has."""
        return prod(self.row_shape) * len(self.dtype.names or "x")

    @property
    def by_columns(self) -> bool:
        """Whether the values of a column stand together, not those of a row."""
        return self.fortran and len(self.shape) > 1

    @property
    def row_bytes(self) -> int:
        """The size of one row."""
        return prod(self.row_shape) * self.dtype.itemsize

    @property
    def size(self) -> int:
        """The size of all rows, in bytes."""
        return self.shape[0] * self.row_bytes

    @property
    def pickled(self) -> bool:
        """Whether the values are Python objects, which are never loaded."""
        return self.dtype.hasobject

    @property
    def useless(self) -> str | None:
        """Why no value of the array can be trained on, if so."""
        if self.pickled:
            return PICKLED
        if any(usable(kind) for kind in _kinds(self.dtype)):
            return None
        return f"holds values of type {self.dtype}, not numbers, texts or dates"


def _kinds(dtype: np.dtype[Any]) -> Iterator[np.dtype[Any]]:
    """Yield the type, or those of its fields."""
    if dtype.subdtype:
        yield from _kinds(dtype.subdtype[0])
    elif dtype.fields:
        for field in dtype.fields.values():
            yield from _kinds(field[0])
    else:
        yield dtype


def read_header(file: File, read: Read, size: int | None, limit: int) -> Header:
    """Return what the array's header says, if it is true. Raises Faulty.

    `size` is that of the array's file in bytes, None where it is not known, and `limit` what the rows may have.
    """
    counted = _Counted(read)
    try:
        header = _parsed(counted)
    except (ValueError, SyntaxError, OverflowError, TokenError) as error:
        check_name(file, counted.head + read(HEAD_BYTES), "NPY")
        raise Faulty(f"is not a NumPy file: {str(error).splitlines()[0].partition(': ')[0]}") from None
    if not header.shape:
        raise Faulty("holds a single value, not rows")
    if not header.row_bytes:
        raise Faulty("has rows without a value")
    check_count(header.columns)
    if size is not None and not header.pickled and size - counted.count != header.size:
        raise Faulty(f"says that it holds {header.size:,} bytes of rows, but has {size - counted.count:,}")
    if header.size > limit:
        raise beyond(limit)
    return header


def _parsed(counted: "_Counted") -> Header:
    version = npy.read_magic(counted)
    if version not in VERSIONS:
        raise ValueError(f"version {version} is not known")
    parse = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    header = Header(*parse(counted))
    if version == (3, 0):
        return Header(header.shape, header.fortran, _with_utf8_names(header.dtype))
    return header


def _with_utf8_names(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return a type whose fields have the names of format 3.0, which is 2.0 in UTF-8 instead of Latin-1."""
    if dtype.names:
        names = [name.encode("latin-1").decode() for name in dtype.names]
        dtype = np.dtype({"names": names, "formats": [dtype[name] for name in dtype.names]})
    return dtype


class _Counted:
    """A file for numpy's functions, which counts what they read, and keeps its first bytes."""

    def __init__(self, read: Read) -> None:
        self._read, self.count, self.head = read, 0, b""

    def read(self, count: int = -1, /) -> bytes:
        part = self._read(count)
        self.count += len(part)
        if len(self.head) < HEAD_BYTES:
            self.head += part
        return part
