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
from chainrule.data.fragments import Dialect, Digest, Fragment, row_ranges, rows_at_once
from chainrule.data.streams import Read, beyond, feed, full, packing, unpacked
from chainrule.data.tables import check_count


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


def plan_npy(file: File, dialect: Dialect, digest: Digest | None) -> Iterator[Fragment]:
    """Yield ranges of rows; of a compressed file the whole. `digest` takes in the file's bytes."""
    if packing(file.name):
        yield Fragment(file)
    else:
        with file.open() as opened:
            header = _header(full(opened.read), file.size, dialect.unpack_limit)
        yield from row_ranges(file, header.shape[0], header.columns)
    feed(file, digest)


def plan_npz(file: File, _: Dialect, digest: Digest | None) -> Iterator[Fragment]:
    """Yield the whole file. `digest` takes in its bytes."""
    yield Fragment(file)
    feed(file, digest)


def read_npy(fragment: Fragment, dialect: Dialect) -> Iterator[pa.Table]:
    """Yield the rows. Raises Faulty."""
    if fragment.stop is None:
        with unpacked(fragment.file, dialect.unpack_limit) as read:
            yield from _tables({"x": read}, {"x": None}, dialect.unpack_limit)
        return
    with fragment.file.open() as opened:
        header = _header(full(opened.read), fragment.file.size, dialect.unpack_limit)
        begin, step = opened.tell(), rows_at_once(header.columns)
        for start in range(fragment.start, fragment.stop, step):
            rows = _range(header, opened, begin, start, min(start + step, fragment.stop))
            yield pa.table(columns_of(rows, "x"))


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
    step = rows_at_once(sum(header.columns for header in headers.values()))  # the same for arrays side by side
    parts = [_rows(headers[name], read, step) for name, read in reads.items()]
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
        raise Faulty(f"is not a NumPy file: {str(error).splitlines()[0].partition(': ')[0]}") from None
    if header.dtype.hasobject:
        raise Faulty("carries pickled objects, which are never loaded; save arrays of numbers or texts")
    if not header.shape:
        raise Faulty("holds a single value, not rows")
    if not header.row_bytes:
        raise Faulty("has rows without a value")
    check_count(header.columns)
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


def _rows(header: Header, read: Read, step: int) -> Iterator[NDArray[Any]]:
    """Yield the rows in blocks of `step`."""
    rows = header.shape[0]
    if header.by_columns:  # the first row ends in the last column
        whole = np.ndarray(header.shape, header.dtype, _exactly(read, header.size), order="F")
        yield from (whole[start : start + step] for start in range(0, rows, step))
        return
    for start in range(0, rows, step):
        count = min(step, rows - start)
        yield np.ndarray((count, *header.row_shape), header.dtype, _exactly(read, count * header.row_bytes))


def _range(header: Header, opened: Any, begin: int, start: int, stop: int) -> NDArray[Any]:
    """Return some rows of a file whose first row begins at byte `begin`."""
    shape = (stop - start, *header.row_shape)

    def bytes_at(place: int, count: int) -> bytes:
        opened.seek(begin + place)
        return _exactly(full(opened.read), count)

    if not header.by_columns:
        data = bytes_at(start * header.row_bytes, shape[0] * header.row_bytes)
        return np.ndarray(shape, header.dtype, data)
    size = header.dtype.itemsize
    columns = (bytes_at((c * header.shape[0] + start) * size, shape[0] * size) for c in range(prod(header.row_shape)))
    return np.ndarray(shape, header.dtype, b"".join(columns), order="F")


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
