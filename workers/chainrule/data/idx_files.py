"""IDX, the format of MNIST -> tables: the pixels p0, p1, ... of an image, and its label.

http://yann.lecun.com/exdb/mnist: two zero bytes, the type, the number of dimensions, each as 4 bytes, then the values,
all with the most significant byte first. A file of images has its labels beside it, under the name that MNIST gives.
"""

import struct
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from chainrule.data.faults import Faulty
from chainrule.data.files import File
from chainrule.data.fragments import BLOCK_ROWS, Dialect, Digest, Fragment
from chainrule.data.numpy_files import columns_of
from chainrule.data.streams import Read, feed, packing, unpacked

TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def plan(file: File, _: Dialect, digest: Digest | None) -> Iterator[Fragment]:
    """Yield the whole file. `digest` takes in its bytes, and those of its labels."""
    yield Fragment(file)
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
    labels = labels_of(fragment.file)
    with ExitStack() as stack:
        files = [fragment.file, *([labels] if labels else [])]
        parts = [_array(file, stack.enter_context(unpacked(file, dialect.unpack_limit))) for file in files]
        if len({shape[0] for _, shape, _ in parts}) > 1:
            raise Faulty(f"holds {parts[0][1][0]:,} images, but {files[1].name} {parts[1][1][0]:,} labels")
        for start in range(0, parts[0][1][0], BLOCK_ROWS):
            columns: dict[str, Any] = {}
            for name, part in zip(("p", "label"), parts, strict=False):
                columns |= columns_of(_rows(part, start), name)
            yield pa.table(columns)


_Array = tuple[Read, tuple[int, ...], np.dtype[Any]]


def _array(file: File, read_next: Read) -> _Array:
    """Return (where its rows come from, its shape, the type of its values). Raises Faulty."""
    magic = read_next(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in TYPES or magic[3] == 0:
        raise Faulty("is not an IDX file: it does not begin with its magic number")
    dimensions = read_next(4 * magic[3])
    if len(dimensions) < 4 * magic[3]:
        raise Faulty("is not a whole IDX file: it ends in its header")
    shape, dtype = struct.unpack(f">{magic[3]}I", dimensions), np.dtype(TYPES[magic[2]])
    size = 4 + len(dimensions) + prod(shape) * dtype.itemsize
    if not packing(file.name) and file.size != size:
        raise Faulty(f"says that it holds {size:,} bytes, but has {file.size:,}")
    return read_next, shape, dtype


def _rows(part: _Array, start: int) -> NDArray[Any]:
    read_next, shape, dtype = part
    count = min(BLOCK_ROWS, shape[0] - start)
    size = count * prod(shape[1:]) * dtype.itemsize
    data = read_next(size)
    if len(data) < size:
        raise Faulty(f"ends {size - len(data):,} bytes too early")
    if start + count == shape[0] and read_next(1):
        raise Faulty("has bytes behind its last row")
    return np.ndarray((count, *shape[1:]), dtype, data)
