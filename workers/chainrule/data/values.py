"""Texts -> numbers, truth values, dates and times: the one definition of each, whatever file or message they come from.

A number is [+-]digits[.digits][e[+-]digits], with the decimal mark and the thousands mark of the job, and on both sides
the sign of its column, such as % or $, if it has one. Hexadecimal digits, underscores and the word "infinity" make no
number. A truth value is true or false, in any case of letters. Dates and times are those of ISO 8601.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Numbers: TypeAlias = NDArray[np.float64]
Mask: TypeAlias = NDArray[np.bool_]

MISSING_WORDS = ("", "?", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "-nan", "NULL", "Null", "null", "None")
"""What stands for a missing value in text without quotes, unless the job names other words."""
SIGNS = "%$€£¥"
"""What all numbers of a column may have in front of them or after them."""
SECONDS_OF_DAY = 86_400
EPOCH, MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
EXPONENT = r"(?:[eE][+-]?\d+)?"
INFINITE = r"^[+-]?(?i:inf|infinity)$"
BOOLEAN = r"^(?i:true|false)$"
TIME = r"^(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d+)?)?$"
YEAR = r"(?:[1-9]\d{3}|0[1-9]\d{2}|00[1-9]\d|000[1-9])"
DATE = "^" + YEAR + r"-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})?)?$"


@dataclass(frozen=True)
class ValueFormat:
    """How texts are values: the marks of numbers, the words for what is missing, and the format of dates.

    `missing` None means MISSING_WORDS; `date_format` None means ISO 8601, else it is a format of `datetime.strptime`.
    `legacy` is for models of version 1, which took a value's word from the type that a whole block of rows had.
    """

    decimal: str = "."
    thousands: str | None = None
    missing: tuple[str, ...] | None = None
    date_format: str | None = None
    legacy: bool = False

    @property
    def missing_words(self) -> tuple[str, ...]:
        """What stands for a missing value; an empty text always does."""
        return MISSING_WORDS if self.missing is None else ("", *self.missing)

    @property
    def number(self) -> str:
        """The regular expression of a number without a sign of its column."""
        mark = re.escape(self.decimal)
        digits = rf"[1-9]\d{{0,2}}(?:{re.escape(self.thousands)}\d{{3}})+|\d+" if self.thousands else r"\d+"
        return rf"^[+-]?(?:(?:{digits})(?:{mark}\d*)?|{mark}\d+){EXPONENT}$"


STANDARD = ValueFormat()


def matches(texts: Any, pattern: str) -> Mask:
    """Return which of the texts match a regular expression; a null does not."""
    found: Mask = pc.match_substring_regex(texts, pattern).fill_null(False).to_numpy(zero_copy_only=False)
    return found


def without_sign(texts: Any, sign: str) -> Any:
    """Return the texts without the sign of their column, null where one lacks it."""
    escaped = re.escape(sign)
    found = pc.extract_regex(texts, rf"^(?P<minus>-?){escaped}?\s?(?P<number>[^{escaped}]*?)\s?{escaped}?$")
    bare = pc.binary_join_element_wise(found.field("minus"), found.field("number"), "")
    return pc.if_else(pc.equal(pc.count_substring(texts, sign), 1), bare, None)


def sign_of(texts: Any) -> str:
    """Return the one sign that texts have, "" where none or several."""
    found = [sign for sign in SIGNS if pc.any(pc.match_substring(texts, sign)).as_py()]
    return found[0] if len(found) == 1 else ""


def parse_numbers(texts: Any, format: ValueFormat = STANDARD, sign: str = "") -> tuple[Numbers, Mask]:
    """Return the number of each text, NaN where it is none, and which are numbers. Infinity is a number here.

    A null is none. What float64 cannot hold is infinite.
    """
    texts = without_sign(texts, sign) if sign else texts
    endless = matches(texts, INFINITE)
    known = matches(texts, format.number) | endless
    if format.thousands:
        texts = pc.replace_substring(texts, format.thousands, "")
    if format.decimal != ".":
        texts = pc.replace_substring(texts, format.decimal, ".")
    values = pc.if_else(pa.array(known), texts, None).cast(pa.float64())
    return values.to_numpy(zero_copy_only=False).astype(np.float64, copy=False), known


def plain_numbers(texts: Any, format: ValueFormat = STANDARD) -> Any:
    """Return the float64 array of texts that are all numbers or null, None where one is another text.

    It agrees with `parse_numbers`, and takes a fraction of its time for a whole column.
    """
    if format.thousands or format.decimal != ".":
        values, known = parse_numbers(texts, format)
        whole = known.sum() + texts.null_count == len(texts)
        return pa.array(values, mask=~known) if whole else None
    try:
        numbers = texts.cast(pa.float64())  # takes no hexadecimal digits, no underscores and no blanks
    except pa.ArrowInvalid:
        return None
    strange = pc.any(pc.is_nan(numbers)).as_py()  # a word such as NAN, of which none is a number
    return None if strange else numbers


def parse_booleans(texts: Any) -> tuple[Numbers, Mask]:
    """Return 1 for true and 0 for false, and which of the texts are either."""
    known = matches(texts, BOOLEAN)
    return np.where(matches(texts, r"^(?i:true)$"), 1.0, 0.0), known


def parse_times(texts: Any) -> tuple[Numbers, Mask]:
    """Return the part of the day that has passed at each time of day, and which of the texts are one."""
    known = matches(texts, TIME)
    days = [_part_of_day(text) if is_time else np.nan for text, is_time in zip(texts.to_pylist(), known, strict=True)]
    return np.array(days, np.float64), known


def _part_of_day(text: str) -> float:
    hours, minutes, *rest = text.split(":")
    seconds, _, fraction = (rest[0] if rest else "0").partition(".")
    whole = int(hours) * 3600 + int(minutes) * 60 + int(seconds)
    return (whole * 1_000_000 + int(fraction[:6].ljust(6, "0"))) / (SECONDS_OF_DAY * 1_000_000)


def parse_dates(texts: Any, date_format: str | None = None) -> tuple[Numbers, Mask]:
    """Return the days since 1970 of each date, and which of the texts are one. Without a zone a time is UTC."""
    if date_format is None:
        texts = pc.if_else(pa.array(matches(texts, DATE)), texts, None)
        if not pc.any(pc.match_substring_regex(texts, r"(?:Z|[+-]\d{2}:?\d{2})$")).as_py():
            try:
                moments = texts.cast(pa.timestamp("us")).cast(pa.int64())
                days = moments.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False) / (
                    SECONDS_OF_DAY * 1_000_000
                )
                return days, ~np.isnan(days)
            except pa.ArrowInvalid:  # one of them is no day of the calendar
                pass
    values = np.array([None if text is None else day_of(text, date_format) for text in texts.to_pylist()], np.float64)
    return values, ~np.isnan(values)


def day_of(text: str, date_format: str | None = None) -> float | None:
    """Return the days since 1970 of a date or time, None where a text is none, as 2020-02-30."""
    moment = moment_of(text, date_format)
    if moment is None:
        return None
    passed = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - EPOCH
    return (passed // MICROSECOND) / (SECONDS_OF_DAY * 1_000_000)


def moment_of(text: str, date_format: str | None = None) -> datetime | None:
    """Return the date or time that a text is, None where it is none."""
    try:
        return datetime.fromisoformat(text) if date_format is None else datetime.strptime(text, date_format)
    except ValueError:
        return None


def number_of(text: str, format: ValueFormat = STANDARD) -> float | None:
    """Return the number that one text is, None where it is none."""
    values, known = parse_numbers(pa.array([text]), format)
    return float(values[0]) if known[0] else None
