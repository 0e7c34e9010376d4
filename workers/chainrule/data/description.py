"""What is in a source: its columns, over all rows, of which no more than a block is held at a time."""

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import TypeAdapter

from chainrule.data.columns import natural_kind
from chainrule.data.distinct import Distinct
from chainrule.data.files import File
from chainrule.data.fragments import ALL, Dialect, Selection
from chainrule.data.sources import TEXTUAL, format_of, no_rows, open_source, repeated, rows_of
from chainrule.data.surveys import MOST_VALUES, ColumnSurvey, look, together
from chainrule.data.tables import whole
from chainrule.data.words import coded

PLAIN = Dialect()
MOST_SHOWN = 10
"""The most values of a column that are named."""


@dataclass(frozen=True)
class ColumnDescription:
    """A column: what its rows hold, how many different values these are, and whether they count up row by row.

    `problem` is why the column cannot be an input: the sentence that a job would fail with.
    """

    survey: ColumnSurvey
    distinct: float = 0.0
    ascending: bool = False
    problem: str = ""

    @property
    def kind(self) -> str:
        """Number, boolean, date, time, duration, category, nothing or unusable."""
        return natural_kind(self.survey)[0]

    @property
    def sign(self) -> str:
        """The sign that the column's numbers have."""
        return natural_kind(self.survey)[1]

    def report(self) -> dict[str, Any]:
        """Return what a program may want to know, as plain data for JSON."""
        survey = self.survey
        limits = {"low": survey.low, "high": survey.high} if survey.low <= survey.high else {}
        values = dict(survey.values.most_common(MOST_SHOWN))
        return {
            "kind": self.kind,
            "type": min(survey.families, default="nothing") if len(survey.families) < 2 else "mixed",
            "whole": survey.whole and survey.counts["number"] > 0,
            "missing": survey.missing,
            **limits,
            "different": round(self.distinct),
            **({"values": values} if values else {}),
            **({"problem": self.problem} if self.problem else {}),
        }


@dataclass(frozen=True)
class Description:
    """A source, how it is to be read and why, its rows, and each column."""

    source: str
    format: str
    dialect: Dialect
    rows: int
    columns: dict[str, ColumnDescription]
    reasons: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """Return the whole description as plain data for JSON, of which `from_document` makes it again."""
        document: dict[str, Any] = TypeAdapter(Description).dump_python(self, mode="json")
        return document

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> "Description":
        """Return the description of a document."""
        return TypeAdapter(cls).validate_python(document)

    def report(self) -> dict[str, Any]:
        """Return what a program may want to know, as plain data for JSON."""
        columns = [{"name": name, **each.report()} for name, each in self.columns.items()]
        reading = {name: getattr(self.dialect, name) for name in ("delimiter", "header", "encoding")}
        known = {name: value for name, value in reading.items() if value is not None}
        return {"source": self.source, "format": self.format, "rows": self.rows, **known, "columns": columns}

    def summary(self) -> str:
        """Return the sentence that ends it."""
        return f"{self.source}: {self.rows:,} rows, {len(self.columns):,} columns, {self.format}"


def describe(source: str, dialect: Dialect = PLAIN) -> Description:
    """Look at all rows of a source. Raises InvalidData.

    Columns that are words in some rows and numbers in others are looked at again as texts.
    """
    files, settled, reasons = open_source(source, dialect)
    format = format_of(files[0], settled)
    rows, columns = _look_through(files, settled)
    if not rows:
        raise no_rows(source)
    wordy = [name for name, each in columns.items() if each.kind == "category" and len(each.survey.families) > 1]
    if wordy and format in TEXTUAL:
        selection = Selection(frozenset(wordy), text=frozenset(wordy))
        columns |= _look_through(files, settled, selection)[1]
    return Description(source, format, replace(settled, values=dialect.values), rows, columns, reasons)


@dataclass
class _Column:
    """What is known of a column so far."""

    surveys: list[ColumnSurvey] = field(default_factory=list)
    distinct: Distinct = field(default_factory=Distinct)
    last: float = float("-inf")
    ascending: bool = True
    problem: str = ""
    fault: str = ""

    def take(self, column: Any, name: str, dialect: Dialect, file: File, row: int, earlier: int) -> None:
        """Look at the column's rows in a block."""
        seen = look(column, name, dialect.values, count=True)
        seen = _counted(column, seen) if seen.whole and seen.counts["number"] and "text" not in seen.families else seen
        if seen.fault is not None and not self.fault:
            self.fault = str(seen.fault.found(file.name, row + 1))
        self.surveys = [together([*(self.surveys or [ColumnSurvey(missing=earlier)] * bool(earlier)), seen])]
        if seen.present and not seen.unusable:
            self.distinct.add(column)
        self._follow(column, seen)

    def _follow(self, column: Any, seen: ColumnSurvey) -> None:
        """Note whether whole numbers still rise from row to row."""
        numbers = set(seen.counts) == {"number"} and seen.families == {"number"}
        self.ascending &= numbers and seen.whole and not seen.missing and self.last < seen.low
        if self.ascending:
            values = column.to_numpy(zero_copy_only=False)
            self.ascending = bool((np.diff(values) > 0).all())
            self.last = float(values[-1])

    def found(self) -> ColumnDescription:
        """Return what is known in the end."""
        survey = self.surveys[0]
        problem = self.problem or (self.fault if natural_kind(survey)[0] == "number" else "")
        if survey.unusable:
            problem = f"holds values of type {survey.unusable}, not numbers, texts or dates"
        return ColumnDescription(survey, self.distinct.count, self.ascending and survey.present > 1, problem)


def _look_through(
    files: tuple[File, ...], dialect: Dialect, selection: Selection = ALL
) -> tuple[int, dict[str, ColumnDescription]]:
    rows, columns, first, twice = 0, dict[str, _Column](), frozenset[str](), set[str]()
    for block, file, row in rows_of(files, dialect, selection, lenient=True):
        for name in dict.fromkeys([*columns, *block.column_names]):
            place = block.schema.get_field_index(name)
            column = whole(block.column(place)) if place >= 0 else pa.nulls(block.num_rows)
            columns.setdefault(name, _Column()).take(column, name, dialect, file, row, rows)
            if place < 0 and name in first and format_of(file, dialect) != "jsonl":
                columns[name].problem = f"{file.name} has no column {name!r}, which {files[0].name} has"
        rows, first = rows + block.num_rows, first or frozenset(block.column_names)
        twice.update(repeated(block))
    for name in twice & set(columns):
        columns[name].problem = f"has the same name as another column: {name!r}"
    return rows, {name: column.found() for name, column in columns.items()}


def _counted(column: Any, survey: ColumnSurvey) -> ColumnSurvey:
    """Return the survey with how often each whole number comes, as long as there are few of them."""
    counted = pc.value_counts(column.drop_null())
    if len(counted) > MOST_VALUES:
        return survey
    codes, words = coded(counted.field("values"), "")
    counts = counted.field("counts").to_pylist()
    pairs = {words[code]: counts[i] for i, code in enumerate(codes) if code < len(words)}
    return replace(survey, values=Counter(pairs))
