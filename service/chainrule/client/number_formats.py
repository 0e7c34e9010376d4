"""Formats of numbers and dates that would read more of the data than the format it was read with."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa

from chainrule.client.column_facts import misfits, values_of
from chainrule.data import lookalikes
from chainrule.data.columns import KINDS
from chainrule.data.description import ColumnDescription, Description
from chainrule.data.lookalikes import Lookalike
from chainrule.data.values import SIGNS, ValueFormat, without_sign
from chainrule.wire.errors import InvalidData

MOST_TRIED = 3
"""So many formats are tried at most; each reads all rows once more."""
Fields: TypeAlias = dict[str, Any]
Look: TypeAlias = Callable[[Mapping[str, Any]], Description]


def read_best(reading: Mapping[str, Any], look: Look) -> tuple[Description, Fields]:
    """Return the description in the format that reads most columns, and the fields of a job that it takes.

    A format is used only if every column that was all numbers or dates before keeps its values. What `reading` gives
    is not changed. Raises InvalidData.
    """
    description, found = look(reading), dict[str, Any]()
    for fields, _ in other_formats(description)[:MOST_TRIED]:
        tried = {**found, **fields}
        if any(reading.get(name) is not None for name in fields) or tried.get("decimal", ".") == tried.get("thousands"):
            continue
        try:
            other = look({**reading, **tried})
        except InvalidData:
            continue
        if _is_better(other, description):
            description, found = other, tried
    return description, found


def other_formats(description: Description) -> list[tuple[Fields, list[str]]]:
    """Return the fields of a job that would read more columns, each with these; those for most columns first."""
    wanted: dict[Lookalike, list[str]] = {}
    for name, column in description.columns.items():
        if (found := _lookalike(column, description.dialect.values)) is not None:
            wanted.setdefault(found, []).append(name)
    ordered = sorted(wanted.items(), key=lambda item: -len(item[1]))
    return [(dict(found.fields), names) for found, names in ordered]


def _lookalike(column: ColumnDescription, format: ValueFormat) -> Lookalike | None:
    """Return the format that reads most values of a column, or all of those that are no numbers yet."""
    if column.kind == "category" or column.sign:
        return _with_sign(column, format)
    wrong = misfits(column)
    share = 0.5 if wrong == values_of(column) else 1.0
    return lookalikes.best(column.survey.others, wrong, share) if wrong else None


def _with_sign(column: ColumnDescription, format: ValueFormat) -> Lookalike | None:
    """Return the same for numbers that have a sign, judged by the values that were counted."""
    if column.sign and not misfits(column):
        return None
    values = column.survey.values
    texts, rows = pa.array(list(values), pa.string()), np.array(list(values.values()), np.int64)
    for sign in SIGNS:
        bare = without_sign(texts, sign)
        held = np.asarray(bare.is_valid())
        if 2 * rows[held].sum() >= values.total() > 0:
            return lookalikes.best(lookalikes.find(bare, rows, format), int(rows[held].sum()))
    return None


def _is_better(other: Description, description: Description) -> bool:
    if list(other.columns) != list(description.columns):
        return False
    before, after = _clean(description), _clean(other)
    return len(after) > len(before) and all(_same(before[name], after.get(name)) for name in before)


def _clean(description: Description) -> dict[str, ColumnDescription]:
    """Return the columns all of whose values are of one kind of number."""
    columns = description.columns.items()
    return {name: column for name, column in columns if column.kind in KINDS and not misfits(column)}


def _same(one: ColumnDescription, other: ColumnDescription | None) -> bool:
    if other is None:
        return False
    first, second = one.survey, other.survey
    return (one.kind, one.sign, first.low, first.high, first.whole) == (
        *(other.kind, other.sign, second.low, second.high, second.whole),
    )
