"""Blocks and the numbers of rows -> data shards."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from chainrule.data.preprocessing import Preprocessing
from chainrule.data.shards import Rows, Shard
from chainrule.nn import Array


@dataclass(frozen=True)
class Part:
    """One shard's rows, by their numbers, which ascend, with all that is known of them but their inputs."""

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
    pa.default_memory_pool().release_unused()  # what this process has read with is kept otherwise, beside X
    X = gather(blocks, starts, preprocessing, [rows for part in parts for rows in (part.rows, part.held)])
    for part, own, held in zip(parts, X[::2], X[1::2], strict=True):
        shard = Shard(own, part.Y, held, part.held_Y, part.weights, part.held_weights)
        yield shard
        yield shard.sha256


def gather(
    blocks: Sequence[pa.Table], starts: Sequence[int], preprocessing: Preprocessing, parts: Sequence[Rows]
) -> list[Array]:
    """Return X of each part's rows, which ascend; block i has those from starts[i] on."""
    X = [np.empty((len(rows), len(preprocessing.scaling.mean)), np.float32) for rows in parts]
    edges = [np.searchsorted(rows, [*starts, np.iinfo(np.int64).max]) for rows in parts]
    for i, start in enumerate(starts):
        pieces = [slice(*of_part[i : i + 2]) for of_part in edges]
        rows = np.concatenate([rows[piece] for rows, piece in zip(parts, pieces, strict=True)])
        if len(rows):
            made = preprocessing.apply(blocks[i], rows - start)
            ends = np.cumsum([piece.stop - piece.start for piece in pieces])
            for out, piece, end in zip(X, pieces, ends, strict=True):
                out[piece] = made[end - (piece.stop - piece.start) : end]
    return X
