"""The types of a job's fields: what each may hold. Numbers of the mathematics must be numbers in float32, too."""

import math
from datetime import datetime
from typing import Annotated, Any

from annotated_types import Ge, Gt, Le, Lt, MinLen
from pydantic import AfterValidator, PlainValidator, StringConstraints

from chainrule.wire.suggestions import did_you_mean

LEAST, MOST = 1e-20, 1e30
"""Bounds of what is multiplied, added or divided by in float32, whose normal numbers lie between 1.2e-38 and 3.4e38.

Optimizers divide by √(1-β₂), 1-ρ and the like, which are at least 1 - MOST_DECAY: what they make of a learning rate or
an ε is a normal number, too. A gradient whose square is 0 in float32 is at most 4e-23: small beside any such ε.
"""
MOST_DECAY = 0.9999999
"""The largest β, ρ or μ: float32 rounds a number beyond 1 - 3e-8 to 1, and then nothing decays."""
LEAST_RATE = 1e-6
"""The least distance from 0 and 1 at which float32 still holds a rate of dropout, or a quantile."""


def one_of(*names: str) -> AfterValidator:
    """Return a check that a text is one of some names."""

    def check(value: str) -> str:
        if value not in names:
            raise ValueError(f"must be one of {', '.join(names)}{did_you_mean(value, names)}")
        return value

    return AfterValidator(check)


def _between(least: float, most: float, *, or_zero: bool = False) -> AfterValidator:
    """Return a check that a number is in a range, or 0 where that means that there is none."""

    def check(value: float) -> float:
        if not (least <= value <= most or (or_zero and value == 0)):
            range_ = f"in [{least:.7g}, {most:.7g}]{', or 0' if or_zero else ''}"
            raise ValueError(f"must be {range_}: float32, in which training computes, holds no other")
        return value

    return AfterValidator(check)


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must not hold line breaks or other control characters")
    return text


def _class_weights(value: Any) -> Any:
    numbers = value.values() if isinstance(value, dict) else [] if value == "balanced" else [None]
    if not all(isinstance(number, int | float) and 0 < number < math.inf for number in numbers):
        raise ValueError('must be "balanced", or a table with a number > 0 for each class')
    if any(number is not None and not LEAST <= number <= MOST for number in numbers):
        raise ValueError(f"must have numbers in [{LEAST:g}, {MOST:g}]: float32 holds no other")
    return {name: float(number) for name, number in value.items()} if isinstance(value, dict) else value


def _words(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return the words; a message cannot carry an empty list, and an empty text is missing in any case."""
    return words or ("",)


def _date_format(text: str) -> str:
    day = datetime(2030, 12, 31, 23, 59, 58)
    try:
        back = datetime.strptime(day.strftime(text), text)
    except ValueError as error:
        raise ValueError(f"must be a format of strptime, as %d.%m.%Y: {error}") from None
    if back.date() != day.date():
        raise ValueError("must name day, month and year, as %d.%m.%Y")
    return text


def _delimiter(text: str) -> str:
    if len(text.encode()) != 1 or text in '"\r\n':
        raise ValueError("must be one character, as , or ; or a tab")
    return text


Text = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_printable)]
Source = Annotated[str, StringConstraints(min_length=1)]
Columns = Annotated[tuple[Source, ...], MinLen(1)]
Delimiter = Annotated[str, AfterValidator(_delimiter)]
Words = Annotated[tuple[str, ...], AfterValidator(_words)]
DateFormat = Annotated[str, AfterValidator(_date_format)]
ClassWeights = Annotated[str | dict[str, float], PlainValidator(_class_weights)]

Count = Annotated[int, Ge(1), Le(2**31 - 1)]
CountOrNone = Annotated[int, Ge(0), Le(2**31 - 1)]
Fraction = Annotated[float, Ge(0), Lt(1)]
Share = Annotated[float, Ge(0), Le(1)]
NotNegative = Annotated[float, Ge(0)]
Seconds = Annotated[float, Ge(0.01), Le(1e9)]
"""Seconds between two writes: each takes some milliseconds, and no timer of the system waits for centuries."""

Magnitude = Annotated[float, Gt(0), _between(LEAST, MOST)]
Strength = Annotated[float, Ge(0), _between(LEAST, MOST, or_zero=True)]
Decay = Annotated[float, Ge(0), Lt(1), _between(LEAST, MOST_DECAY, or_zero=True)]
DropoutRate = Annotated[float, Ge(0), Lt(1), _between(LEAST_RATE, 1 - LEAST_RATE, or_zero=True)]
Quantile = Annotated[float, Gt(0), Lt(1), _between(LEAST_RATE, 1 - LEAST_RATE)]
