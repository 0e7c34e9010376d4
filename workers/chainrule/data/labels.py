"""Columns that are to be predicted -> targets Y, the column of weights, and which rows count at all."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from chainrule.data.blocks import Block
from chainrule.data.columns import Column, column_for, survey_of
from chainrule.data.encoders import NO_NUMBER
from chainrule.data.faults import Faulty
from chainrule.data.fitting import in_order
from chainrule.data.preprocessing import column_of
from chainrule.data.tables import to_numbers
from chainrule.data.values import Mask, Numbers, ValueFormat, parse_numbers
from chainrule.data.words import Codes, coded, finder
from chainrule.nn import LOSSES, Array
from chainrule.wire.errors import InvalidData
from chainrule.wire.spec import JobSpec


@dataclass(frozen=True)
class Targets:
    """The targets of all rows: class indices (rows,) int32, or numbers (rows, n^N) float64, and the classes' names.

    A binary label of two names is a number, 0 or 1, for a network of one output. Rows that do not count are not `kept`:
    they have no label, or the weight 0; of these, `unlabelled` have no label.
    """

    Y: NDArray[Any]
    kept: Mask
    classes: tuple[str, ...] = ()
    unlabelled: int = 0

    @property
    def outputs(self) -> int:
        """n^N."""
        return len(self.classes) if self.Y.ndim == 1 else self.Y.shape[1]

    @property
    def strata(self) -> NDArray[np.int32] | None:
        """The class of each row, None where there are no classes."""
        return self.Y.reshape(-1).astype(np.int32, copy=False) if self.classes else None


def find_targets(
    spec: JobSpec, blocks: Sequence[Block], training_rows: int, format: ValueFormat, weights: Array | None = None
) -> Targets:
    """Return the targets of all rows, of which the first `training_rows` are for training. Raises InvalidData."""
    names, loss = spec.data.targets, LOSSES[spec.network.loss]
    weighted = np.ones(blocks[-1].stop, np.bool_) if weights is None else weights > 0
    in_training = [block for block in blocks if block.start < training_rows]
    if loss.classes or (spec.network.loss == "binary_cross_entropy" and _named(in_training, names)):
        codes, classes, kept = _classes(blocks, names[0], training_rows, spec, format, weighted)
        Y = codes if loss.classes else codes.astype(np.float64)[:, np.newaxis]
        return Targets(Y, kept & weighted, classes, int(np.count_nonzero(~kept)))
    given = spec.data.kinds
    labels = [column_for(name, survey_of(in_training, name), given.get(name)) for name in names]
    columns = [_numbers(blocks, label, spec, format) for label in labels]
    kept = np.logical_and.reduce([there for _, there in columns])
    Y = np.stack([values for values, _ in columns], axis=1)
    return Targets(Y, kept & weighted, unlabelled=int(np.count_nonzero(~kept)))


def _named(blocks: Sequence[Block], names: Sequence[str]) -> bool:
    """Whether the one label has two classes with names: words, truth values, or nothing but 0 and 1."""
    if len(names) != 1:
        return False
    survey = survey_of(blocks, names[0])
    if survey.counts["number"] < survey.present:
        return True
    return survey.whole and survey.low == 0 and survey.high == 1


def _classes(
    blocks: Sequence[Block], name: str, training_rows: int, spec: JobSpec, format: ValueFormat, weighted: Mask
) -> tuple[NDArray[np.int32], tuple[str, ...], Mask]:
    settled = survey_of([block for block in blocks if block.start < training_rows], name)
    numeric = settled.counts["number"] == settled.present
    parts = [_coded(block, name, spec, format, numeric=numeric) for block in blocks]
    known = Counter[str]()
    for block, (codes, words) in zip(blocks, parts, strict=True):
        if block.start < training_rows:
            used = np.bincount(codes[weighted[block.start : block.stop]], minlength=len(words) + 1)
            known.update({word: int(rows) for word, rows in zip(words, used, strict=False) if rows})
    if settled.counts["boolean"] == settled.present:  # true and True are one class, by the word that more rows have
        usual = {word.lower(): word for word, _ in sorted(known.items(), key=lambda item: (item[1], item[0]))}
        parts = [(codes, [usual.get(word.lower(), word) for word in words]) for codes, words in parts]
        known = Counter(dict.fromkeys(usual.values(), 1))
    classes = in_order(+known, format)
    source, label = spec.data.train, f"the label {name!r}"
    if not classes:
        raise InvalidData(f"{source}: {label} has no value in any row")
    if len(classes) < 2:
        counted = "" if weighted.all() else " among the rows whose weight is not 0"
        raise InvalidData(f"{source}: {label} has one class only ({classes[0]}){counted}, so there is nothing to learn")
    if len(classes) > 2 and not LOSSES[spec.network.loss].classes:
        raise InvalidData(f"{source}: {label} has {len(classes)} classes, but {spec.network.loss} is for two")
    typed = column_for(name, settled, "category").source
    placed = [
        _placed(block, name, part, classes, typed, format, weighted) for block, part in zip(blocks, parts, strict=True)
    ]
    codes = np.concatenate(placed)
    return np.maximum(codes, 0), classes, codes >= 0


def _placed(
    block: Block,
    name: str,
    part: tuple[Codes, list[str]],
    classes: tuple[str, ...],
    source: str,
    format: ValueFormat,
    weighted: Mask,
) -> NDArray[np.int32]:
    """Return the class of each row of a block, -1 of one that has no label."""
    codes, words = part
    found = finder(classes, source, column_of(block.survey.kept, name), format)(words)
    unknown = len(classes)
    places = np.array([*(unknown if place is None else place for place in found), -1], np.int32)[codes]
    strange = (places == unknown) & weighted[block.start : block.stop]
    if strange.any():
        row = int(strange.argmax())
        raise block.error(Faulty(f"has the label {words[codes[row]]}, which no training row has", row))
    return np.where(places == unknown, -1, places).astype(np.int32)


def _coded(block: Block, name: str, spec: JobSpec, format: ValueFormat, *, numeric: bool) -> tuple[Codes, list[str]]:
    """Return (codes, words) of the label as `coded` does. Raises InvalidData, also for a fraction among whole numbers.

    `numeric` says that all training rows have numbers.
    """
    try:
        codes, words = coded(column_of(block.survey.kept, name), name)
    except Faulty as error:
        raise block.error(error) from None
    values, known = parse_numbers(pa.array(words, pa.string()), format)
    if numeric:
        fractions = np.append(known & (~np.isfinite(values) | (values != np.floor(values))), [False])[codes]
        if fractions.any():
            row = int(fractions.argmax())
            problem = f"has the label {words[codes[row]]}, which is no class; loss mse predicts numbers"
            raise block.error(Faulty(problem, row))
    absent = codes == len(words)
    if absent.any() and spec.data.missing_label == "refuse":
        raise block.error(_no_label(name, int(absent.argmax())))
    return codes, words


def _no_label(name: str, row: int) -> Faulty:
    return Faulty(f'has no label in column {name!r}; data.missing_label = "drop" leaves such rows out', row)


def _numbers(blocks: Sequence[Block], label: Column, spec: JobSpec, format: ValueFormat) -> tuple[Numbers, Mask]:
    """Return the numbers of a label, and which rows have one."""
    lowest, highest = LOSSES[spec.network.loss].domain
    parts = [_label_numbers(block, label, spec, format) for block in blocks]
    for block, part in zip(blocks, parts, strict=True):
        wrong = np.flatnonzero((lowest > part) | (part > highest))
        if len(wrong):
            limits = f"from {lowest:g} to {highest:g}" if highest < np.inf else f">= {lowest:g}"
            problem = f"has the label {part[wrong[0]]:g}, but loss {spec.network.loss} wants numbers {limits}"
            raise block.error(Faulty(problem, int(wrong[0])))
    values = np.concatenate(parts)
    there = ~np.isnan(values)
    if not there.any():
        raise InvalidData(f"{spec.data.train}: the label {label.name!r} has no value in any row")
    return np.where(there, values, 0.0), there


def _label_numbers(block: Block, label: Column, spec: JobSpec, format: ValueFormat) -> Numbers:
    """Return a label's numbers, NaN where one is missing and may be."""
    values = _all_numbers(block, label, format)
    missing = np.isnan(values)
    if missing.any() and spec.data.missing_label == "refuse":
        raise block.error(_no_label(label.name, int(missing.argmax())))
    return values


def _all_numbers(block: Block, column: Column, format: ValueFormat) -> Numbers:
    name = column.name
    kind = column.kind if column.kind in ("boolean", "date", "time", "duration") else "number"
    hint = column.hint if "data.kinds" not in column.hint else ""
    try:
        return to_numbers(column_of(block.survey.kept, name), name, kind, format, column.sign, hint)
    except Faulty as error:
        raise block.error(error) from None


def find_weights(spec: JobSpec, blocks: Sequence[Block], format: ValueFormat) -> Array | None:
    """Return the weight of each row, None where the job has no column of weights. Raises InvalidData."""
    name = spec.data.weight
    if name is None:
        return None
    parts, survey = [], survey_of(blocks, name)
    column = column_for(name, survey, "boolean" if column_for(name, survey).kind == "boolean" else "number")
    for block in blocks:
        part = _all_numbers(block, column, format)
        missing = np.isnan(part)
        if missing.any():
            raise block.error(Faulty(NO_NUMBER, int(missing.argmax()), name))
        if (part < 0).any():
            row = int((part < 0).argmax())
            raise block.error(Faulty(f"is {part[row]:g}, but a weight must be >= 0", row, name))
        parts.append(part)
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
