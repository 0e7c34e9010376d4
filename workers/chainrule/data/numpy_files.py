"""NPY and NPZ -> tables. A matrix has the columns x0, x1, ...; the arrays of an NPZ stand beside each other."""

import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from math import prod
from tokenize import TokenError
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.lib import format as npy
from numpy.typing import NDArray

from chainrule.data.faults import Faulty, sentence
from chainrule.data.files import File
from chainrule.data.fragments import BLOCK_ROWS, Dialect, Digest, Fragment
from chainrule.data.streams import Read, beyond, feed, full, packing, unpacked

BLOCK_BYTES = 64 << 20


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
    def row_bytes(self) -> int:
        """The size of one row."""
        return prod(self.row_shape) * self.dtype.itemsize

    @property
    def size(self) -> int:
        """The size of all rows, in bytes."""
        return self.shape[0] * self.row_bytes


def plan(file: File, _: Dialect, digest: Digest | None) -> Iterator[Fragment]:
    """Yield the whole file. `digest` takes in its bytes."""
    yield Fragment(file)
    feed(file, digest)


def read_npy(fragment: Fragment, dialect: Dialect) -> Iterator[pa.Table]:
    """Yield the rows. Raises Faulty."""
    with unpacked(fragment.file, dialect.unpack_limit) as read:
        size = None if packing(fragment.file.name) else fragment.file.size
        yield from _tables({"x": read}, {"x": size}, dialect.unpack_limit)


def read_npz(fragment: Fragment, dialect: Dialect) -> Iterator[pa.Table]:
    """Yield the rows. Raises Faulty."""
    with ExitStack() as stack:
        opened = stack.enter_context(fragment.file.open())
        try:
            archive = stack.enter_context(zipfile.ZipFile(opened))
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            if sum(info.file_size for info in members.values()) > dialect.unpack_limit:
                raise beyond(dialect.unpack_limit)
            reads = {name: full(stack.enter_context(archive.open(info)).read) for name, info in members.items()}
            sizes = {name: info.file_size for name, info in members.items()}
            yield from _tables(reads, sizes, dialect.unpack_limit)
        except (zipfile.BadZipFile, zlib.error, RuntimeError, EOFError, OSError, pa.ArrowInvalid) as error:
            raise Faulty(f"is not a whole NPZ file: {sentence(error)}") from None


def _tables(reads: Mapping[str, Read], sizes: Mapping[str, int | None], limit: int) -> Iterator[pa.Table]:
    headers = {name: _header(read, sizes[name], limit) for name, read in reads.items()}
    lengths = {name: header.shape[0] for name, header in headers.items()}
    if len(set(lengths.values())) != 1:
        told = ", ".join(f"{name} {length}" for name, length in lengths.items()) or "none"
        raise Faulty(f"must hold arrays of the same number of rows; it has {told}")
    parts = [_rows(headers[name], read) for name, read in reads.items()]
    for pieces in zip(*parts, strict=True):
        columns: dict[str, Any] = {}
        for name, piece in zip(reads, pieces, strict=True):
            columns |= columns_of(piece, name)
        yield pa.table(columns)


def _header(read: Read, size: int | None, limit: int) -> Header:
    """Return what the array's header says, if it is true. Raises Faulty."""
    counted = _Counted(read)
    try:
        version = npy.read_magic(counted)
        if version not in ((1, 0), (2, 0)):
            raise ValueError(f"version {version} is not known")
        read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        header = Header(*read_header(counted))
    except (ValueError, SyntaxError, OverflowError, TokenError) as error:
        raise Faulty(f"is not a NumPy file: {str(error).splitlines()[0]}") from None
    if header.dtype.hasobject:
        raise Faulty("carries pickled objects, which are never loaded; save arrays of numbers or texts")
    if not header.shape:
        raise Faulty("holds a single value, not rows")
    if size is not None and size - counted.count != header.size:
        raise Faulty(f"says that it holds {header.size:,} bytes of rows, but has {size - counted.count:,}")
    if header.size > limit:
        raise beyond(limit)
    return header


class _Counted:
    """A file for numpy's functions, which counts what they read."""

    def __init__(self, read: Read) -> None:
        self._read, self.count = read, 0

    def read(self, count: int = -1, /) -> bytes:
        part = self._read(count)
        self.count += len(part)
        return part


def _rows(header: Header, read: Read) -> Iterator[NDArray[Any]]:
    """Yield the rows in blocks whose size follows from the header of this array's file alone."""
    rows = header.shape[0]
    if header.fortran and len(header.shape) > 1:  # the first row ends in the last column
        whole = np.ndarray(header.shape, header.dtype, _exactly(read, header.size), order="F")
        yield from (whole[start : start + BLOCK_ROWS] for start in range(0, rows, BLOCK_ROWS))
        return
    for start in range(0, rows, BLOCK_ROWS):
        count = min(BLOCK_ROWS, rows - start)
        yield np.ndarray((count, *header.row_shape), header.dtype, _exactly(read, count * header.row_bytes))


def _exactly(read: Read, count: int) -> bytes:
    data = read(count)
    if len(data) != count:
        raise Faulty(f"ends {count - len(data):,} bytes too early")
    return data


def columns_of(rows: NDArray[Any], name: str) -> dict[str, Any]:
    """Return the columns of rows of any shape: `name` alone, name0, name1, ..., or an array's own fields."""
    if rows.dtype.names:
        return {field: part for each in rows.dtype.names for field, part in columns_of(rows[each], each).items()}
    if rows.ndim == 1:
        return {name: _column(rows)}
    flat = rows.reshape(len(rows), -1)
    return {f"{name}{i}": _column(np.ascontiguousarray(column)) for i, column in enumerate(flat.T)}


def _column(values: NDArray[Any]) -> Any:
    native = values.astype(values.dtype.newbyteorder("="), copy=False)
    if native.dtype.kind not in "biufUSMm":
        raise Faulty(f"holds values of type {native.dtype}, not numbers, texts or dates")
    return pa.array(native.astype(str) if native.dtype.kind == "S" else native)
