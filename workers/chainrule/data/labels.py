"""Columns that are to be predicted -> targets Y, and the column of weights."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from chainrule.data.blocks import Block
from chainrule.data.encoders import NO_NUMBER, coded
from chainrule.data.faults import Faulty
from chainrule.data.preprocessing import column_of
from chainrule.data.tables import number_of, to_numbers
from chainrule.nn import LOSSES, Array
from chainrule.wire.errors import InvalidData
from chainrule.wire.spec import JobSpec


@dataclass(frozen=True)
class Targets:
    """The targets of all rows: class indices (rows,) int32, or numbers (rows, n^N) float32, and the classes' names.

    A binary label of two names is a number, 0 or 1, for a network of one output.
    """

    Y: NDArray[Any]
    classes: tuple[str, ...] = ()

    @property
    def outputs(self) -> int:
        """n^N."""
        return len(self.classes) if self.Y.ndim == 1 else self.Y.shape[1]

    @property
    def strata(self) -> NDArray[np.int32] | None:
        """The class of each row, None where there are no classes."""
        return self.Y.reshape(-1).astype(np.int32, copy=False) if self.classes else None


def find_targets(spec: JobSpec, blocks: Sequence[Block], training_rows: int) -> Targets:
    """Return the targets of the blocks' rows, of which `training_rows` stand in front. Raises InvalidData."""
    names, loss = spec.data.targets, LOSSES[spec.network.loss]
    if loss.classes or (spec.network.loss == "binary_cross_entropy" and _named(blocks, names)):
        codes, classes = _classes(blocks, names[0], training_rows, spec)
        return Targets(codes if loss.classes else codes.astype(np.float32)[:, np.newaxis], classes)
    columns = [_numbers(blocks, name, spec) for name in names]
    return Targets(np.stack(columns, axis=1).astype(np.float32))


def _named(blocks: Sequence[Block], names: Sequence[str]) -> bool:
    return len(names) == 1 and any(block.survey.column(names[0]).kind == "text" for block in blocks)


def _classes(
    blocks: Sequence[Block], name: str, training_rows: int, spec: JobSpec
) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    coded_blocks = [_coded(block, name) for block in blocks]
    first = sum(block.start < training_rows for block in blocks)
    known = {word for _, words, used in coded_blocks[:first] for word, rows in zip(words, used, strict=True) if rows}
    classes = tuple(sorted(known) if None in map(number_of, known) else sorted(known, key=float))
    source, label = spec.data.train, f"the label {name!r}"
    if len(classes) < 2:
        raise InvalidData(f"{source}: {label} has one class only ({classes[0]}), so there is nothing to learn")
    if len(classes) > 2 and not LOSSES[spec.network.loss].classes:
        raise InvalidData(f"{source}: {label} has {len(classes)} classes, but {spec.network.loss} is for two")
    place = {word: i for i, word in enumerate(classes)}
    parts = []
    for block, (codes, words, _) in zip(blocks, coded_blocks, strict=True):
        part = np.array([place.get(word, -1) for word in words], np.int32)[codes]
        if (part < 0).any():
            row = int((part < 0).argmax())
            raise block.error(Faulty(f"has the label {words[codes[row]]}, which no training row has", row))
        parts.append(part)
    return np.concatenate(parts), classes


def _coded(block: Block, name: str) -> tuple[NDArray[np.int64], list[str], NDArray[np.int64]]:
    """Return (codes, words) as `coded` does, and how many rows have each word."""
    column = column_of(block.survey.kept, name)
    if pa.types.is_floating(column.type):
        values = column.to_numpy(zero_copy_only=False)
        wrong = np.flatnonzero(~(np.isnan(values) | (np.isfinite(values) & (values == np.floor(values)))))
        if len(wrong):
            value = values[wrong[0]]
            problem = f"has the label {value}, which is no class; loss mse predicts numbers"
            raise block.error(Faulty(problem, int(wrong[0])))
    codes, words = coded(column)
    absent = codes == len(words)
    if absent.any():
        raise block.error(Faulty(f"has no label in column {name!r}", int(absent.argmax())))
    return codes, words, np.bincount(codes, minlength=len(words))


def _numbers(blocks: Iterable[Block], name: str, spec: JobSpec) -> NDArray[np.float64]:
    lowest, highest = LOSSES[spec.network.loss].domain
    parts = [_all_numbers(block, name) for block in blocks]
    for block, part in zip(blocks, parts, strict=True):
        wrong = np.flatnonzero((lowest > part) | (part > highest))
        if len(wrong):
            limits = f"from {lowest:g} to {highest:g}" if highest < np.inf else f">= {lowest:g}"
            problem = f"has the label {part[wrong[0]]:g}, but loss {spec.network.loss} wants numbers {limits}"
            raise block.error(Faulty(problem, int(wrong[0])))
    return np.concatenate(parts)


def _all_numbers(block: Block, name: str) -> NDArray[np.float64]:
    """Return a column without a missing number."""
    try:
        values = to_numbers(column_of(block.survey.kept, name), name)
    except Faulty as error:
        raise block.error(error) from None
    missing = np.isnan(values)
    if missing.any():
        raise block.error(Faulty(NO_NUMBER, int(missing.argmax()), name))
    return values


def find_weights(spec: JobSpec, blocks: Sequence[Block]) -> Array | None:
    """Return the weight of each row, None where the job has no column of weights. Raises InvalidData."""
    name = spec.data.weight
    if name is None:
        return None
    parts = [_all_numbers(block, name) for block in blocks]
    for block, part in zip(blocks, parts, strict=True):
        if (part <= 0).any():
            row = int((part <= 0).argmax())
            raise block.error(Faulty(f"is {part[row]:g}, but a weight must be > 0", row, name))
    weights: Array = np.concatenate(parts).astype(np.float32)
    return weights


def class_factors(spec: JobSpec, targets: Targets, training: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return by what the weight of each class's rows is multiplied in training. Raises InvalidData.

    "balanced": rows / (classes * rows of the class), so that all classes count the same.
    """
    given, counts = spec.data.class_weights, np.bincount(targets.Y[training], minlength=len(targets.classes))
    if not isinstance(given, dict):
        return len(training) / (len(counts) * np.maximum(counts, 1))
    unknown = sorted(set(given) - set(targets.classes))
    if unknown:
        raise InvalidData(f"data.class_weights names {unknown[0]!r}, but the classes are {', '.join(targets.classes)}")
    return np.array([given.get(name, 1.0) for name in targets.classes])
