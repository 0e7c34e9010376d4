"""What a label is: classes or a number, and why."""

from collections.abc import Sequence
from dataclasses import dataclass

from chainrule.client.column_facts import misfit, misfits, missing_numbers, shown, values_of
from chainrule.data import lookalikes
from chainrule.data.columns import KINDS
from chainrule.data.description import ColumnDescription, Description
from chainrule.data.surveys import MOST_VALUES
from chainrule.wire.errors import InvalidData

FEW, ROWS_EACH = 10, 3
"""Whole numbers are classes where there are this many different ones at most, each in this many rows on average."""
MOST_WHOLE = 100
"""Whole numbers that run without gap are classes where there are this many at most, each about as frequent."""
MOST_WORDS, WORD_SHARE = 100, 0.2
"""Words are classes where there are this many at most, or this share of the rows."""
AS_NUMBER = 'to predict a number: loss = "mse", the last activation "identity"'
AS_CLASSES = 'for classes: loss = "cross_entropy", the last activation "softmax", no target_scaling'


@dataclass(frozen=True)
class Label:
    """The columns to predict, whether they are classes, the rows without a label at most, and the reasons."""

    names: tuple[str, ...]
    classes: bool
    missing: int
    reasons: tuple[str, ...]


def choose_label(description: Description, names: Sequence[str]) -> Label:
    """Return what the labels are. Raises InvalidData where nothing can be learned from them."""
    if len(set(names)) < len(names):
        raise InvalidData("a column is named as a label twice")
    if len(names) == 1:
        return _single(description, names[0])
    parts = [_single(description, name, several=True) for name in names]
    missing = sum(part.missing for part in parts)
    if missing and missing >= description.rows - 1:
        raise InvalidData(f"{description.source}: too few rows have a value of each label {', '.join(names)}")
    return Label(tuple(names), False, missing, tuple(reason for part in parts for reason in part.reasons))


def _single(description: Description, name: str, *, several: bool = False) -> Label:
    column = _column(description, name)
    label = f"{description.source}: the label {shown(name)!r}"
    few = "" if several else _why_classes(description, name, column)
    if few:
        if round(column.distinct) < 2:
            only = next(iter(column.survey.values), "")
            raise InvalidData(f"{label} has one class only ({shown(only)}), so there is nothing to learn")
        return Label((name,), True, column.survey.missing, (few,))
    if column.kind not in KINDS:
        if several:
            raise InvalidData(f"{label} has words; of several labels each must be a number")
        raise InvalidData(
            f"{label} has about {round(column.distinct):,} different words in {values_of(column):,} rows, too many "
            "for classes; is it the right column?"
        )
    _check_numbers(description, label, column)
    return Label((name,), False, missing_numbers(column), (_why_number(name, column, several),))


def _column(description: Description, name: str) -> ColumnDescription:
    if name not in description.columns:
        names = ", ".join(map(shown, list(description.columns)[:8]))
        raise InvalidData(f"{description.source} has no column {shown(name)!r}; it has {names}")
    column, label = description.columns[name], f"{description.source}: the label {shown(name)!r}"
    if not name:
        raise InvalidData(f"{description.source}: a label needs a name; rename the column that has none")
    if column.problem:
        problem = column.problem
        raise InvalidData(problem if problem.startswith(description.source) else f"{label}: {problem}")
    if column.kind == "nothing":
        raise InvalidData(f"{label} has no value in any row")
    return column


def _why_classes(description: Description, name: str, column: ColumnDescription) -> str:
    """Return why a label is classes, "" where it is not."""
    survey, different = column.survey, round(column.distinct)
    rows, most = survey.present, ", ".join(f"{shown(v)} ({n:,})" for v, n in survey.values.most_common(5))
    listed = f"{different:,} classes: {most}{', ...' if different > 5 else ''}"
    if column.kind == "category":
        few = different <= max(MOST_WORDS, WORD_SHARE * rows) and different <= max(2, rows / 2)
        return f"{shown(name)!r} holds words, so it has {listed}" if few else ""
    if column.kind == "boolean":
        return f"{shown(name)!r} is true or false, so it has {listed}"
    if column.kind != "number" or column.sign or not survey.whole:
        return ""
    wrong = misfits(column)
    if wrong:
        few = (
            different <= 2 * FEW and different * ROWS_EACH <= rows and bool(misfit(column, description.dialect.values))
        )
        return f"{shown(name)!r} holds whole numbers and words, so it has {listed}" if few else ""
    if different == 2:
        return f"{shown(name)!r} has two different whole numbers, taken as {listed}; {AS_NUMBER}"
    if 1 < different <= FEW and different * ROWS_EACH <= rows:
        return f"{shown(name)!r} has {different} different whole numbers, taken as {listed}; {AS_NUMBER}"
    if _runs_evenly(column):
        run = f"the whole numbers {survey.low:g} to {survey.high:g}, each about as often"
        return f"{shown(name)!r} has {run}, taken as {listed}; {AS_NUMBER}"
    return ""


def _runs_evenly(column: ColumnDescription) -> bool:
    """Whether whole numbers run from 0 or 1 without gap, none of them much rarer than the others."""
    survey, different = column.survey, round(column.distinct)
    if not FEW < different <= MOST_WHOLE or survey.low not in (0, 1) or survey.high - survey.low + 1 != different:
        return False
    mean = survey.present / different
    return mean >= ROWS_EACH and min(survey.values.values(), default=0) * 3 >= mean


def _check_numbers(description: Description, label: str, column: ColumnDescription) -> None:
    wrong = misfits(column)
    if wrong:
        example = misfit(column, description.dialect.values)
        named = f", as {shown(example)!r}" if example else ""
        other = _hint(column, wrong)
        raise InvalidData(f"{label} is mostly a {column.kind}, but {wrong:,} values are not{named}{other}")
    if round(column.distinct) < 2:
        raise InvalidData(f"{label} has the same value in every row, so there is nothing to learn")


def _hint(column: ColumnDescription, wrong: int) -> str:
    other = lookalikes.best(column.survey.others, wrong)
    return f"; {other.hint} may read it" if other else ""


def _why_number(name: str, column: ColumnDescription, several: bool) -> str:
    what = {"number": "numbers"}.get(column.kind, f"values of the kind {column.kind}, each a number")
    if column.sign:
        what = f"numbers with {column.sign}"
    if column.kind == "number" and column.survey.whole and not column.sign:
        different = round(column.distinct)
        counted = f"more than {MOST_VALUES:,}" if different > MOST_VALUES else f"{different:,}"
        switch = "" if several else f"; {AS_CLASSES}"
        return f"{shown(name)!r} has {counted} different whole numbers, predicted as a number{switch}"
    return f"{shown(name)!r} holds {what}, predicted as a number"
