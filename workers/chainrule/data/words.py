"""The words of categories: a text is its own word; another value has one canonical word, as 7, 0.5 or true."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, time
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from chainrule.data.faults import Faulty
from chainrule.data.tables import FAMILIES, family, parse
from chainrule.data.values import ValueFormat, moment_of, number_of

Codes: TypeAlias = NDArray[np.int64]


def coded(column: Any, name: str) -> tuple[Codes, list[str]]:
    """Return (codes, words) of a tidy column: row i has words[codes[i]], or none where the code is len(words).

    Raises Faulty where values of the column's type are no words, as lists or bytes.
    """
    if pa.types.is_null(column.type):
        return np.zeros(len(column), np.int64), []
    if family(column.type) not in FAMILIES:
        raise Faulty(f"is of type {column.type}, not a text, number or date", column=name)
    found = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    words = [word_of(value) for value in found.dictionary]
    codes: Codes = found.indices.fill_null(len(words)).to_numpy(zero_copy_only=False).astype(np.int64)
    absent = [i for i, word in enumerate(words) if not word]
    if absent:
        codes[np.isin(codes, absent)] = len(words)
    return codes, words


def word_of(value: Any) -> str:
    """Return the word of an Arrow scalar, "" for NaN. A whole number has the same as integer and as fraction."""
    if pa.types.is_string(value.type):
        text: str = value.as_py()
        return text
    if pa.types.is_boolean(value.type):
        return "true" if value.as_py() else "false"
    if pa.types.is_floating(value.type):
        return number_word(np.float32(value.as_py()) if pa.types.is_float32(value.type) else value.as_py())
    if pa.types.is_timestamp(value.type):
        return _moment_word(value.cast(pa.timestamp("us", value.type.tz), safe=False).as_py())
    if pa.types.is_time64(value.type) or pa.types.is_duration(value.type):  # Python has no nanoseconds
        value = value.cast(pa.time64("us") if pa.types.is_time64(value.type) else pa.duration("us"), safe=False)
    return str(value.as_py())


def number_word(number: Any) -> str:
    """Return the canonical word of a number: 7, 0.5, 1e+30."""
    if np.isnan(number):
        return ""
    return str(int(number)) if np.isfinite(number) and number == np.floor(number) else str(number)


def _moment_word(moment: datetime) -> str:
    """Return a date alone at midnight: CSV files, and whoever reads them, write it so."""
    text = moment.isoformat(" ")
    return text.removesuffix(" 00:00:00") if moment.tzinfo is None else text


def finder(
    levels: Sequence[str], source: str, column: Any, format: ValueFormat
) -> Callable[[Sequence[str]], Sequence[int | None]]:
    """Return what gives the places of words among the levels, None where a word is none of them.

    Texts are found by their letters. Where the levels were texts and the column has a type, or the other way round,
    a word is found by its value, if one level alone has it.
    """
    exact, of = {level: i for i, level in enumerate(levels)}, family(column.type)
    kinds = (
        ["number", "boolean", "date"] if format.legacy else [] if of == source else [of if source == "text" else source]
    )
    kinds = [kind for kind in kinds if kind in FAMILIES and kind != "text"]
    format = replace(format, legacy=False)
    by_value = [_values(levels, kind, format) for kind in kinds]

    def places(words: Sequence[str]) -> list[int | None]:
        found = [exact.get(word) for word in words]
        unknown = [i for i, place in enumerate(found) if place is None]
        for kind, known in zip(kinds, by_value, strict=True):
            values, right = parse(pa.array([words[i] for i in unknown], pa.string()), kind, format)
            for i, value, is_one in zip(unknown, values, right, strict=True):
                found[i] = known.get(float(value)) if is_one and found[i] is None else found[i]
        return found

    return places


def _values(levels: Sequence[str], kind: str, format: ValueFormat) -> dict[float, int]:
    """Return the place of each level by its value; a value that several levels have is none of theirs."""
    values, known = parse(pa.array(levels, pa.string()), kind, format)
    found: dict[float, int] = {}
    twice = set[float]()
    for place, (value, right) in enumerate(zip(values, known, strict=True)):
        if right and float(value) in found:
            twice.add(float(value))
        elif right:
            found[float(value)] = place
    return {value: place for value, place in found.items() if value not in twice}


def hashed_word(source: str, column: Any, format: ValueFormat) -> Callable[[str], str]:
    """Return what turns a word of the column into the word that was hashed in training."""
    source = "number" if format.legacy else source
    canonical = CANONICAL.get(source)
    if family(column.type) != "text" or canonical is None:
        return lambda word: word

    def hashed(word: str) -> str:
        found = canonical(word, format)
        return word if found is None else found

    return hashed


def _canonical_number(word: str, format: ValueFormat) -> str | None:
    number = number_of(word, format)
    return None if number is None else number_word(number)


def _canonical_moment(word: str, format: ValueFormat) -> str | None:
    moment = moment_of(word, format.date_format)
    return None if moment is None else _moment_word(moment)


def _canonical_time(word: str, _: ValueFormat) -> str | None:
    try:
        return str(time.fromisoformat(word))
    except ValueError:
        return None


CANONICAL: dict[str, Callable[[str, ValueFormat], str | None]] = {
    "number": _canonical_number,
    "boolean": lambda word, _: word.lower(),
    "date": _canonical_moment,
    "time": _canonical_time,
}
"""What gives the canonical word of a text that stands for a value of a type, None where it stands for none."""
