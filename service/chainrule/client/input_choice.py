"""Which columns are inputs, which are left out and why, and which are taken as categories."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from chainrule.client.column_facts import counts_by_one, misfit, misfits, missing_numbers, shown, values_of
from chainrule.client.toml_text import quoted
from chainrule.data import lookalikes
from chainrule.data.columns import KINDS
from chainrule.data.description import ColumnDescription, Description
from chainrule.wire.errors import InvalidData
from chainrule.wire.spec import DataSpec

OWN_VALUE = 0.9
"""A category in which this share of the rows has a value of its own is left out."""
FEW, ROWS_EACH = 20, 3
"""Numbers gone wrong are a category where there are this many different ones at most, each in this many rows."""
COUNTED_ROWS = 20
"""A column of any name that counts the rows is an index from this many rows on."""
INDEX = re.compile(
    r"(unnamed\d*|level\d+|id|idx|index|(row|record|line|obs|observation|sample|serial|case)s?(id|idx|index|no|nr|num|number|names?)?|"
    r"no|nr|sno|srno|slno|)"
)
"""The names of indices, in small letters and without other signs."""
PIXELS, BRIGHT, BRIGHTEST = 64, 16, 255


@dataclass(frozen=True)
class Inputs:
    """The inputs by name; those left out, and those whose kind is to be given, each with the reason.

    `images`: the inputs are the pixels of an image. `hashed` are categories of more levels than the job gives inputs.
    """

    columns: dict[str, ColumnDescription]
    left_out: dict[str, str] = field(default_factory=dict)
    categories: dict[str, str] = field(default_factory=dict)
    images: bool = False

    @property
    def missing(self) -> dict[str, int]:
        """The inputs that are numbers and lack some, each with the rows in which they do."""
        numbers = {
            name: missing_numbers(column)
            for name, column in self.columns.items()
            if column.kind in KINDS and name not in self.categories
        }
        return {name: rows for name, rows in numbers.items() if rows}

    @property
    def hashed(self) -> dict[str, int]:
        """The categories that are hashed, each with about how many levels it has."""
        words = (name for name, each in self.columns.items() if each.kind == "category" or name in self.categories)
        levels = {name: round(self.columns[name].distinct) for name in words}
        return {name: count for name, count in levels.items() if count > DataSpec.most_categories}


@dataclass(frozen=True)
class _Verdict:
    """What becomes of a column: it is used, or used as a category, or left out; `never`: it cannot be used."""

    use: bool
    reason: str = ""
    category: bool = False
    never: bool = False


def choose_inputs(description: Description, labels: Iterable[str]) -> Inputs:
    """Return the inputs. Raises InvalidData where no column can be one."""
    own = {name: column for name, column in description.columns.items() if name not in set(labels)}
    verdicts = {name: _judge(name, column, description) for name, column in own.items()}
    if (pixels := _pixels(own, verdicts, description)) is not None:
        left_out = {name: verdicts[name].reason for name in own if name not in pixels}
        return Inputs({name: own[name] for name in pixels}, left_out, images=True)
    used = [name for name, verdict in verdicts.items() if verdict.use]
    if not used:
        used = [name for name, verdict in verdicts.items() if not verdict.never]
    if not used:
        raise InvalidData(f"{description.source} has no column that can be an input{_why_none(verdicts)}")
    return Inputs(
        {name: own[name] for name in used},
        {name: verdict.reason for name, verdict in verdicts.items() if name not in used},
        {name: verdicts[name].reason for name in used if verdicts[name].category},
    )


def _why_none(verdicts: Mapping[str, _Verdict]) -> str:
    reasons = [f"{shown(name)!r} {verdict.reason}" for name, verdict in verdicts.items()]
    more = f" and {len(reasons) - 3} more" if len(reasons) > 3 else ""
    return f": {'; '.join(reasons[:3])}{more}" if reasons else " beside the label"


def _judge(name: str, column: ColumnDescription, description: Description) -> _Verdict:
    different, values = round(column.distinct), values_of(column)
    if column.problem:
        return _Verdict(False, column.problem, never=True)
    if not values:
        return _Verdict(False, "has no value in any row", never=True)
    if misfits(column):
        return _gone_wrong(column, description)
    if different == 1 and values == description.rows:
        return _Verdict(False, "has the same value in every row", never=True)
    if (reason := _index(name, column, description.rows)) is not None:
        return _Verdict(False, reason)
    if column.kind == "category" and different >= OWN_VALUE * column.survey.present and different > 1:
        return _Verdict(False, f"has about {different:,} different words in {column.survey.present:,} rows")
    return _Verdict(True)


def _gone_wrong(column: ColumnDescription, description: Description) -> _Verdict:
    """Judge a column most of whose values are numbers, or dates and the like, but not all."""
    values, wrong, different = values_of(column), misfits(column), round(column.distinct)
    example = misfit(column, description.dialect.values)
    named = f", as {shown(example)!r}" if example else ""
    other = lookalikes.best(column.survey.others, wrong)
    hint = f"; {other.hint} may read it" if other else ""
    if not hint and example:
        hint = f"; data.missing_values = [{quoted(example)}] reads that as missing, if it means so"
    reason = f"is mostly a {column.kind}, but {wrong:,} of {values:,} values are not{named}{hint}"
    few = different <= FEW and different * ROWS_EACH <= values
    return _Verdict(few, reason, category=True)


def _index(name: str, column: ColumnDescription, rows: int) -> str | None:
    """Return why a column only numbers the rows, None where it does not."""
    if not column.ascending:
        return None
    first = column.survey.low
    if counts_by_one(column) and first in (0, 1) and rows >= COUNTED_ROWS:
        return f"counts the rows: {first:g}, {first + 1:g}, {first + 2:g}, ..."
    plain = re.sub(r"[^a-z0-9]", "", name.casefold())
    if INDEX.fullmatch(plain) or (re.search(r"(_id|\bid|Id|ID)$", name) and counts_by_one(column)):
        return "is an index by its name, and rises from row to row"
    return None


def _pixels(
    own: Mapping[str, ColumnDescription], verdicts: Mapping[str, _Verdict], description: Description
) -> list[str] | None:
    """Return the columns that are the pixels of an image, None where the data is none."""
    names = [name for name in own if verdicts[name].use or _is_constant(own[name], description.rows)]
    surveys = [own[name].survey for name in names]
    if len(names) < PIXELS or not all(
        own[name].kind == "number" and not own[name].sign and not misfits(own[name]) for name in names
    ):
        return None
    if any(not survey.whole or survey.missing or survey.low < 0 or survey.high > BRIGHTEST for survey in surveys):
        return None
    square = any(math.isqrt(len(names) // channels) ** 2 * channels == len(names) for channels in (1, 3))
    if description.format != "idx" and not (square and _run(names)):
        return None
    return names if max(survey.high for survey in surveys) >= BRIGHT else None


def _is_constant(column: ColumnDescription, rows: int) -> bool:
    return round(column.distinct) == 1 and values_of(column) == rows and not column.problem


def _run(names: list[str]) -> bool:
    """Whether names differ only in their numbers, and these rise."""
    words = {re.sub(r"\d+", "#", name) for name in names}
    numbers = [tuple(map(int, re.findall(r"\d+", name))) for name in names]
    return len(words) == 1 and all(one < other for one, other in pairwise(numbers))
