"""What is known of the columns of a block, and of all blocks together."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from chainrule.data.tables import is_date, is_number, is_text, number_of, to_numbers, whole

MOST_VALUES = 1000
"""So many different texts of a column are remembered at most."""
EXACT = 1 << 24
"""Beyond this float32 does not have every whole number."""


@dataclass(frozen=True)
class ColumnSurvey:
    """Of one column: what its values are, how many are missing, the range of numbers, and how often each text comes.

    `kind` is number, whole, boolean, date, text or nothing. Of the `texts`, so many tell `numbers`; `values` has the
    most frequent ones.
    """

    kind: str
    missing: int = 0
    low: float = float("inf")
    high: float = float("-inf")
    values: Counter[str] = field(default_factory=Counter)
    texts: int = 0
    numbers: int = 0


@dataclass(frozen=True)
class Survey:
    """Of a block: its number of rows, its columns in their order, and some of these themselves."""

    rows: int
    columns: dict[str, ColumnSurvey]
    kept: pa.Table

    def column(self, name: str) -> ColumnSurvey:
        """Return the survey of a column; one that is not there is missing in every row."""
        return self.columns.get(name) or ColumnSurvey("nothing", self.rows)


def survey(block: pa.Table, keep: Sequence[str] = ()) -> Survey:
    """Look at every column of a tidy table. Raises Faulty for a number that float32 cannot hold."""
    names = block.column_names
    columns = {name: _look(whole(column), name) for name, column in zip(names, block.columns, strict=True)}
    return Survey(block.num_rows, columns, block.select([name for name in keep if name in names]))


def kind_of(column: pa.DataType) -> str:
    """Return the word for an Arrow type's values."""
    if pa.types.is_null(column):
        return "nothing"
    if is_text(column):
        return "text"
    if is_date(column):
        return "date"
    if pa.types.is_boolean(column):
        return "boolean"
    assert is_number(column)  # noqa: S101
    return "whole" if pa.types.is_integer(column) else "number"


def _look(column: Any, name: str) -> ColumnSurvey:
    kind = kind_of(column.type)
    if kind == "nothing":
        return ColumnSurvey(kind, missing=len(column))
    if kind == "text":
        return _look_at_texts(column)
    values = to_numbers(column, name)
    low, high = np.fmin.reduce(values), np.fmax.reduce(values)
    missing = int(np.count_nonzero(np.isnan(values))) if column.null_count or kind == "number" else 0
    if missing == len(values):
        return ColumnSurvey(kind, missing)
    return ColumnSurvey(kind, missing, float(low), float(high))


def _look_at_texts(column: Any) -> ColumnSurvey:
    counted = pc.value_counts(column.indices.drop_null())
    texts = column.dictionary.to_pylist()
    counts = Counter({texts[pair["values"]]: pair["counts"] for pair in counted.to_pylist()})
    numbers = sum(count for text, count in counts.items() if number_of(text) is not None)
    kept = Counter(dict(counts.most_common(MOST_VALUES)))
    return ColumnSurvey("text", column.null_count, values=kept, texts=counts.total(), numbers=numbers)


def together(surveys: Sequence[ColumnSurvey]) -> ColumnSurvey:
    """Return the survey of a column over several blocks."""
    kinds = {each.kind for each in surveys} - {"nothing"}
    values: Counter[str] = Counter()
    for each in surveys:
        values.update(each.values)
    return ColumnSurvey(
        kind=_common(kinds),
        missing=sum(each.missing for each in surveys),
        low=min(each.low for each in surveys),
        high=max(each.high for each in surveys),
        values=Counter(dict(values.most_common(MOST_VALUES))),
        texts=sum(each.texts for each in surveys),
        numbers=sum(each.numbers for each in surveys),
    )


def _common(kinds: set[str]) -> str:
    """Return the kind that values of all these kinds have together; `mixed` where there is none."""
    if len(kinds) <= 1:
        return next(iter(kinds), "nothing")
    if kinds <= {"whole", "number", "boolean"}:
        return "number"
    return "mixed"
