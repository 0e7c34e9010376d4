"""Whether the first row of a text file holds the columns' names. Pure.

Each value of the first row is compared with the values below it, of up to 100 rows:

| the value is | below it are | so it is |
|---|---|---|
| a text or a date | numbers (or other dates, booleans: at least 9 of 10) | a name |
| a number in quotes | numbers without quotes | a name |
| a word for a missing value, a date, a boolean | anything, dates, booleans | data |
| a negative number, a fraction, an infinity | anything | data |
| a whole number | numbers in whose range it lies, or years and it is one | data |
| a whole number | anything else | a number that may be a name |
| a text | the same text again | data |
| anything else | | not evidence |

The row is the header where its names are more than its data of the first kinds and not fewer than its whole numbers
that are data, or its texts that come again. Without a name it is data if any value is, or if two of its texts are
the same. Numbers that may be names are names where they are years over other numbers; whole over fractions; 0, 1, 2,
... of at least 10 columns; wavelengths and the like in equal steps; or in rising order beside a usual word such as
`label`. In any other case the row is the header where it has texts alone, and data where it has numbers or nothing.
"""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from chainrule.data.cells import Cell, Row, kind_of, value_of

MOSTLY = 0.9
YEARS = range(1900, 2101)
USUAL_WORDS = frozenset(
    word
    for line in (
        "id index key name label labels target class y type category value text",
        "date time year country city species sex gender age price",
    )
    for word in line.split()
)


MOST_COLUMNS = 1000


class _Column(NamedTuple):
    """The cells of a column below the first row that hold a value, and what most of them are."""

    cells: list[Cell]
    kind: str
    numbers: list[float]
    whole: bool

    def holds(self, number: float) -> bool:
        """Whether a number lies among those of the column, or is a year as they are."""
        years = number in YEARS and all(each in YEARS for each in self.numbers)
        return bool(self.numbers) and (years or min(self.numbers) <= number <= max(self.numbers))


class _Look(NamedTuple):
    """What a value of the first row is: `name`, `value`, `fits`, `again`, `maybe` or `unknown`, and in which words."""

    sort: str
    reason: str = ""
    number: float | None = None
    over: _Column | None = None


def is_header(first: Row, below: Sequence[Row], decimal: str = ".") -> tuple[bool, str]:
    """Return whether the first row holds names, and a sentence that tells why; the first MOST_COLUMNS tell it."""
    first = first[:MOST_COLUMNS]
    if not any(cell.text for cell in first):
        return False, "first line is data: it has no word"
    columns = [_column([row[i] for row in below if i < len(row)], decimal) for i in range(len(first))]
    looks = [_look(i, cell, columns[i], decimal) for i, cell in enumerate(first)]
    sorts = Counter(look.sort for look in looks)
    rising = _names_by_order(first, looks, len(below))
    fits = 0 if rising else sorts["fits"]
    values = 0 if rising else sorts["value"]
    if sorts["name"] > values and sorts["name"] >= max(fits, sorts["again"]):
        return True, f"first line is the header: {_reason(looks, 'name')}"
    for sort in ("again", *(() if rising else ("value", "fits"))):
        if sorts[sort]:
            return False, f"first line is data: {_reason(looks, sort)}"
    return _by_words(first, looks, rising)


def _by_words(first: Row, looks: Sequence[_Look], rising: bool) -> tuple[bool, str]:
    """Decide where no value is a name, or data, for sure."""
    double = [text for text, count in Counter(cell.text for cell in first if cell.text).items() if count > 1]
    if double:
        return False, f"first line is data: it has {_short(double[0])} more than once"
    if any(look.number is not None for look in looks):
        if rising:
            return True, "first line is the header: its numbers are names in order, unlike the values below"
        return False, "first line is data: it has numbers"
    return True, "first line is the header: it has words that do not come again below"


