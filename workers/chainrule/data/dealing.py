"""Blocks and the numbers of rows -> data shards."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from chainrule.data.preprocessing import Preprocessing
from chainrule.data.shards import Rows, Shard
from chainrule.nn import Array


@dataclass(frozen=True)
class Part:
    """One shard's rows, by their numbers, with all that is known of them but their inputs."""

    rows: Rows
    Y: NDArray[Any]
    weights: Array | None
    held: Rows
    held_Y: NDArray[Any]
    held_weights: Array | None


def make_shards(
    blocks: Sequence[pa.Table], starts: Sequence[int], preprocessing: Preprocessing, parts: Sequence[Part]
) -> Iterator[Any]:
    """Yield each part's shard and its SHA-256, in turns. One block is looked at after the other."""
    X = gather(
        blocks, starts, preprocessing, np.concatenate([rows for part in parts for rows in (part.rows, part.held)])
    )
    begin = 0
    for part in parts:
        middle, end = begin + len(part.rows), begin + len(part.rows) + len(part.held)
        shard = Shard(X[begin:middle], part.Y, X[middle:end], part.held_Y, part.weights, part.held_weights)
        yield shard
        yield shard.sha256
        begin = end


def gather(blocks: Sequence[pa.Table], starts: Sequence[int], preprocessing: Preprocessing, rows: Rows) -> Array:
    """Return X of these rows, in their order; block i has those from starts[i] on."""
    X = np.empty((len(rows), len(preprocessing.scaling.mean)), np.float32)
    order = np.argsort(rows)
    ordered = rows[order]
    edges = np.searchsorted(ordered, [*starts, np.iinfo(np.int64).max])
    for i, (lo, hi) in enumerate(pairwise(edges)):
        if lo < hi:
            X[order[lo:hi]] = preprocessing.apply(blocks[i], ordered[lo:hi] - starts[i])
    return X
