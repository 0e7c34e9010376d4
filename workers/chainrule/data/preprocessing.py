"""Raw rows -> the rows X that the network sees: each column's encoder, then one scaling of all numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from chainrule.data.encoders import Encoder
from chainrule.data.scaling import Scaling
from chainrule.data.tables import Numbers, taken, whole
from chainrule.data.values import STANDARD, ValueFormat
from chainrule.nn import Array

CACHED_BYTES = 1 << 18
"""So much stays in the cache until it is float32."""


@dataclass(frozen=True)
class Preprocessing:
    """What was fitted on training rows."""

    encoders: tuple[Encoder, ...]
    scaling: Scaling
    format: ValueFormat = STANDARD

    @property
    def features(self) -> tuple[str, ...]:
        """The names of the network's inputs."""
        return tuple(name for encoder in self.encoders for name in encoder.features)

    def apply(self, block: pa.Table, rows: NDArray[np.int64] | None = None) -> Array:
        """Return X (rows, n^0) of a tidy table whose columns are found by name, or of some of its rows. Raises Faulty.

        The table needs no column that the encoders do not name.
        """
        columns = [column_of(block, encoder.column) for encoder in self.encoders]
        columns = columns if rows is None else [taken(column, rows) for column in columns]
        values = [encoder.read(column, self.format) for encoder, column in zip(self.encoders, columns, strict=True)]
        X = np.empty((block.num_rows if rows is None else len(rows), len(self.scaling.mean)), np.float32)
        at_once = max(64, CACHED_BYTES // (8 * max(1, X.shape[1])))
        for start in range(0, len(X), at_once):
            part = X[start : start + at_once]
            self.scaling.apply(self._numbers([each[start : start + len(part)] for each in values], len(part)), part)
        return X

    def _numbers(self, values: Sequence[NDArray[Any]], rows: int) -> Numbers:
        numbers, begin = np.empty((rows, len(self.scaling.mean))), 0
        for encoder, part in zip(self.encoders, values, strict=True):
            end = begin + len(encoder.features)
            encoder.write(part, numbers[:, begin:end])
            begin = end
        return numbers


def column_of(block: pa.Table, name: str) -> pa.Array:
    """Return a column; one that a block of JSON lines does not have is missing in all its rows."""
    place = block.schema.get_field_index(name)  # a list of the names would take as long as there are columns
    return whole(block.column(place)) if place >= 0 else pa.nulls(block.num_rows)
