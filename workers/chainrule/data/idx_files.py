"""IDX, the format of MNIST -> tables: the pixels p0, p1, ... of an image, and its label.

http://yann.lecun.com/exdb/mnist: two zero bytes, the type, the number of dimensions, each as 4 bytes, then the values,
all with the most significant byte first. A file of images has its labels beside it, under the name that MNIST gives.
"""

import struct
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from chainrule.data.faults import Faulty
from chainrule.data.files import File
from chainrule.data.fragments import Dialect, Digest, Fragment, row_ranges, rows_at_once
from chainrule.data.magic import HEAD_BYTES
from chainrule.data.numpy_columns import Columns, columns_of, table_of
from chainrule.data.streams import Read, check_name, feed, packing, skippable
from chainrule.data.tables import check_count

TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
MOST_DIMENSIONS = 8


def plan(file: File, dialect: Dialect, digest: Digest | None) -> Iterator[Fragment]:
    """Yield ranges of rows; of a compressed file the whole. `digest` takes in its bytes, and those of its labels."""
    if packing(file.name):
        yield Fragment(file)
    else:
        with _arrays(file, dialect) as arrays:
            rows, columns = arrays[0].shape[0], sum(array.columns for array in arrays)
        yield from row_ranges(file, rows, columns)
    feed(file, digest)
    if (labels := labels_of(file)) is not None:
        feed(labels, digest)


def labels_of(file: File) -> File | None:
    """Return the file of labels that lies beside a file of images: t10k-labels-idx1-ubyte.gz."""
    folder, slash, name = file.path.rpartition("/")
    beside = name.replace("images", "labels").replace("idx3", "idx1")
    info = file.filesystem.get_file_info(f"{folder}{slash}{beside}")
    if beside == name or not info.is_file:
        return None
    shown = f"{file.name.removesuffix(name)}{beside}"
    return replace(file, name=shown, path=str(info.path), size=info.size, changed=info.mtime_ns)


def read(fragment: Fragment, dialect: Dialect) -> Iterator[pa.Table]:
    """Yield the rows. Raises Faulty."""
    with _arrays(fragment.file, dialect) as arrays:
        rows, step = arrays[0].shape[0], rows_at_once(sum(array.columns for array in arrays))
        for array in arrays:
            array.skip(fragment.start * array.row_bytes)
        for start in range(fragment.start, rows if fragment.stop is None else fragment.stop, step):
            columns: Columns = []
            for name, array in zip(("p", "label"), arrays, strict=False):
                columns += columns_of(_rows(array, start, min(start + step, rows)), name)
            yield table_of(columns)


@dataclass(frozen=True)
class _Array:
    """A file of which the header has been read: where its rows come from, and what they are."""

    read: Read
    skip: Callable[[int], object]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def columns(self) -> int:
        return prod(self.shape[1:])

    @property
    def row_bytes(self) -> int:
        return self.columns * self.dtype.itemsize


@contextmanager
def _arrays(file: File, dialect: Dialect) -> Iterator[list[_Array]]:
    """Give a file's array, and that of its labels, if any. Raises Faulty."""
    labels = labels_of(file)
    with ExitStack() as stack:
        files = [file, *([labels] if labels else [])]
        arrays = [_array(each, *stack.enter_context(skippable(each, dialect.unpack_limit))) for each in files]
        if len({array.shape[0] for array in arrays}) > 1:
            images, names = arrays[0].shape[0], arrays[1].shape[0]
            raise Faulty(f"holds {images:,} images, but {files[1].name} {names:,} labels")
        yield arrays


def _array(file: File, read_next: Read, skip: Callable[[int], object]) -> _Array:
    magic = read_next(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in TYPES or not 1 <= magic[3] <= MOST_DIMENSIONS:
        check_name(file, magic + read_next(HEAD_BYTES - len(magic)), "IDX")
        raise Faulty("is not an IDX file: it does not begin with its magic number")
    dimensions = read_next(4 * magic[3])
    if len(dimensions) < 4 * magic[3]:
        raise Faulty("is not a whole IDX file: it ends in its header")
    array = _Array(read_next, skip, struct.unpack(f">{magic[3]}I", dimensions), np.dtype(TYPES[magic[2]]))
    if not array.row_bytes:
        raise Faulty("has rows without a value")
    check_count(array.columns)
    size = 4 + len(dimensions) + array.shape[0] * array.row_bytes
    if not packing(file.name) and file.size != size:
        raise Faulty(f"says that it holds {size:,} bytes, but has {file.size:,}")
    return array


def _rows(array: _Array, start: int, stop: int) -> NDArray[Any]:
    size = (stop - start) * array.row_bytes
    data = array.read(size)
    if len(data) < size:
        raise Faulty(f"ends {size - len(data):,} bytes too early")
    if stop == array.shape[0] and array.read(1):
        raise Faulty("has bytes behind its last row")
    return np.ndarray((stop - start, *array.shape[1:]), array.dtype, data)
