"""How many different values there are, in little memory: the K smallest hashes (Bar-Yossef et al. 2002)."""

from typing import Any

import numpy as np
import pyarrow as pa
import xxhash

from chainrule.data.tables import is_text, typed_numbers

K = 4096
"""The count is exact up to this number of different values; beyond, its standard error is 1 / √K, 1.6 %."""


class Distinct:
    """Counts different values of a column, part by part. Values of different types are different."""

    def __init__(self) -> None:
        self._smallest = np.empty(0, np.uint64)

    def add(self, column: Any) -> None:
        """Take in the values of a tidy column; missing ones do not count."""
        values = column.dictionary.take(column.indices.unique().drop_null()) if is_text(column.type) else column
        hashes = _hashes(values.drop_null())
        self._smallest = np.unique(np.concatenate([self._smallest, hashes]))[:K]

    @property
    def count(self) -> float:
        """The number of different values."""
        if len(self._smallest) < K:
            return float(len(self._smallest))
        return (K - 1) / (float(self._smallest[-1]) / 2.0**64)


def _hashes(values: Any) -> Any:
    if pa.types.is_string(values.type):
        return np.array([xxhash.xxh3_64_intdigest(text.encode()) for text in values.to_pylist()], np.uint64)
    return _mixed(np.unique(typed_numbers(values)).view(np.uint64))


def _mixed(bits: Any) -> Any:
    """Return the finalizer of MurmurHash3 of each number: near numbers become hashes far from each other."""
    with np.errstate(over="ignore"):
        for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
            bits = (bits ^ (bits >> np.uint64(33))) * np.uint64(factor)
    return bits ^ (bits >> np.uint64(33))
