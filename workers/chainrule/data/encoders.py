"""A column of a table -> numbers for the network. Each encoder is fitted once and stored in the model."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
import pyarrow as pa
import xxhash
from numpy.typing import NDArray
from pydantic import Field

from chainrule.data.faults import Faulty
from chainrule.data.tables import Numbers, is_text, to_numbers

Codes: TypeAlias = NDArray[np.int64]
NO_NUMBER = "has no number (empty, NA or NaN)"
OTHER = "(other)"
"""The name of the level for missing and unseen categories."""


@dataclass(frozen=True)
class NumberEncoder:
    """A number as it is. `fill` stands for a missing one, and where there was one in training a second number tells.

    With no `fill`, a missing number is refused. A date is its days since 1970.
    """

    column: str
    fill: float | None = None
    indicator: bool = False
    kind: Literal["number", "date"] = "number"

    @property
    def features(self) -> tuple[str, ...]:
        """The names of the numbers that it makes."""
        return (self.column, f"{self.column} is missing") if self.indicator else (self.column,)

    def read(self, column: Any) -> Numbers:
        """Return the numbers of a tidy column, NaN where one is missing. Raises Faulty."""
        values = to_numbers(column, self.column, dates=self.kind == "date")
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
    """One-hot: a number for each level, 1 where it is the row's, and one for what is missing or unseen."""

    column: str
    levels: tuple[str, ...]
    kind: Literal["levels"] = "levels"

    @property
    def features(self) -> tuple[str, ...]:
        """The names of the numbers that it makes."""
        return tuple(f"{self.column}={level}" for level in (*self.levels, OTHER))

    def read(self, column: Any) -> Codes:
        """Return the place of each row's level."""
        places = {level: i for i, level in enumerate(self.levels)}
        return _placed(column, [len(places)], lambda word: places.get(word, len(places)))

    def write(self, places: Codes, out: Numbers) -> None:
        """Write what `read` has returned, or some of it, into `out` (rows, features)."""
        _set_ones(places, out)


@dataclass(frozen=True)
class HashEncoder:
    """As LevelEncoder, for more levels than one can have numbers: each has the bucket that its hash says."""

    column: str
    buckets: int
    kind: Literal["hash"] = "hash"

    @property
    def features(self) -> tuple[str, ...]:
        """The names of the numbers that it makes."""
        return (*(f"{self.column}#{i}" for i in range(self.buckets)), f"{self.column}={OTHER}")

    def read(self, column: Any) -> Codes:
        """Return the bucket of each row's level."""
        return _placed(column, [self.buckets], lambda word: xxhash.xxh3_64_intdigest(word.encode()) % self.buckets)

    def write(self, places: Codes, out: Numbers) -> None:
        """Write what `read` has returned, or some of it, into `out` (rows, features)."""
        _set_ones(places, out)


Encoder: TypeAlias = Annotated[NumberEncoder | LevelEncoder | HashEncoder, Field(discriminator="kind")]


def _placed(column: Any, other: list[int], place: Callable[[str], int]) -> Codes:
    codes, words = coded(column)
    places: Codes = np.array([*map(place, words), *other], np.int64)[codes]
    return places


def _set_ones(places: Codes, out: Numbers) -> None:
    out[...] = 0
    out[np.arange(len(places)), places] = 1


def coded(column: Any) -> tuple[Codes, list[str]]:
    """Return (codes, words) of a tidy column: row i has words[codes[i]], or none where the code is len(words)."""
    encoded = column if is_text(column.type) else column.dictionary_encode()
    values = encoded.dictionary
    words = [word_of(value) for value in values.to_pylist()]
    if pa.types.is_floating(values.type):
        words = ["" if word == "nan" else word for word in words]
    codes: Codes = encoded.indices.fill_null(len(words)).to_numpy(zero_copy_only=False).astype(np.int64)
    absent = [i for i, word in enumerate(words) if not word]
    if absent:
        codes[np.isin(codes, absent)] = len(words)
    return codes, words


def word_of(value: Any) -> str:
    """Return the word for a category; one that is a whole number is the same as integer and as float."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
