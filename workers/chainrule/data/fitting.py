"""Fits preprocessing to the training rows, block by block."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from chainrule.data.blocks import Block, Tasks
from chainrule.data.columns import Column
from chainrule.data.encoders import Encoder, HashEncoder, LevelEncoder, NumberEncoder, bucket
from chainrule.data.preprocessing import Preprocessing, column_of
from chainrule.data.scaling import HELD, Moments, Scaling
from chainrule.data.shards import Rows
from chainrule.data.tables import taken, to_numbers
from chainrule.data.values import STANDARD, ValueFormat, parse_numbers
from chainrule.data.words import coded
from chainrule.wire.spec import DataSpec, JobSpec

Mask: TypeAlias = NDArray[np.bool_]
BLOCKS_AT_ONCE = 4
"""So many are looked at by one task: looking at one takes as long as beginning a task."""


@dataclass(frozen=True)
class Tally:
    """What the training rows of some blocks tell of a column: the moments of its numbers, or the rows of each word."""

    moments: Moments = field(default_factory=Moments)
    missing: int = 0
    words: Counter[str] = field(default_factory=Counter)

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(self.moments + other.moments, self.missing + other.missing, self.words + other.words)


def fit(
    spec: JobSpec,
    columns: Sequence[Column],
    blocks: Sequence[Block],
    training: Mask,
    tasks: Tasks,
    format: ValueFormat = STANDARD,
) -> Preprocessing:
    """Return the preprocessing of the inputs, fitted to the rows for which `training` is true."""
    used = [block for block in blocks if block.start < len(training)]
    groups = [used[i : i + BLOCKS_AT_ONCE] for i in range(0, len(used), BLOCKS_AT_ONCE)]
    calls = (
        (
            tasks.sequence([block.handle for block in group]),
            columns,
            [training[b.start : b.stop] for b in group],
            format,
        )
        for group in groups
    )
    parts = [of_block for results in tasks.stream(tally, calls) for of_block in tasks.get(next(results))]
    tallies = [reduce(Tally.__add__, of_column) for of_column in zip(*parts, strict=True)]
    fills = _fills(spec, columns, tallies, blocks, training, tasks, format)
    encoders = [_encoder(spec.data, *each, format) for each in zip(columns, tallies, fills, strict=True)]
    scaled = [pair for each in zip(encoders, tallies, strict=True) for pair in _affine(*each, spec.data.scaling)]
    mean, scale = zip(*scaled, strict=True) if scaled else ((), ())
    return Preprocessing(tuple(encoders), Scaling(mean, scale), format)


def tally(
    blocks: Sequence[pa.Table], columns: Sequence[Column], training: Sequence[Mask], format: ValueFormat
) -> Iterator[list[tuple[Tally, ...]]]:
    """Yield what the training rows of each block tell of each column."""
    rows = map(np.flatnonzero, training)  # many times as fast as the mask, for it is used for each column
    yield [
        tuple(_tally(block, column, used, format) for column in columns)
        for block, used in zip(blocks, rows, strict=True)
    ]


def _tally(block: pa.Table, column: Column, rows: Rows, format: ValueFormat) -> Tally:
    values = column_of(block, column.name)
    if column.kind == "category":
        codes, words = coded(values, column.name)
        used = np.bincount(codes[rows], minlength=len(words) + 1).tolist()
        return Tally(missing=used[len(words)], words=+Counter(dict(zip(words, used, strict=False))))
    numbers = to_numbers(taken(values, rows), column.name, column.kind, format, column.sign)
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
    format: ValueFormat,
) -> list[float | None]:
    """Return what stands for a missing number of each column; None where it is refused, or the column has none."""
    if spec.data.missing != "median":
        means = [each.moments.mean for each in tallies]
        return [mean if spec.data.missing == "mean" else None for mean in means]
    held = tasks.sequence([block.handle for block in blocks])
    spans = [(block.start, block.stop) for block in blocks if block.start < len(training)]
    numbers = [column for column in columns if column.kind != "category"]
    medians = tasks.stream(median, ((column, held, spans, training, format) for column in numbers))
    known = {column: tasks.get(next(result)) for column, result in zip(numbers, medians, strict=True)}
    return [known.get(column) for column in columns]


def median(
    column: Column, blocks: Sequence[pa.Table], spans: Sequence[tuple[int, int]], training: Mask, format: ValueFormat
) -> Iterator[float]:
    """Yield the median of a column's numbers in the training rows, 0 where there is none."""
    parts = []
    for i, (start, stop) in enumerate(spans):
        cells = taken(column_of(blocks[i], column.name), np.flatnonzero(training[start:stop]))
        numbers = to_numbers(cells, column.name, column.kind, format, column.sign)
        parts.append(numbers[~np.isnan(numbers)])
    values = np.concatenate(parts)
    yield float(np.median(values)) if len(values) else 0.0


def _encoder(data: DataSpec, column: Column, tally: Tally, fill: float | None, format: ValueFormat) -> Encoder:
    if column.kind != "category":
        indicator = tally.missing > 0 and fill is not None
        return NumberEncoder(column.name, fill, indicator, column.kind, column.sign)  # type: ignore[arg-type]
    if len(tally.words) > data.most_categories:
        return HashEncoder(column.name, data.hash_buckets, source=column.source)
    return LevelEncoder(column.name, in_order(tally.words, format), source=column.source)


def in_order(words: Iterable[str], format: ValueFormat) -> tuple[str, ...]:
    """Return words in their order: by number where all are numbers; words of one number by their letters."""
    listed = sorted(words)
    values, known = parse_numbers(pa.array(listed, pa.string()), format)
    return tuple(listed[i] for i in np.argsort(values, kind="stable")) if known.all() else tuple(listed)


def _affine(encoder: Encoder, tally: Tally, scaling: str) -> list[tuple[float, float]]:
    """Return (mean, scale) of each number that the encoder makes; one that never changed in training is held at 0."""
    if isinstance(encoder, NumberEncoder):
        value = HELD if tally.moments.constant else tally.moments.affine(scaling)
        return [value, *([(0.0, 1.0) if tally.moments.count else HELD] if encoder.indicator else [])]
    rows = tally.words.total() + tally.missing
    return [(0.0, 1.0) if 0 < count < rows else HELD for count in (*_counts(encoder, tally), tally.missing)]


def _counts(encoder: LevelEncoder | HashEncoder, tally: Tally) -> Sequence[int]:
    """Return the training rows of each level or bucket."""
    if isinstance(encoder, LevelEncoder):
        return [tally.words[level] for level in encoder.levels]
    counts = [0] * encoder.buckets
    for word, rows in tally.words.items():
        counts[bucket(word, encoder.buckets)] += rows
    return counts
