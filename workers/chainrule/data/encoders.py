"""A column of a table -> numbers for the network. Each encoder is fitted once and stored in the model.

What an encoder makes of a value depends on the value and the encoder alone, whatever else is in the column.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
import xxhash
from pydantic import Field

from chainrule.data.faults import Faulty
from chainrule.data.tables import Numbers, to_numbers
from chainrule.data.values import STANDARD, ValueFormat
from chainrule.data.words import Codes, coded, finder, hashed_word

NO_NUMBER = "has no number (empty, NA or NaN)"
OTHER = "(other)"
"""The name of the level for missing and unseen categories."""
Kind: TypeAlias = Literal["number", "boolean", "date", "time", "duration"]


@dataclass(frozen=True)
class NumberEncoder:
    """A number as it is. `fill` stands for a missing one, and where there was one in training a second number tells.

    With no `fill`, a missing number is refused. A date is its days since 1970, a time a part of the day, true is 1.
    `sign` is what all numbers of the column have with them, such as %.
    """

    column: str
    fill: float | None = None
    indicator: bool = False
    kind: Kind = "number"
    sign: str = ""

    @property
    def features(self) -> tuple[str, ...]:
        """The names of the numbers that it makes."""
        return (self.column, f"{self.column} is missing") if self.indicator else (self.column,)

    def read(self, column: Any, format: ValueFormat = STANDARD) -> Numbers:
        """Return the numbers of a tidy column, NaN where one is missing. Raises Faulty."""
        values = to_numbers(column, self.column, self.kind, format, self.sign)
        if self.fill is None and (missing := np.isnan(values)).any():
            raise Faulty(NO_NUMBER, int(missing.argmax()), self.column)
        return values

    def write(self, values: Numbers, out: Numbers) -> None:
        """Write what `read` has returned, or some of it, into `out` (rows, features)."""
        out[:, 0] = values
        if self.fill is not None:
            missing = np.isnan(values)
            out[missing, 0] = self.fill
            out[:, 1:] = missing[:, np.newaxis]


@dataclass(frozen=True)
class LevelEncoder:
    """One-hot: a number for each level, 1 where it is the row's, and one for what is missing or unseen.

    Levels are the words of the training rows, which came as `source`: texts, or values of a type.
    """

    column: str
    levels: tuple[str, ...]
    kind: Literal["levels"] = "levels"
    source: str = "text"

    @property
    def features(self) -> tuple[str, ...]:
        """The names of the numbers that it makes."""
        return tuple(f"{self.column}={level}" for level in (*self.levels, OTHER))

    def read(self, column: Any, format: ValueFormat = STANDARD) -> Codes:
        """Return the place of each row's level. Raises Faulty."""
        return _placed(column, self.column, len(self.levels), finder(self.levels, self.source, column, format))

    def write(self, places: Codes, out: Numbers) -> None:
        """Write what `read` has returned, or some of it, into `out` (rows, features)."""
        _set_ones(places, out)


@dataclass(frozen=True)
class HashEncoder:
    """As LevelEncoder, for more levels than one can have numbers: each has the bucket that its hash says."""

    column: str
    buckets: int
    kind: Literal["hash"] = "hash"
    source: str = "text"

    @property
    def features(self) -> tuple[str, ...]:
        """The names of the numbers that it makes."""
        return (*(f"{self.column}#{i}" for i in range(self.buckets)), f"{self.column}={OTHER}")

    def read(self, column: Any, format: ValueFormat = STANDARD) -> Codes:
        """Return the bucket of each row's level. Raises Faulty."""
        word_of = hashed_word(self.source, column, format)
        return _placed(
            column, self.column, self.buckets, lambda words: [bucket(word_of(word), self.buckets) for word in words]
        )

    def write(self, places: Codes, out: Numbers) -> None:
        """Write what `read` has returned, or some of it, into `out` (rows, features)."""
        _set_ones(places, out)


Encoder: TypeAlias = Annotated[NumberEncoder | LevelEncoder | HashEncoder, Field(discriminator="kind")]


def bucket(word: str, buckets: int) -> int:
    """Return the bucket of a word, 0..buckets-1."""
    return xxhash.xxh3_64_intdigest(word.encode()) % buckets


def _placed(column: Any, name: str, other: int, places: Callable[[Sequence[str]], Sequence[int | None]]) -> Codes:
    """Return the place of each row's word, `other` where it has none."""
    codes, words = coded(column, name)
    found = [other if place is None else place for place in places(words)]
    result: Codes = np.array([*found, other], np.int64)[codes]
    return result


def _set_ones(places: Codes, out: Numbers) -> None:
    out[...] = 0
    out[np.arange(len(places)), places] = 1
