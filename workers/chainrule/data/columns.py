"""Which columns are inputs, and of which kind each is."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from chainrule.data.blocks import Block, Tasks, names_of
from chainrule.data.encoders import NO_NUMBER
from chainrule.data.faults import Faulty
from chainrule.data.preprocessing import column_of
from chainrule.data.surveys import EXACT, ColumnSurvey, together
from chainrule.data.tables import to_numbers
from chainrule.wire.errors import InvalidData
from chainrule.wire.spec import JobSpec


@dataclass(frozen=True)
class Column:
    """An input: its name, and whether it is a number, a date or a category."""

    name: str
    kind: str


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
    if not chosen:
        raise InvalidData(f"{source} has no column beside the label {', '.join(map(repr, data.targets))}")
    return tuple(Column(name, _kind(spec, name, survey_of(blocks, name))) for name in chosen)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def survey_of(blocks: Sequence[Block], name: str) -> ColumnSurvey:
    """Return what is known of a column."""
    return together([block.survey.column(name) for block in blocks])


def _kind(spec: JobSpec, name: str, survey: ColumnSurvey) -> str:
    return spec.data.kinds.get(name) or natural_kind(survey)


def natural_kind(survey: ColumnSurvey) -> str:
    """Return the kind of a column of which nothing is said. Texts are numbers where at least half of them tell one."""
    if survey.kind == "text":
        return "number" if 2 * survey.numbers >= survey.texts > 0 else "category"
    return "date" if survey.kind == "date" else "number"


def check_numbers(spec: JobSpec, columns: Sequence[Column], blocks: Sequence[Block], tasks: Tasks) -> None:
    """Raise InvalidData for the first value that is no number where one is needed."""
    needed = [column for column in columns if column.kind != "category"]
    for block in blocks:
        suspects = [column for column in needed if _suspect(spec, block.survey.column(column.name))]
        table = tasks.get(block.handle) if suspects else None
        for column in suspects:
            try:
                values = to_numbers(column_of(table, column.name), column.name, dates=column.kind == "date")
            except Faulty as error:
                raise block.error(error) from None
            missing = np.isnan(values)
            if spec.data.missing == "refuse" and missing.any():
                raise block.error(Faulty(NO_NUMBER, int(missing.argmax()), column.name))


def _suspect(spec: JobSpec, survey: ColumnSurvey) -> bool:
    return survey.kind == "text" or (spec.data.missing == "refuse" and survey.missing > 0)


def warnings_of(columns: Sequence[Column], blocks: Sequence[Block]) -> tuple[str, ...]:
    """Return a sentence for each column whose whole numbers float32 cannot tell apart."""
    surveys = {column.name: survey_of(blocks, column.name) for column in columns if column.kind == "number"}
    return tuple(
        f"column {name!r} has whole numbers beyond ±{EXACT:,}, of which float32 does not hold every one exactly"
        for name, survey in surveys.items()
        if survey.kind == "whole" and max(-survey.low, survey.high) > EXACT
    )