def _reason(looks: Sequence[_Look], sort: str) -> str:
    return next(look.reason for look in looks if look.sort == sort)


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:37]}...")


def _column(cells: list[Cell], decimal: str) -> _Column:
    kinds = [kind_of(cell.text) for cell in cells]
    held = [(cell, kind) for cell, kind in zip(cells, kinds, strict=True) if kind not in ("nothing", "missing")]
    kind, count = next(iter(Counter(kind for _, kind in held).most_common(1)), ("nothing", 0))
    numbers = [cell.text for cell, kind in held if kind == "number"]
    return _Column(
        [cell for cell, _ in held],
        kind if count >= MOSTLY * len(held) else "text",
        [value_of(text, decimal) for text in numbers],
        any(text.isdigit() for text in numbers),
    )


def _look(i: int, cell: Cell, column: _Column, decimal: str) -> _Look:
    kind, place = kind_of(cell.text), f"column {i + 1}"
    if kind == "nothing":
        return _Look("unknown")
    if kind == "missing":
        return _Look("value", f"{place} is {_short(cell.text)}, a word for a missing value")
    if kind == "number":
        return _look_at_number(place, cell, column, decimal)
    if kind != "text" and column.kind in (kind, "nothing"):
        return _Look("value", f"{place} is the {kind} {cell.text}")
    if kind in ("text", "date") and column.kind in ("number", "date", "boolean"):
        return _Look("name", f"{place} holds {column.kind}s below it")
    if any(each.text == cell.text for each in column.cells):
        return _Look("again", f"{place} holds {_short(cell.text)} again below")
    return _Look("unknown")


def _look_at_number(place: str, cell: Cell, column: _Column, decimal: str) -> _Look:
    number = value_of(cell.text, decimal)
    if cell.quoted and column.kind == "number" and not any(each.quoted for each in column.cells):
        return _Look("name", f"{place} is in quotes, and the numbers below it are not")
    if not cell.text.isdigit():
        return _Look("value", f"{place} is the number {cell.text}, which is no name", number, column)
    if 2 * len(column.numbers) >= len(column.cells) and column.holds(number):
        return _Look("fits", f"{place} is {cell.text}, which lies among the values below", number, column)
    return _Look("maybe", "", number, column)


def _names_by_order(first: Row, looks: Sequence[_Look], rows: int) -> bool:
    """Return whether the row's numbers over numbers are names: rising, and not such values as are below them."""
    held = [(look.number, look.over) for look in looks if look.number is not None and look.over is not None]
    numbers, columns = [number for number, _ in held], [column for _, column in held]
    if not held or any(a >= b for a, b in pairwise(numbers)):
        return False
    texts = any(kind_of(cell.text) == "text" for cell in first)
    usual = any(cell.text.lower() in USUAL_WORDS for cell in first)
    plain = all(cell.text.isdigit() for cell, look in zip(first, looks, strict=True) if look.number is not None)
    outside = sum(not column.holds(number) for number, column in held)
    over_fractions = sum(bool(column.numbers) and not column.whole for column in columns)
    count, steps = len(numbers), _equal_steps(numbers)
    years = all(number in YEARS for number in numbers) and outside == count and steps
    ways = (
        years and (texts or count > 1),
        plain and 2 * over_fractions >= count and steps and (count > 1 or usual) and (texts or rows >= 3),
        numbers == list(range(count)) and count >= 10,
        steps and count >= 5 and 2 * outside >= count and (texts or rows >= 5) and numbers[1] - numbers[0] != 1,
        plain and usual and (count >= 3 or (steps and outside == count)),
        plain and any(look.sort == "name" for look in looks) and (count >= 3 or (count == 2 and steps)),
    )
    return any(ways)


def _equal_steps(numbers: Sequence[float]) -> bool:
    steps = [b - a for a, b in pairwise(numbers)]
    return all(abs(step - steps[0]) <= 1e-6 * max(1, abs(numbers[-1])) for step in steps)
