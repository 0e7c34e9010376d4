"""The array types of the mathematics, and memory that suits the processor's vectors."""

import math
from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray

Array: TypeAlias = NDArray[np.floating[Any]]
"""A float32 array in training, a float64 array in proofs. Rows are examples."""

ALIGNMENT = 64
"""Bytes: one cache line, and one AVX-512 register."""

BLOCK = 131072
"""Numbers that are worked on at a time: a few float32 arrays of 512 KiB stay in the processor's caches, and threads
seldom wait for the interpreter, which each call of NumPy needs for a moment."""


def aligned_empty(shape: int | tuple[int, ...], dtype: DTypeLike = np.float32) -> Array:
    """Return an uninitialised, C-contiguous array whose first byte lies on a 64-byte boundary."""
    dtype = np.dtype(dtype)
    size = math.prod(shape if isinstance(shape, tuple) else (shape,)) * dtype.itemsize
    block = np.empty(size + ALIGNMENT, dtype=np.uint8)
    start = -block.ctypes.data % ALIGNMENT
    return block[start : start + size].view(dtype).reshape(shape)


def blocks(array: Array) -> Iterator[Array]:
    """Yield a flat array in views of up to BLOCK numbers."""
    for start in range(0, array.size, BLOCK):
        yield array[start : start + BLOCK]


def all_modest(array: Array) -> bool:
    """Whether Σ x² is finite over each block of a flat array: so is then any sum of some such arrays. One fast pass."""
    with np.errstate(over="ignore", invalid="ignore"):
        return all(np.isfinite(np.dot(block, block)) for block in blocks(array))


def all_finite(array: Array) -> bool:
    """Whether all numbers of a flat array are finite."""
    return all_modest(array) or all(bool(np.isfinite(block).all()) for block in blocks(array))
