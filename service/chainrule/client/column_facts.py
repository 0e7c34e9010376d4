"""What a column's description says about its values, for those who choose what becomes of the column."""

import pyarrow as pa

from chainrule.data.columns import KINDS
from chainrule.data.description import ColumnDescription
from chainrule.data.tables import parse
from chainrule.data.values import ValueFormat

LONGEST = 60
"""A longer name or value is cut off where people read it."""


def shown(text: str) -> str:
    """Return a name or value of the data as people read it, in one line."""
    line = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}..."


def values_of(column: ColumnDescription) -> int:
    """Return the rows that have a value."""
    return column.survey.present - column.survey.counts["absent"]


def misfits(column: ColumnDescription) -> int:
    """Return the rows whose value is not of the column's kind; 0 for a category."""
    if column.kind not in KINDS:
        return 0
    right = column.survey.signs[column.sign] if column.sign else column.survey.counts[column.kind]
    return values_of(column) - right


def misfit(column: ColumnDescription, format: ValueFormat) -> str:
    """Return the most frequent value that is not of the column's kind, "" where it is not among those counted."""
    texts = list(dict(column.survey.values.most_common()))
    _, right = parse(pa.array(texts, pa.string()), column.kind, format, column.sign)
    words = set(format.missing_words)
    return next((text for text, fits in zip(texts, right, strict=True) if not fits and text not in words), "")


def missing_numbers(column: ColumnDescription) -> int:
    """Return the rows in which a column of numbers has none, quoted words for missing values included."""
    return column.survey.missing + column.survey.counts["absent"]


def counts_by_one(column: ColumnDescription) -> bool:
    """Whether each row's whole number is one more than that of the row before."""
    survey = column.survey
    return column.ascending and not survey.missing and survey.high - survey.low + 1 == survey.present
