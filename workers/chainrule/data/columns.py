"""Which columns are inputs, and of which kind each is: one decision for a column, made from the training data."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.data import lookalikes
from chainrule.data.blocks import Block, Tasks, names_of
from chainrule.data.encoders import NO_NUMBER
from chainrule.data.faults import Faulty
from chainrule.data.fragments import Selection
from chainrule.data.preprocessing import column_of
from chainrule.data.surveys import EXACT, ColumnSurvey, together
from chainrule.data.tables import taken, to_numbers
from chainrule.data.values import Mask, ValueFormat
from chainrule.nn import LOSSES
from chainrule.wire.errors import InvalidData
from chainrule.wire.spec import JobSpec

KINDS = ("number", "boolean", "date", "time", "duration")
"""The kinds of values that are one number each."""
EXACT_IN_FLOAT64 = 1 << 53
LARGEST_STEP = 0.01
"""A number that float32 holds with steps of more than this part of the deviation is warned of."""


@dataclass(frozen=True)
class Column:
    """An input: its name, its kind, one of KINDS or "category", and the sign that its numbers have.

    The words of a category came as `source`: texts, or values of another type. `hint` is what a value of another kind
    is refused with.
    """

    name: str
    kind: str
    sign: str = ""
    source: str = "text"
    hint: str = ""


def selection_of(spec: JobSpec) -> Selection:
    """Return the columns that a job reads, and those whose own words it is known to want."""
    data, needed = spec.data, {*spec.data.targets, *filter(None, [spec.data.weight])}
    columns = None if data.columns is None else frozenset({*data.columns, *needed})
    worded = {name for name, kind in data.kinds.items() if kind != "number"}  # a date may be written in digits alone
    return Selection(columns, frozenset(data.ignore or ()) - needed, frozenset(worded | set(_worded_labels(spec))))


def _worded_labels(spec: JobSpec) -> tuple[str, ...]:
    """Return the label where its classes may have names."""
    named = LOSSES[spec.network.loss].classes or spec.network.loss == "binary_cross_entropy"
    return spec.data.targets if named and len(spec.data.targets) == 1 else ()


def choose_columns(spec: JobSpec, blocks: Sequence[Block]) -> tuple[Column, ...]:
    """Return the inputs in the order of the file, or in that of the job. Raises InvalidData."""
    data, source, names = spec.data, spec.data.train, names_of(blocks)
    for label in data.targets:
        if label not in names:
            raise InvalidData(f"{source} has no column {label!r}, the label; it has {_some(names)}")
    asked = [*(data.columns or ()), *(data.ignore or ()), *data.kinds, *filter(None, [data.weight])]
    for name in asked:
        if name not in names:
            raise InvalidData(f"{source} has no column {name!r}; it has {_some(names)}")
    apart = {*data.targets, *(data.ignore or ()), data.weight}
    chosen = [name for name in data.columns or names if name not in apart]
    surveys = {name: survey_of(blocks, name) for name in chosen}
    for name, survey in surveys.items():
        if survey.unusable:
            raise InvalidData(
                f"{source}: column {name!r} holds values of type {survey.unusable}, not numbers, texts or dates; "
                "data.ignore leaves it out"
            )
    filled = [name for name in chosen if surveys[name].present or name in (data.columns or ())]
    if not filled:
        raise InvalidData(f"{source} has no column beside the label {', '.join(map(repr, data.targets))}")
    return tuple(column_for(name, surveys[name], data.kinds.get(name)) for name in filled)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def survey_of(blocks: Sequence[Block], name: str) -> ColumnSurvey:
    """Return what is known of a column."""
    return together([block.survey.column(name) for block in blocks])


def wordy_columns(spec: JobSpec, blocks: Sequence[Block]) -> Iterable[str]:
    """Yield the columns whose own words are wanted, though some blocks may hold numbers alone.

    These are categories, and numbers that have a sign.
    """
    for name in dict.fromkeys(name for block in blocks for name in block.survey.columns):
        survey = survey_of(blocks, name)
        column = column_for(name, survey, spec.data.kinds.get(name))
        if "text" in survey.families and (column.kind == "category" or column.sign):
            yield name


def column_for(name: str, survey: ColumnSurvey, given: str | None = None) -> Column:
    """Return what a column is, by what the job says of it, else by all its rows."""
    kind, sign = natural_kind(survey)
    typed = min(survey.families, default="text") if len(survey.families) == 1 else "text"
    if given is not None:
        kind = given
    if kind not in KINDS:
        return Column(name, "category", source=typed)
    return Column(name, kind, sign if kind == "number" else "", hint=_hint(name, survey, kind))


def natural_kind(survey: ColumnSurvey) -> tuple[str, str]:
    """Return the kind of a column of which nothing is said, and the sign of its numbers.

    It is of one of KINDS where all values are; also where at least half of them are numbers or dates, maybe in another
    format: then some have gone wrong. A column without values, or of a type that cannot be an input, has a kind of its
    own: "nothing", "unusable".
    """
    if survey.unusable:
        return "unusable", ""
    if not survey.present:
        return "nothing", ""
    values = survey.present - survey.counts["absent"]
    for kind in KINDS:
        enough = (values + 1) // 2 if kind in ("number", "date") else values
        if values and survey.counts[kind] >= enough:
            return kind, ""
    signed, rows = max(survey.signs.items(), key=lambda item: item[1], default=("", 0))
    if values and 2 * rows >= values:
        return "number", signed
    other = lookalikes.best(survey.others, values)
    if other is not None:
        return ("number" if other in lookalikes.NUMBERS else "date"), ""
    return "category", ""


def _hint(name: str, survey: ColumnSurvey, kind: str) -> str:
    """Return what may help where a value is of no such kind: another format, or to take a tenth of words as such."""
    values = survey.present - survey.counts["absent"]
    rest = values - survey.counts[kind]
    other = lookalikes.best(survey.others, rest)
    if other is not None:
        return f"; {other.hint} may read it"
    if 10 * rest < values:
        return ""
    return f'; data.kinds = {{{name!r} = "category"}} takes all values of the column as words'.replace("'", '"')


def check_numbers(
    spec: JobSpec, columns: Sequence[Column], blocks: Sequence[Block], tasks: Tasks, format: ValueFormat, kept: Mask
) -> None:
    """Raise InvalidData for the first value that is not of its column's kind, or missing where that is refused.

    Rows that are not `kept` do not count.
    """
    needed = [column for column in columns if column.kind != "category"]
    for block in blocks:
        suspects = [column for column in needed if _suspect(spec, column, block.survey.column(column.name))]
        table = tasks.get(block.handle) if suspects else None
        refused, rows = spec.data.missing == "refuse", np.flatnonzero(kept[block.start : block.stop])
        cells = [taken(column_of(table, column.name), rows) for column in suspects]
        found = [_first_fault(*each, format, refused=refused) for each in zip(cells, suspects, strict=True)]
        faults = [each.fault for each in found if each is not None]
        if faults:
            first = min(faults, key=lambda each: each.row or 0)
            raise block.error(Faulty(first.problem, int(rows[first.row or 0]), first.column))


def _first_fault(cells: Any, column: Column, format: ValueFormat, *, refused: bool) -> Faulty | None:
    """Return what is wrong with the first value that is not of its column's kind, or missing where that is refused."""
    try:
        values, fault = to_numbers(cells, column.name, column.kind, format, column.sign, column.hint), None
    except Faulty as error:
        fault = error
        before = cells.slice(0, error.fault.row or 0)
        values = to_numbers(before, column.name, column.kind, format, column.sign, column.hint)
    missing = np.isnan(values)
    return Faulty(NO_NUMBER, int(missing.argmax()), column.name) if refused and missing.any() else fault


