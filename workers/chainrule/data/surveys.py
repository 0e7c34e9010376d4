"""What is known of the columns of a block, and of all blocks together."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from chainrule.data import lookalikes
from chainrule.data.faults import Fault, Faulty
from chainrule.data.tables import FAMILIES, Numbers, check_range, family, typed_numbers, whole
from chainrule.data.values import (
    SIGNS,
    STANDARD,
    Mask,
    ValueFormat,
    matches,
    parse_booleans,
    parse_dates,
    parse_numbers,
    parse_times,
)

MOST_VALUES = 1000
"""The most different values of a column that are counted; beyond, the rarest are forgotten."""
EXACT = 1 << 24
"""Beyond this float32 does not have every whole number."""


@dataclass(frozen=True)
class ColumnSurvey:
    """What the rows of a column hold.

    `counts` has the rows by what they hold: number, boolean, date, time, duration, word, or a quoted word for a missing
    value (absent); rows without a value are `missing`. `families` are the types in which the values came. `signs` and
    `others` count the rows that are numbers with a sign, or numbers and dates in another format, by its hint. `whole`
    says that all numbers are. `values` has the most frequent texts, where these are counted. `fault` is the first
    number that float32 cannot hold, counted from the block's first row.
    """

    missing: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    families: frozenset[str] = frozenset()
    whole: bool = True
    low: float = float("inf")
    high: float = float("-inf")
    signs: Counter[str] = field(default_factory=Counter)
    others: Counter[str] = field(default_factory=Counter)
    values: Counter[str] = field(default_factory=Counter)
    fault: Fault | None = None

    @property
    def present(self) -> int:
        """The rows that have a value."""
        return self.counts.total()

    @property
    def unusable(self) -> str | None:
        """The name of a type that cannot be an input, if the column has one."""
        return min(self.families - set(FAMILIES), default=None)


@dataclass(frozen=True)
class Survey:
    """Of a block: its number of rows, its columns in their order, and some of these themselves.

    `columns` are those that were looked at; `names` are all of the file.
    """

    rows: int
    columns: dict[str, ColumnSurvey]
    kept: pa.Table
    names: tuple[str, ...]

    def column(self, name: str) -> ColumnSurvey:
        """Return the survey of a column; one that is not there is missing in every row."""
        return self.columns.get(name) or ColumnSurvey(missing=self.rows)


def survey(
    block: pa.Table, keep: Sequence[str] = (), format: ValueFormat = STANDARD, names: Sequence[str] | None = None
) -> Survey:
    """Look at every column of a tidy table, and keep some of them."""
    here = block.column_names
    columns = {name: look(whole(column), name, format) for name, column in zip(here, block.columns, strict=True)}
    kept = block.select([name for name in keep if name in here])
    return Survey(block.num_rows, columns, kept, tuple(here if names is None else names))


def look(column: Any, name: str, format: ValueFormat = STANDARD, *, count: bool = False) -> ColumnSurvey:
    """Return what a tidy column holds; on demand, how often each text comes, too."""
    kind, rows = family(column.type), len(column)
    if kind == "nothing" or column.null_count == rows:
        return ColumnSurvey(missing=rows)
    if kind == "text":
        return _look_at_texts(column, name, format, count=count)
    if kind not in FAMILIES:
        return ColumnSurvey(column.null_count, Counter({"word": rows - column.null_count}), frozenset({kind}))
    values = typed_numbers(column)
    missing = int(np.count_nonzero(np.isnan(values))) if column.null_count or kind == "number" else 0
    if missing == rows:
        return ColumnSurvey(missing=rows)
    return ColumnSurvey(
        missing,
        Counter({kind: rows - missing}),
        frozenset({kind}),
        whole=kind == "boolean" or pa.types.is_integer(column.type) or (kind == "number" and _are_whole(values)),
        low=float(np.fmin.reduce(values)),
        high=float(np.fmax.reduce(values)),
        fault=_fault(values, name),
    )


def _are_whole(values: Numbers) -> bool:
    """Whether all numbers are whole; a few tell it mostly."""
    return all(
        bool((np.isnan(part) | (np.isfinite(part) & (part == np.floor(part)))).all()) for part in (values[:64], values)
    )


def _fault(values: Numbers, name: str) -> Fault | None:
    try:
        check_range(values, name)
    except Faulty as error:
        return error.fault
    return None


def _look_at_texts(column: Any, name: str, format: ValueFormat, *, count: bool) -> ColumnSurvey:
    texts, codes = column.dictionary, column.indices.drop_null().to_numpy(zero_copy_only=False)
    rows = np.bincount(codes, minlength=len(texts)).astype(np.int64)
    values, number = parse_numbers(texts, format)
    _, boolean = parse_booleans(texts)
    _, date = parse_dates(texts, format.date_format)
    _, time = parse_times(texts)
    absent = pc.is_in(texts, pa.array(format.missing_words)).to_numpy(zero_copy_only=False)
    absent = absent | matches(texts, "^-?(?i:nan)$")
    masks = {"absent": absent, "number": number, "boolean": boolean, "date": date, "time": time}
    if format.date_format is not None:  # whose dates may be digits alone
        masks = {"absent": absent, "date": date, **masks}
    counts, rest = Counter[str](), np.ones(len(texts), np.bool_)
    for kind, mask in masks.items():
        counts[kind] = int(rows[mask & rest].sum())
        rest &= ~mask
    counts["word"] = int(rows[rest].sum())
    found = values[number & (rows > 0)]
    return ColumnSurvey(
        column.null_count,
        +counts,
        frozenset({"text"}),
        whole=_are_whole(found),
        low=float(np.fmin.reduce(found, initial=np.inf)),
        high=float(np.fmax.reduce(found, initial=-np.inf)),
        signs=_signs(texts, rows, format) if counts["word"] else Counter(),
        others=lookalikes.find(texts, rows, format) if counts["word"] or counts["number"] else Counter(),
        values=_most_frequent(texts, rows) if count else Counter(),
        fault=_fault_of_texts(column, values, number & (rows > 0), name),
    )


def _fault_of_texts(column: Any, values: Numbers, number: Mask, name: str) -> Fault | None:
    """Return the first text that is a number which float32 cannot hold; `values` and `number` are of the dictionary."""
    if _fault(values[number], name) is None:
        return None
    codes = column.indices.fill_null(len(values)).to_numpy(zero_copy_only=False)
    return _fault(np.append(np.where(number, values, np.nan), [np.nan])[codes], name)


def _signs(texts: Any, rows: NDArray[np.int64], format: ValueFormat) -> Counter[str]:
    found = Counter[str]()
    for sign in SIGNS:
        if pc.any(pc.match_substring(texts, sign)).as_py():
            found[sign] = int(rows[parse_numbers(texts, format, sign)[1]].sum())
    return +found


def _most_frequent(texts: Any, rows: NDArray[np.int64]) -> Counter[str]:
    order = np.argsort(-rows, kind="stable")[:MOST_VALUES]
    return +Counter({texts[int(i)].as_py(): int(rows[i]) for i in order})


def together(surveys: Sequence[ColumnSurvey]) -> ColumnSurvey:
    """Return the survey of a column over several blocks. Where a fault is, they know; here its row is not known."""
    if len(surveys) == 1:
        return surveys[0]
    values: Counter[str] = Counter()
    for each in surveys:
        values.update(each.values)
    return ColumnSurvey(
        missing=sum(each.missing for each in surveys),
        counts=_total(each.counts for each in surveys),
        families=frozenset().union(*(each.families for each in surveys)),
        whole=all(each.whole for each in surveys),
        low=min((each.low for each in surveys), default=float("inf")),
        high=max((each.high for each in surveys), default=float("-inf")),
        signs=_total(each.signs for each in surveys),
        others=_total(each.others for each in surveys),
        values=Counter(dict(values.most_common(MOST_VALUES))),
        fault=next((each.fault for each in surveys if each.fault), None),
    )


def _total(counters: Any) -> Counter[str]:
    result = Counter[str]()
    for each in counters:
        result.update(each)
    return result
