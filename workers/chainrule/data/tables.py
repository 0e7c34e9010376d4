"""Arrow tables as they are read -> tables of few types, and their columns -> numbers and words."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from chainrule.data.faults import Faulty
from chainrule.data.values import (
    STANDARD,
    Mask,
    Numbers,
    ValueFormat,
    parse_booleans,
    parse_dates,
    parse_numbers,
    parse_times,
)

__all__ = ["Numbers"]
TEXT = pa.dictionary(pa.int32(), pa.string())
MOST_COLUMNS = 100_000
FAMILIES = ("text", "number", "boolean", "date", "time", "duration")
"""What a column that can be an input holds. Of any other type, the type's own name is the family."""


def family(kind: pa.DataType) -> str:
    """Return the word for what values of a tidy column are: one of FAMILIES, "nothing", or the type's name."""
    tests: dict[str, Callable[[pa.DataType], bool]] = {
        "nothing": pa.types.is_null,
        "text": is_text,
        "boolean": pa.types.is_boolean,
        "number": lambda kind: pa.types.is_integer(kind) or pa.types.is_floating(kind),
        "date": lambda kind: pa.types.is_date(kind) or pa.types.is_timestamp(kind),
        "time": pa.types.is_time,
        "duration": pa.types.is_duration,
    }
    return next((name for name, test in tests.items() if test(kind)), str(kind))


def is_text(kind: pa.DataType) -> bool:
    """Whether values of an Arrow type are texts."""
    return bool(pa.types.is_string(kind) or pa.types.is_dictionary(kind))


def tidy(table: pa.Table, words: Sequence[str] = ("",)) -> pa.Table:
    """Return the table with texts encoded as TEXT, without blanks around them, and numbers of few types.

    Texts that are one of the `words` are missing. What cannot be an input stays as it is.
    """
    columns = [tidied(whole(column), words) for column in table.columns]
    return pa.Table.from_arrays(columns, names=table.column_names)


def whole(column: pa.ChunkedArray) -> pa.Array:
    """Return a column as one array: itself, not a copy, where it is one."""
    if isinstance(column, pa.Array):
        return column
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


def tidied(column: Any, words: Sequence[str]) -> Any:
    """Return one column as `tidy` does."""
    kind = column.type
    if kind == TEXT and not words:
        return column
    if pa.types.is_dictionary(kind):
        return tidied(column.dictionary_decode(), words)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return encoded(column.cast(pa.string()), words)
    if pa.types.is_decimal(kind) or pa.types.is_float16(kind):
        return column.cast(pa.float64())
    return column


def encoded(column: Any, words: Sequence[str], protected: Sequence[str] = ()) -> Any:
    """Return strings without the blanks around them as TEXT; one that is in `words` becomes null.

    A word that is `protected` and has no blanks around it was quoted, and stays.
    """
    found = column.dictionary_encode()
    texts = found.dictionary
    trimmed = pc.utf8_trim_whitespace(texts)
    absent = pc.is_in(trimmed, pa.array(words, pa.string()))
    if protected:
        kept = pc.and_(pc.equal(trimmed, texts), pc.is_in(texts, pa.array(protected, pa.string())))
        absent = pc.and_(absent, pc.invert(kept))
    if not pc.any(pc.or_(absent, pc.not_equal(trimmed, texts))).as_py():
        return found.cast(TEXT)
    return pc.if_else(absent, None, trimmed).take(found.indices).dictionary_encode().cast(TEXT)


def plain(table: pa.Table) -> pa.Table:
    """Return the table with its texts as they are, as others know them."""
    columns = [whole(column) for column in table.columns]
    columns = [column.cast(pa.string()) if is_text(column.type) else column for column in columns]
    return pa.Table.from_arrays(columns, names=table.column_names)


