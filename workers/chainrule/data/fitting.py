"""Fits preprocessing to the training rows, block by block."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from chainrule.data.blocks import Block, Tasks
from chainrule.data.columns import Column
from chainrule.data.encoders import Encoder, HashEncoder, LevelEncoder, NumberEncoder, coded
from chainrule.data.preprocessing import Preprocessing, column_of
from chainrule.data.scaling import Moments, Scaling
from chainrule.data.shards import Rows
from chainrule.data.tables import number_of, to_numbers
from chainrule.wire.spec import DataSpec, JobSpec

Mask: TypeAlias = NDArray[np.bool_]
BLOCKS_AT_ONCE = 4
"""So many are looked at by one task: looking at one takes as long as beginning a task."""


@dataclass(frozen=True)
class Tally:
    """What the training rows of some blocks tell of a column: the moments of its numbers, or its words."""

    moments: Moments = field(default_factory=Moments)
    missing: int = 0
    words: frozenset[str] = frozenset()

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(self.moments + other.moments, self.missing + other.missing, self.words | other.words)


def fit(
    spec: JobSpec, columns: Sequence[Column], blocks: Sequence[Block], training: Mask, tasks: Tasks
) -> Preprocessing:
    """Return the preprocessing of the inputs, fitted to the rows for which `training` is true."""
    used = [block for block in blocks if block.start < len(training)]
    groups = [used[i : i + BLOCKS_AT_ONCE] for i in range(0, len(used), BLOCKS_AT_ONCE)]
    calls = (
        (tasks.sequence([block.handle for block in group]), columns, [training[b.start : b.stop] for b in group])
        for group in groups
    )
    parts = [of_block for results in tasks.stream(tally, calls) for of_block in tasks.get(next(results))]
    tallies = [reduce(Tally.__add__, of_column) for of_column in zip(*parts, strict=True)]
    fills = _fills(spec, columns, tallies, blocks, training, tasks)
    encoders = [_encoder(spec.data, *each) for each in zip(columns, tallies, fills, strict=True)]
    scalings = [_moments(*each) for each in zip(encoders, tallies, strict=True)]
    return Preprocessing(tuple(encoders), Scaling.fit(spec.data.scaling, [m for each in scalings for m in each]))


def tally(
    blocks: Sequence[pa.Table], columns: Sequence[Column], training: Sequence[Mask]
) -> Iterator[list[tuple[Tally, ...]]]:
    """Yield what the training rows of each block tell of each column."""
    rows = map(np.flatnonzero, training)  # many times as fast as the mask, for it is used for each column
    yield [tuple(_tally(block, column, used) for column in columns) for block, used in zip(blocks, rows, strict=True)]


def _tally(block: pa.Table, column: Column, rows: Rows) -> Tally:
    values = column_of(block, column.name)
    if column.kind == "category":
        codes, words = coded(values)
        used = np.bincount(codes[rows], minlength=len(words) + 1)
        return Tally(words=frozenset(word for word, count in zip(words, used, strict=False) if count))
    numbers = to_numbers(values, column.name, dates=column.kind == "date").take(rows)
    missing = np.isnan(numbers)
    absent = int(np.count_nonzero(missing))
    return Tally(Moments.of(numbers[~missing] if absent else numbers), absent)


def _fills(
    spec: JobSpec,
    columns: Sequence[Column],
    tallies: Sequence[Tally],
    blocks: Sequence[Block],
    training: Mask,
    tasks: Tasks,
) -> list[float | None]:
    """Return what stands for a missing number of each column; None where it is refused, or the column has none."""
    if spec.data.missing != "median":
        means = [each.moments.mean for each in tallies]
        return [mean if spec.data.missing == "mean" else None for mean in means]
    held = tasks.sequence([block.handle for block in blocks])
    spans = [(block.start, block.stop) for block in blocks if block.start < len(training)]
    numbers = [column for column in columns if column.kind != "category"]
    medians = tasks.stream(median, ((column, held, spans, training) for column in numbers))
    known = {column: tasks.get(next(result)) for column, result in zip(numbers, medians, strict=True)}
    return [known.get(column) for column in columns]


def median(
    column: Column, blocks: Sequence[pa.Table], spans: Sequence[tuple[int, int]], training: Mask
) -> Iterator[float]:
    """Yield the median of a column's numbers in the training rows, 0 where there is none."""
    parts = []
    for i, (start, stop) in enumerate(spans):
        numbers = to_numbers(column_of(blocks[i], column.name), column.name, dates=column.kind == "date")
        numbers = numbers[training[start:stop]]
        parts.append(numbers[~np.isnan(numbers)])
    values = np.concatenate(parts)
    yield float(np.median(values)) if len(values) else 0.0


def _encoder(data: DataSpec, column: Column, tally: Tally, fill: float | None) -> Encoder:
    if column.kind != "category":
        indicator = tally.missing > 0 and fill is not None
        return NumberEncoder(column.name, fill, indicator, "date" if column.kind == "date" else "number")
    if len(tally.words) > data.most_categories:
        return HashEncoder(column.name, data.hash_buckets)
    numeric = None not in map(number_of, tally.words)
    return LevelEncoder(column.name, tuple(sorted(tally.words, key=float) if numeric else sorted(tally.words)))


def _moments(encoder: Encoder, tally: Tally) -> list[Moments]:
    """Return the moments by which each number that the encoder makes is scaled; none at all leave it as it is."""
    rest = [Moments()] * (len(encoder.features) - 1)
    return [tally.moments if isinstance(encoder, NumberEncoder) else Moments(), *rest]
