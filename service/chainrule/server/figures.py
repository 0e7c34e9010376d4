"""Numbers as a person reads them, for the page. None and what is not known are a dash."""

import math
from datetime import datetime, timedelta

ABSENT = "–"


def number(value: float | None) -> str:
    """Write four digits: 0.3457, 12.3, 1.2e-05; the words inf and nan stay what they are."""
    return ABSENT if value is None else f"{value:.4g}"


def percent(value: float | None) -> str:
    """Write a share of 1 with one decimal, rounded down, so that 100 % means all."""
    if value is None or not math.isfinite(value):
        return number(value)
    return f"{math.floor(value * 1000 + 1e-9) / 10:.1f} %"


def count(value: float) -> str:
    """Write a whole number with thin spaces between thousands: 12 345."""
    return f"{value:,.0f}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def rate(value: float) -> str:
    """Write samples a second; nothing moves at 0."""
    return count(value) if value > 0 else ABSENT


def duration(time: timedelta) -> str:
    """Write the two largest units: 12 s, 3 min 5 s, 2 h 10 min, 4 d 3 h."""
    seconds = max(0, int(time.total_seconds()))
    units = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))
    first = next((i for i, (size, _) in enumerate(units) if seconds >= size), len(units) - 1)
    parts = [(seconds // units[first][0], units[first][1])]
    if first + 1 < len(units):
        parts.append((seconds % units[first][0] // units[first + 1][0], units[first + 1][1]))
    return " ".join(f"{amount} {unit}" for amount, unit in parts if amount or unit == "s")


def iso(time: datetime) -> str:
    """Write a time for the `datetime` attribute of HTML."""
    return time.isoformat(timespec="seconds")


def diverged(value: float | None) -> bool:
    """Say whether a loss is infinite or not a number."""
    return value is not None and not math.isfinite(value)


FILTERS = {function.__name__: function for function in (number, percent, count, rate, duration, iso, diverged)}
