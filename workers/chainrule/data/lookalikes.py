"""Texts that are numbers or dates in another format than the one they are read with, and the field that reads them."""

import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from chainrule.data.values import EXPONENT, Mask, ValueFormat, matches

PARTS = {
    "%d": r"(?:0?[1-9]|[12]\d|3[01])",
    "%m": r"(?:0?[1-9]|1[0-2])",
    "%Y": r"\d{4}",
    "%y": r"\d{2}",
    "%H": r"(?:[01]?\d|2[0-3])",
    "%M": r"[0-5]?\d",
    "%S": r"[0-5]?\d",
}
"""The parts of a date as `datetime.strptime` reads them."""


@dataclass(frozen=True)
class Lookalike:
    """A format of numbers or dates: the fields of a job file that read it, and what its texts look like."""

    fields: tuple[tuple[str, str], ...]
    pattern: str

    @property
    def hint(self) -> str:
        """The lines of a job file: `data.decimal = ","`."""
        return " and ".join(f'data.{name} = "{value}"' for name, value in self.fields)


def _number(decimal: str, thousands: str = "") -> Lookalike:
    mark = re.escape(decimal)
    grouped = rf"[1-9]\d{{0,2}}(?:{re.escape(thousands)}\d{{3}})+" if thousands else r"\d+"
    fraction = rf"(?:{mark}\d+)?" if thousands else rf"{mark}\d+"
    fields = [("decimal", decimal)] if decimal != "." else []
    fields += [("thousands", thousands)] if thousands else []
    return Lookalike(tuple(fields), rf"^[+-]?{grouped}{fraction}{EXPONENT}$")


def _date(date_format: str) -> Lookalike:
    pattern = re.sub("%[dmYyHMS]", lambda part: PARTS[part[0]], re.escape(date_format))
    return Lookalike((("date_format", date_format),), f"^{pattern}$")


MARKS = ((".", ","), (",",), (",", "."), *((mark, blank) for blank in " \u00a0\u202f'_" for mark in ".,"))
NUMBERS = tuple(_number(*marks) for marks in MARKS)
DAYS = ("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%d-%m-%Y", "%m-%d-%Y", "%d.%m.%y", "%d/%m/%y", "%m/%d/%y")
DATES = tuple(_date(day + time) for time in ("", " %H:%M", " %H:%M:%S") for day in DAYS)
LOOKALIKES = {each.hint: each for each in (*NUMBERS, *DATES)}
"""The formats that are looked for, by their hints; of two that fit alike the first one is meant."""


def find(texts: Any, counts: NDArray[np.int64], format: ValueFormat) -> Counter[str]:
    """Return how many rows each format would read, by its hint; `counts` has the rows of each text."""
    if not pc.any(pc.match_substring_regex(texts, r"^[+-]?\d")).as_py():
        return Counter()
    own = {("decimal", format.decimal), ("thousands", format.thousands or ""), ("date_format", format.date_format)}
    found, dated = Counter[str](), pc.any(pc.match_substring_regex(texts, r"^\d{1,4}[./-]\d{1,2}[./-]\d")).as_py()
    for hint, each in LOOKALIKES.items():
        if (dated or each in NUMBERS) and not set(each.fields) <= own:
            mask: Mask = matches(texts, each.pattern)
            found[hint] = int(counts[mask].sum())
    return +found


def best(found: Counter[str], present: int, share: float = 0.5) -> Lookalike | None:
    """Return the format that reads most rows, if these are at least this share of those that have a value."""
    if not found:
        return None
    hint, rows = max(found.items(), key=lambda item: (item[1], -list(LOOKALIKES).index(item[0])))
    return LOOKALIKES[hint] if rows >= share * present else None
