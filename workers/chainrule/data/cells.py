"""Delimited text -> rows of cells, and what a cell's text looks like. Pure."""

import re
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple, TypeAlias

from chainrule.data.values import MISSING_WORDS

MOST_CELLS = 50_000
"""Splitting stops behind the row that reaches this number of cells."""
LONG_TEXT = 1 << 16
GROUP = "[., '\N{RIGHT SINGLE QUOTATION MARK}]"
NUMBER = re.compile(
    r"[+-]?[$€£]?"
    rf"(?:\d+(?:\.\d*|,\d+)?|[.,]\d+|\d{{1,3}}(?:{GROUP}\d{{3}})+(?:[.,]\d+)?)"
    r"(?:[eE][+-]?\d+)?\s?[%€$£]?|[+-]?inf(?:inity)?",
    re.IGNORECASE,
)
CLOCK = r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?\s?(?:[AaPp][Mm])?\s?(?:Z|UTC|[+-]\d{2}:?\d{2})?"
DATE = re.compile(
    rf"(?:\d{{4}}([-/.])\d{{1,2}}\1\d{{1,2}}|\d{{1,2}}([-/.])\d{{1,2}}\2(?:\d{{4}}|\d{{2}}))(?:[T ]{CLOCK})?|{CLOCK}"
)
BOOLEANS = {"true", "false"}


class Cell(NamedTuple):
    """A value as it is written: its text without outer blanks and quotes, and whether it was quoted."""

    text: str
    quoted: bool = False


Row: TypeAlias = list[Cell]


def split(text: str, delimiter: str, most: int) -> list[Row]:
    """Return the first rows that hold anything, at most `most`.

    A last row without a line break, or with a quote that is never closed, may have been cut off: it is left out where
    the text is long or at least two rows come before it.
    """
    rows: list[Row] = []
    cells = 0
    for row, whole in islice(_rows(text, delimiter), most):
        if not whole and (len(rows) >= 2 or (rows and len(text) >= LONG_TEXT)):
            break
        rows.append(row)
        cells += len(row)
        if cells >= MOST_CELLS:
            break
    return rows


def _rows(text: str, delimiter: str) -> Iterator[tuple[Row, bool]]:
    """Yield the rows that hold anything, and whether each is whole."""
    value = re.escape(delimiter)
    quoted = re.compile(rf'[ ]*"([^"]*(?:""[^"]*)*)"([^{value}\n]*)')
    bare = re.compile(rf"[^{value}\n]*")
    place = 0
    while place < len(text):
        end = text.find("\n", place)
        line = text[place : end if end >= 0 else len(text)]
        if '"' not in line:
            row, place = [Cell(each.strip()) for each in line.split(delimiter)], place + len(line) + 1
            whole = end >= 0
        else:
            row, place, whole = _quoted_row(text, place, delimiter, quoted, bare)
        if len(row) > 1 or row[0].text or row[0].quoted:
            yield row, whole


def _quoted_row(
    text: str, place: int, delimiter: str, quoted: re.Pattern[str], bare: re.Pattern[str]
) -> tuple[Row, int, bool]:
    """Return a row that has quotes, where the next begins, and whether it is whole."""
    row: Row = []
    while True:
        found = quoted.match(text, place)
        if found:
            row.append(Cell((found[1].replace('""', '"') + found[2]).strip(), quoted=True))
        else:
            found = bare.match(text, place)
            assert found  # noqa: S101 - the pattern matches nothing, too
            row.append(Cell(found[0].strip()))
            if row[-1].text.startswith('"'):
                return row, len(text), False
        place = found.end()
        if not text.startswith(delimiter, place):
            return row, place + 1, place < len(text)
        place += 1


def kind_of(text: str) -> str:
    """Return what a cell's text is: `nothing`, `missing` (a word for it), `number`, `date`, `boolean` or `text`."""
    if not text:
        return "nothing"
    if text in MISSING_WORDS:
        return "missing"
    if NUMBER.fullmatch(text):
        return "number"
    if text[0].isdigit() and DATE.fullmatch(text):
        return "date"
    return "boolean" if text.lower() in BOOLEANS else "text"


def value_of(text: str, decimal: str) -> float:
    """Return about the number that a text of kind `number` tells; where it has one kind of mark, `decimal` decides."""
    bare = re.sub(r"[^0-9.,eE+-]", "", text) if "inf" not in text.lower() else text
    marks = [mark for mark in bare if mark in ".,"]
    point = marks[-1] if len(set(marks)) == 2 else decimal if marks.count(decimal) == 1 else ""
    if len(marks) == 1 and not point and not re.fullmatch(r"[+-]?\d{1,3}[.,]\d{3}", bare):
        point = marks[0]
    for mark in ".,":
        bare = bare.replace(mark, "." if mark == point else "")
    return float(bare)
