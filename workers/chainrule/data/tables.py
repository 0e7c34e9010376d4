"""Arrow tables as they are read -> tables of few types, and columns -> numbers."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from chainrule.data.faults import Faulty

Numbers: TypeAlias = NDArray[np.float64]
MISSING_WORDS = ("", "?", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "-nan", "NULL", "Null", "null", "None")
"""What stands for a missing value in text, whatever blanks are around it."""
TEXT = pa.dictionary(pa.int32(), pa.string())
SECONDS_OF_DAY = 86_400
MOST_COLUMNS = 100_000


def tidy(table: pa.Table) -> pa.Table:
    """Return the table with texts encoded as TEXT and all else as numbers, booleans or dates. Raises Faulty."""
    check_names(table.column_names)
    columns = [_tidy(whole(column), name) for column, name in zip(table.columns, table.column_names, strict=True)]
    return pa.table(columns, names=table.column_names)


def whole(column: pa.ChunkedArray) -> pa.Array:
    """Return a column as one array: itself, not a copy, where it is one."""
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def taken(column: pa.Array, rows: NDArray[np.int64]) -> pa.Array:
    """Return some rows of a tidy column. NumPy takes plain numbers several times as fast as Arrow."""
    kind = column.type
    if column.null_count or not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        return column.take(pa.array(rows))
    return pa.array(column.to_numpy().take(rows))


def check_count(columns: int) -> None:
    """Raise Faulty where there are more columns than anyone can mean."""
    if columns > MOST_COLUMNS:
        raise Faulty(f"has {columns:,} columns; at most {MOST_COLUMNS:,} are read")


def check_names(names: Sequence[str]) -> None:
    """Raise Faulty where two columns have one name, or there are too many."""
    check_count(len(names))
    double = [name for name, count in Counter(names).items() if count > 1]
    if double:
        raise Faulty(f"has more than one column named {double[0]!r}")


def _tidy(column: Any, name: str) -> Any:
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _tidy(column.dictionary_decode(), name)
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        raise Faulty("is not UTF-8 text", _first_undecodable(column), name)
    if is_text(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return as_text(column.cast(pa.string()))
    if pa.types.is_decimal(kind) or pa.types.is_float16(kind):
        return column.cast(pa.float64())
    if is_number(kind) or is_date(kind) or pa.types.is_null(kind):
        return column
    raise Faulty(f"holds values of type {kind}, not numbers, texts or dates", None, name)


def as_text(column: Any) -> Any:
    """Return strings without the blanks around them, dictionary-encoded; words for missing values become null."""
    trimmed = pc.utf8_trim_whitespace(column)
    absent = pc.is_in(trimmed, pa.array(MISSING_WORDS, pa.string()))
    return pc.if_else(absent, None, trimmed).dictionary_encode().cast(TEXT)


def _first_undecodable(column: Any) -> int | None:
    for row, value in enumerate(column):
        try:
            (value.as_py() or b"").decode()
        except UnicodeDecodeError:
            return row
    return None


def plain(table: pa.Table) -> pa.Table:
    """Return the table with its texts as they are, as others know them."""
    fields = [pa.field(field.name, pa.string() if is_text(field.type) else field.type) for field in table.schema]
    return table.cast(pa.schema(fields))


def is_number(kind: pa.DataType) -> bool:
    """Whether values of an Arrow type are numbers as they are."""
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind))


def is_text(kind: pa.DataType) -> bool:
    """Whether values of an Arrow type are texts."""
    return bool(pa.types.is_string(kind) or pa.types.is_dictionary(kind))


def is_date(kind: pa.DataType) -> bool:
    """Whether values of an Arrow type are dates or times."""
    return bool(pa.types.is_temporal(kind) and not pa.types.is_interval(kind))


def to_numbers(column: Any, name: str, *, dates: bool = False) -> Numbers:
    """Return a tidy column as numbers, NaN where one is missing; a date is its days since 1970. Raises Faulty.

    Every number is one that float32 can hold. Texts tell numbers, or `dates`.
    """
    if is_text(column.type):
        values = _parsed(column, name, day_of if dates else number_of, "a date as 2030-12-31" if dates else "a number")
    elif is_date(column.type):
        values = _days(column)
    else:
        values = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    largest = np.finfo(np.float32).max
    with np.errstate(invalid="ignore"):
        extremes = (np.fmin.reduce(values, initial=0), np.fmax.reduce(values, initial=0))
        if -largest <= extremes[0] and extremes[1] <= largest:
            return values
        row = int(np.flatnonzero(np.abs(values) > largest)[0])
    raise Faulty(f"is {values[row]}, which is not a finite float32 number", row, name)


def _parsed(column: Any, name: str, parse: Callable[[str], float | None], kind: str) -> Numbers:
    """Return the numbers that texts tell. Raises Faulty with the first text that tells none."""
    texts = column.dictionary.to_pylist()
    told = [parse(text) for text in texts]
    codes = column.indices.fill_null(len(texts)).to_numpy(zero_copy_only=False)
    wrong = np.flatnonzero(np.array([*(number is None for number in told), False])[codes])
    if len(wrong):
        row = int(wrong[0])
        raise Faulty(f"is {texts[codes[row]]!r}, not {kind}", row, name)
    values: Numbers = np.array([*told, None], np.float64)[codes]
    return values


def number_of(text: str) -> float | None:
    """Return the number that a text tells, None where it tells none."""
    try:
        return float(text)
    except ValueError:
        return None


def day_of(text: str) -> float | None:
    """Return the days since 1970 of a date or time in ISO 8601, None where a text tells none."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() / SECONDS_OF_DAY


def _days(column: Any) -> Numbers:
    kind = column.type
    if pa.types.is_duration(kind):
        seconds = column.cast(pa.duration("us")).cast(pa.int64())
    elif pa.types.is_time(kind):
        seconds = column.cast(pa.time64("us")).cast(pa.int64())
    else:
        seconds = column.cast(pa.timestamp("us"), safe=False).cast(pa.int64())
    days: Numbers = seconds.cast(pa.float64()).to_numpy(zero_copy_only=False) / (SECONDS_OF_DAY * 1_000_000)
    return days