Parse: TypeAlias = Callable[[Any], tuple[Numbers, Mask]]
TICKS_OF_DAY = {"D": 1, "s": 86_400, "ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000}
"""How many of a unit of time a day has; nanoseconds are cut off to microseconds."""
MEANT = {
    "number": "a number",
    "boolean": "true or false",
    "date": "a date as 2030-12-31",
    "time": "a time of day as 12:30",
    "duration": "a length of time",
}


def to_numbers(
    column: Any, name: str, kind: str = "number", format: ValueFormat = STANDARD, sign: str = "", hint: str = ""
) -> Numbers:
    """Return a tidy column as numbers of its kind, NaN where a value is missing. Raises Faulty with the first other.

    A date is its days since 1970, a time and a duration are days, true is 1. Every number is one that float32 can hold.
    `hint` says what may help where a text is no such value.
    """
    of = family(column.type)
    if of == "nothing" or column.null_count == len(column):
        return np.full(len(column), np.nan)
    if of == "text":
        values = _parsed(column, name, kind, format, sign, hint)
    elif (of == kind and not sign) or format.legacy or (kind == "boolean" and of == "number"):
        values = typed_numbers(column)
        if kind == "boolean" and of == "number":
            _check_bits(values, name)
    else:
        row = int(np.flatnonzero(column.is_valid().to_numpy(zero_copy_only=False))[:1].sum())
        raise Faulty(f"is {column[row]}, which is of type {column.type}, not {_meant(kind, format)}", row, name)
    check_range(values, name)
    return values


def _check_bits(values: Numbers, name: str) -> None:
    wrong = np.flatnonzero(~(np.isnan(values) | (values == 0) | (values == 1)))
    if len(wrong):
        raise Faulty(f"is {values[wrong[0]]:g}, not true or false", int(wrong[0]), name)


def check_range(values: Numbers, name: str) -> None:
    """Raise Faulty for the first number that float32 cannot hold."""
    largest = np.finfo(np.float32).max
    with np.errstate(invalid="ignore"):
        extremes = (np.fmin.reduce(values, initial=0), np.fmax.reduce(values, initial=0))
        if -largest <= extremes[0] and extremes[1] <= largest:
            return
        row = int(np.flatnonzero(np.abs(values) > largest)[0])
    raise Faulty(f"is {values[row]}, which is not a finite float32 number", row, name)


def _meant(kind: str, format: ValueFormat) -> str:
    if kind == "date" and format.date_format:
        return f"a date as {format.date_format}"
    return MEANT[kind]


def _parsed(column: Any, name: str, kind: str, format: ValueFormat, sign: str, hint: str) -> Numbers:
    """Return the numbers that texts are. Raises Faulty with the first text that is none."""
    texts = column.dictionary
    absent = pc.is_in(texts, pa.array(format.missing_words, pa.string())).to_numpy(zero_copy_only=False)
    values, known = parse(texts, kind, format, sign)
    if kind == "number":  # any case of the letters
        absent = absent | pc.match_substring_regex(texts, "^-?(?i:nan)$").to_numpy(zero_copy_only=False)
    codes = column.indices.fill_null(len(texts)).to_numpy(zero_copy_only=False)
    wrong = np.flatnonzero(np.append(~(known | absent), [False])[codes])
    found: Numbers = np.append(np.where(known, values, np.nan), [np.nan])[codes]
    if len(wrong):
        row = int(wrong[0])
        check_range(found[:row], name)
        meant = _meant(kind, format) + (f" with {sign}" if sign else "")
        raise Faulty(f"is {texts[int(codes[row])].as_py()!r}, not {meant}{hint}", row, name)
    return found


def parse(texts: Any, kind: str, format: ValueFormat, sign: str = "") -> tuple[Numbers, Mask]:
    """Return what texts are as values of a kind, and which of them are such values."""
    ways: dict[str, Parse] = {
        "number": lambda texts: parse_numbers(texts, format, sign),
        "boolean": parse_booleans,
        "date": lambda texts: parse_dates(texts, format.date_format),
        "time": parse_times,
        "duration": lambda texts: (np.full(len(texts), np.nan), np.zeros(len(texts), np.bool_)),
    }
    if format.legacy and kind in ("number", "date"):
        return _first_of([ways[kind](texts), ways["boolean" if kind == "number" else "time"](texts)])
    if kind == "boolean":  # other formats write them as numbers
        bits = parse_numbers(texts, format)
        return _first_of([parse_booleans(texts), (bits[0], bits[1] & np.isin(bits[0], (0, 1)))])
    return ways[kind](texts)


def _first_of(parsed: Sequence[tuple[Numbers, Mask]]) -> tuple[Numbers, Mask]:
    (first, known), (second, also) = parsed
    return np.where(known, first, second), known | also


def typed_numbers(column: Any) -> Numbers:
    """Return the numbers of a column that is no text; of dates, times and durations the days."""
    kind = column.type
    if not pa.types.is_temporal(kind):
        values: Numbers = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        return values
    unit = "D" if pa.types.is_date32(kind) else "ms" if pa.types.is_date64(kind) else kind.unit
    ticks = column.cast(pa.int32() if kind.bit_width == 32 else pa.int64()).cast(pa.int64())
    ticks = pc.divide(ticks, 1000) if unit == "ns" else ticks
    numbers = ticks.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    days: Numbers = numbers / TICKS_OF_DAY[unit]
    return days
