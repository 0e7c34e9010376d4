"""Data shards: who owns which row, and in which order a shard visits its rows."""

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.nn import Array, Purpose, generator

Rows = NDArray[np.int64]
"""Indices of rows."""


@dataclass(frozen=True)
class Shard:
    """The rows of one shard, and its part of the validation rows, which may be none.

    Inputs X are (rows, n^0) float32; targets Y are class indices (rows,) int32, or numbers (rows, n^N) float32; weights
    are (rows,) float32, None where each row counts as one.
    """

    X: Array
    Y: NDArray[Any]
    validation_X: Array
    validation_Y: NDArray[Any]
    weights: Array | None = None
    validation_weights: Array | None = None

    @property
    def sha256(self) -> str:
        """The hash of all rows."""
        digest = hashlib.sha256()
        weights = [part for part in (self.weights, self.validation_weights) if part is not None]
        for part in (self.X, self.Y, self.validation_X, self.validation_Y, *weights):
            digest.update(f"{part.dtype.str} {part.shape}".encode())
            digest.update(np.ascontiguousarray(part).data)
        return digest.hexdigest()


def split_rows(
    rows: int, validation_fraction: float, shards: int, seed: int, classes: NDArray[np.int32] | None = None
) -> tuple[list[Rows], list[Rows]]:
    """Deal rows 0..rows-1 by a permutation: (training rows of each shard, validation rows of each shard), ascending.

    With the class of each row, each class has its share of the validation rows.
    """
    order = _permutation(rows, seed)
    validation = round(rows * validation_fraction)
    held = np.arange(rows) < validation if classes is None else _stratified(classes, order, validation)
    sizes = [n // shards + (i < n % shards) for n in (rows - validation, validation) for i in range(shards)]
    dealt = np.repeat(np.arange(2 * shards, dtype=_smallest(2 * shards)), sizes)
    owners, in_order = np.empty_like(dealt), np.empty_like(dealt)
    in_order[~held], in_order[held] = np.split(dealt, [rows - validation])
    owners[order] = in_order
    parts = np.split(np.argsort(owners, kind="stable"), np.cumsum(sizes)[:-1])
    return parts[:shards], parts[shards:]


def _permutation(rows: int, seed: int) -> Rows:
    """Return rows 0..rows-1 in the order of a random number each; a tie goes to the lower row.

    For millions of rows that is several times as fast as to swap them, which waits for the memory each time.
    """
    bits = rows.bit_length()
    keys = generator(seed, Purpose.DEAL_ROWS).integers(0, 1 << (64 - bits), rows, np.uint64)
    keys <<= np.uint64(bits)
    keys |= np.arange(rows, dtype=np.uint64)
    keys.sort()
    keys &= np.uint64((1 << bits) - 1)
    return keys.view(np.int64)


def _smallest(count: int) -> type[np.unsignedinteger[Any]]:
    """Return a type for numbers below `count`; NumPy sorts 8 and 16 bits by their digits, times as fast as others."""
    return np.uint8 if count <= 1 << 8 else np.uint16 if count <= 1 << 16 else np.uint64


def _stratified(classes: NDArray[np.int32], order: Rows, validation: int) -> NDArray[np.bool_]:
    """Return which places of the order are for validation: the first of each class, by largest remainders."""
    counts = np.bincount(classes)
    exact = counts * (validation / max(1, len(classes)))
    quotas = exact.astype(np.int64)
    quotas[np.argsort(quotas - exact, kind="stable")[: validation - quotas.sum()]] += 1
    places = np.argsort(classes.astype(_smallest(len(counts)))[order], kind="stable")
    held = np.zeros(len(classes), np.bool_)
    for start, quota in zip(np.cumsum(counts) - counts, quotas, strict=True):
        held[places[start : start + quota]] = True
    return held


def steps_per_epoch(rows_of_shards: tuple[int, ...], rows_per_shard: int) -> int:
    """Return the steps after which every shard has visited all its rows."""
    return -(-max(rows_of_shards) // rows_per_shard)


class RowOrder:
    """The order in which one shard visits its rows; it depends on (seed, epoch, shard) alone."""

    def __init__(self, seed: int, shard: int, rows: int, rows_per_step: int) -> None:
        self._seed, self._shard, self._rows, self._rows_per_step = seed, shard, rows, rows_per_step
        self._epoch, self._order = -1, np.empty(0, dtype=np.int64)

    def rows(self, epoch: int, step: int) -> Rows:
        """Return the rows that the shard contributes to a step of an epoch; fewer, or none, in the last one."""
        if epoch != self._epoch:
            self._order = generator(self._seed, Purpose.ORDER_OF_ROWS, epoch, self._shard).permutation(self._rows)
            self._epoch = epoch
        return self._order[step * self._rows_per_step : (step + 1) * self._rows_per_step]
