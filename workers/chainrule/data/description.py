"""What is in a source: its columns, over all rows, of which no more than a block is held at a time."""

import csv
import io
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import TypeAdapter

from chainrule.data.columns import natural_kind
from chainrule.data.csv_files import first_row
from chainrule.data.encoders import word_of
from chainrule.data.faults import Fault, Faulty
from chainrule.data.fragments import Dialect
from chainrule.data.sources import format_of, look_up, no_rows, rows_of
from chainrule.data.surveys import MOST_VALUES, ColumnSurvey, survey, together
from chainrule.data.tables import number_of, whole
from chainrule.wire.errors import InvalidData

DELIMITERS = ",;\t|"
MOST_TOLD = 10
"""So many values of a column are named."""


@dataclass(frozen=True)
class Description:
    """A source, how it is to be read, its rows, and each column; `values` of a column counts its most frequent ones."""

    source: str
    format: str
    dialect: Dialect
    rows: int
    columns: dict[str, ColumnSurvey]

    def document(self) -> dict[str, Any]:
        """Return the whole description as plain data for JSON, of which `from_document` makes it again."""
        document: dict[str, Any] = TypeAdapter(Description).dump_python(self)
        return document

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> "Description":
        """Return the description of a document."""
        return TypeAdapter(cls).validate_python(document)

    def report(self) -> dict[str, Any]:
        """Return what a program may want to know, as plain data for JSON."""
        columns = [{"name": name, **_column(each)} for name, each in self.columns.items()]
        return {"source": self.source, "format": self.format, "rows": self.rows, "columns": columns}

    def summary(self) -> str:
        """Return the sentence that ends it."""
        return f"{self.source}: {self.rows:,} rows, {len(self.columns):,} columns, {self.format}"


def _column(column: ColumnSurvey) -> dict[str, Any]:
    """Return what is known of a column."""
    numbers = {"low": column.low, "high": column.high} if column.low <= column.high else {}
    values = dict(column.values.most_common(MOST_TOLD))
    few = {"different": len(column.values)} if 0 < len(column.values) < MOST_VALUES else {}
    return {"kind": natural_kind(column), "type": column.kind, "missing": column.missing, **numbers, **few} | (
        {"values": values} if values else {}
    )


def describe(source: str) -> Description:
    """Look at all rows of a source. Raises InvalidData."""
    dialect, format = guess(source)
    rows, parts = 0, dict[str, ColumnSurvey]()
    for block in rows_of(source, dialect):
        seen = survey(block)
        for name in dict.fromkeys([*parts, *seen.columns]):
            here = _counted(block, name, seen.column(name))
            parts[name] = together([parts.get(name, ColumnSurvey("nothing", rows)), here])
        rows += seen.rows
    if not rows:
        raise no_rows(source)
    mixed = next((name for name, column in parts.items() if column.kind == "mixed"), None)
    if mixed is not None:
        raise InvalidData(f"{source}: column {mixed!r} holds texts or dates in some rows, numbers in others")
    return Description(source, format, dialect, rows, parts)


def _counted(block: pa.Table, name: str, column: ColumnSurvey) -> ColumnSurvey:
    """Return the survey with how often each whole number comes, as long as there are few of them."""
    if column.kind not in ("whole", "boolean"):
        return column
    counted = pc.value_counts(whole(block.column(name)).drop_null())
    pairs = counted.slice(0, MOST_VALUES).to_pylist()
    return replace(column, values=Counter({word_of(pair["values"]): pair["counts"] for pair in pairs}))


def guess(source: str) -> tuple[Dialect, str]:
    """Return how a source is to be read: what its first row tells, where its format leaves it open."""
    file, plain = look_up(source)[0], Dialect()
    format = format_of(file, plain)
    if format not in ("csv", "tsv"):
        return plain, format
    try:
        line = first_row(file, plain)[1].decode(errors="replace")
        usual = plain.delimiter_of(file)
        delimiter = usual if usual in line else max(DELIMITERS, key=line.count)
        cells = next(csv.reader(io.StringIO(line), delimiter=delimiter), [])
    except (Faulty, csv.Error) as error:
        fault = error.fault if isinstance(error, Faulty) else Fault(f"is not a CSV file: {error}")
        raise fault.found(file.name) from None
    header = not any(number_of(cell) is not None for cell in cells)
    return Dialect(delimiter=None if delimiter == usual or delimiter not in line else delimiter, header=header), format