def _suspect(spec: JobSpec, column: Column, survey: ColumnSurvey) -> bool:
    refused = spec.data.missing == "refuse" and survey.missing > 0
    return refused or survey.fault is not None or bool(column.sign) or bool(survey.families - {column.kind})


def _coarse(survey: ColumnSurvey) -> bool:
    """Whether the steps of float32 are large beside the range of fractions."""
    spread = survey.high - survey.low
    return not survey.whole and bool(np.spacing(np.float32(max(-survey.low, survey.high))) > LARGEST_STEP * spread / 4)


def warnings_of(spec: JobSpec, columns: Sequence[Column], blocks: Sequence[Block]) -> tuple[str, ...]:
    """Return a sentence for each column whose numbers cannot be told apart, and for each that has no values."""
    surveys = {column.name: survey_of(blocks, column.name) for column in columns if column.kind == "number"}
    sentences = [
        f"column {name!r} has whole numbers beyond ±{limit:,}, of which {what} does not hold every one exactly"
        for name, survey in surveys.items()
        for limit, what in [(EXACT, "float32") if spec.data.scaling == "none" else (EXACT_IN_FLOAT64, "float64")]
        if survey.whole and survey.counts["number"] and max(-survey.low, survey.high) > limit
    ]
    sentences += [
        f"float32 does not hold the differences of column {name!r}, from {survey.low:.10g} to {survey.high:.10g}: "
        'data.scaling = "standardize" keeps them'
        for name, survey in surveys.items()
        if spec.data.scaling == "none" and _coarse(survey)
    ]
    chosen = {column.name for column in columns}
    apart = {*spec.data.targets, *(spec.data.ignore or ()), spec.data.weight}
    sentences += [
        f"column {name!r} has no value in any row and is left out"
        for name in names_of(blocks)
        if name not in chosen | apart and spec.data.columns is None
    ]
    return tuple(sentences)
