"""NPY and NPZ -> tables. A matrix has the columns x0, x1, ...; the arrays of an NPZ stand beside each other.

Arrays of an NPZ that are named x_train, y_train, x_test, ... are read one part at a time, without it in their names.
Columns of values that cannot be trained on (complex, void, objects) are binary; their field's metadata tells the type.
"""

import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from math import prod
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from chainrule.data.faults import Faulty, sentence
from chainrule.data.files import File
from chainrule.data.fragments import Dialect, Digest, Fragment, row_ranges, rows_at_once
from chainrule.data.numpy_columns import Columns, absent, columns_of, table_of
from chainrule.data.numpy_headers import Header, read_header
from chainrule.data.numpy_parts import Named, arrays_of, check_lengths
from chainrule.data.streams import Read, beyond, check_beginning, feed, full, packing, unpacked

SPARSE = {"indices", "indptr", "format", "shape", "data"}


class _Array(NamedTuple):
    """An array of which the header has been read: what its columns are called, and where its rows come from."""

    column: str
    header: Header
    read: Read


def plan_npy(file: File, dialect: Dialect, digest: Digest | None) -> Iterator[Fragment]:
    """Yield ranges of rows; of a compressed file the whole. `digest` takes in the file's bytes."""
    if packing(file.name):
        yield Fragment(file)
    else:
        with file.open() as opened:
            header = _usable(read_header(file, full(opened.read), file.size, dialect.unpack_limit))
        yield from row_ranges(file, header.shape[0], header.columns)
    feed(file, digest)


def plan_npz(file: File, _: Dialect, digest: Digest | None) -> Iterator[Fragment]:
    """Yield the whole file. `digest` takes in its bytes."""
    yield Fragment(file)
    feed(file, digest)


def read_npy(fragment: Fragment, dialect: Dialect) -> Iterator[pa.Table]:
    """Yield the rows. Raises Faulty."""
    file, limit = fragment.file, dialect.unpack_limit
    if fragment.stop is None:
        with unpacked(file, limit) as read:
            header = _usable(read_header(file, read, None, limit))
            yield from _tables([_Array("x", header, read)], bare=False)
        return
    with file.open() as opened:
        header = read_header(file, full(opened.read), file.size, limit)
        begin, step = opened.tell(), rows_at_once(header.columns)
        for start in range(fragment.start, fragment.stop, step):
            rows = _range(header, opened, begin, start, min(start + step, fragment.stop))
            yield table_of(columns_of(rows, "x"))


def read_npz(fragment: Fragment, dialect: Dialect, part: str | None = None) -> Iterator[pa.Table]:
    """Yield the rows: of one `part` ("train", "test", "validation") where the arrays' names tell parts. Raises Faulty.

    By default that is the training rows where such are told.
    """
    with ExitStack() as stack:
        opened = stack.enter_context(fragment.file.open())
        try:
            archive = stack.enter_context(zipfile.ZipFile(opened))
            members = _members(archive)
            if sum(info.file_size for info in members.values()) > dialect.unpack_limit:
                raise beyond(dialect.unpack_limit)
            chosen = [
                _array(fragment.file, named, archive, members[named.name], stack, dialect.unpack_limit)
                for named in arrays_of(members, part)
            ]
            check_lengths({name.name: array.header.shape[0] for name, array in chosen})
            if all(array.header.useless for _, array in chosen):
                _usable(chosen[0][1].header)
            yield from _tables([array for _, array in chosen], bare=True)
        except (zipfile.BadZipFile, zlib.error, RuntimeError, EOFError, OSError, pa.ArrowInvalid) as error:
            check_beginning(fragment.file, "NPZ")
            raise Faulty(f"is not a whole NPZ file: {sentence(error)}") from None


def _members(archive: zipfile.ZipFile) -> Mapping[str, zipfile.ZipInfo]:
    """Return the archive's arrays by their names. Raises Faulty where it has none."""
    members = {info.filename.removesuffix(".npy"): info for info in archive.infolist() if not info.is_dir()}
    if members.keys() >= SPARSE:
        raise Faulty("holds a sparse matrix of SciPy; save it dense: numpy.savez(path, x=matrix.toarray())")
    arrays = {name: info for name, info in members.items() if info.filename.endswith(".npy")}
    if not arrays and members:
        raise Faulty(
            f"is a zip archive without an array of NumPy; it has {', '.join(list(members)[:8])}: unpack it first"
        )
    return arrays


def _array(
    file: File, named: Named, archive: zipfile.ZipFile, info: zipfile.ZipInfo, stack: ExitStack, limit: int
) -> tuple[Named, _Array]:
    read = full(stack.enter_context(archive.open(info)).read)
    try:
        header = read_header(file, read, info.file_size, limit)
    except Faulty as error:
        raise Faulty(f"has the array {named.name!r}, which {error.fault.problem}") from None
    return named, _Array(named.column, header, read)


def _usable(header: Header) -> Header:
    """Return the header. Raises Faulty where no value of the array can be trained on."""
    if header.useless:
        raise Faulty(header.useless)
    return header


def _tables(arrays: list[_Array], *, bare: bool) -> Iterator[pa.Table]:
    step = rows_at_once(sum(array.header.columns for array in arrays))  # the same for arrays side by side
    for pieces in zip(*[_pieces(array, step, bare) for array in arrays], strict=True):
        yield table_of([column for columns in pieces for column in columns])


def _pieces(array: _Array, step: int, bare: bool) -> Iterator[Columns]:
    """Yield the array's columns in blocks of `step` rows."""
    column, header, read = array
    starts = range(0, header.shape[0], step)
    if header.pickled:
        counts = (min(step, header.shape[0] - start) for start in starts)
        yield from (absent(header.dtype, header.row_shape, count, column) for count in counts)
        return
    if header.by_columns:  # the first row ends in the last column
        whole = np.ndarray(header.shape, header.dtype, _exactly(read, header.size), order="F")
        yield from (columns_of(whole[start : start + step], column, bare=bare) for start in starts)
        return
    for start in starts:
        shape = (min(step, header.shape[0] - start), *header.row_shape)
        rows = np.ndarray(shape, header.dtype, _exactly(read, shape[0] * header.row_bytes))
        yield columns_of(rows, column, bare=bare)


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
