"""A description of data as a table, and what to know of how the data was read."""

from rich.table import Table

from chainrule.client.column_facts import shown
from chainrule.client.number_formats import other_formats
from chainrule.data.description import ColumnDescription, Description

_COLUMNS = ("COLUMN", "KIND", "MISSING", "LOWEST", "HIGHEST", "DIFFERENT", "MOST FREQUENT")


def description_table(description: Description) -> Table:
    """Return a line for each column."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in _COLUMNS:
        table.add_column(name, justify="left" if name in ("COLUMN", "KIND", "MOST FREQUENT") else "right")
    for name, column in description.columns.items():
        table.add_row(shown(name), *_cells(column))
    return table


def _cells(column: ColumnDescription) -> tuple[str, ...]:
    survey = column.survey
    limits = [f"{survey.low:g}", f"{survey.high:g}"] if survey.low <= survey.high else ["", ""]
    frequent = ", ".join(f"{shown(value)} ({count:,})" for value, count in survey.values.most_common(3))
    kind = f"{column.kind} with {column.sign}" if column.sign else column.kind
    different = f"{round(column.distinct):,}" if column.distinct else ""
    return kind, f"{survey.missing:,}" if survey.missing else "", *limits, different, frequent


def notes(description: Description) -> list[str]:
    """Return how the files were read and why, and what else may be worth knowing: a line each."""
    lines = [f"Read with {'; '.join(description.reasons)}"] if description.reasons else []
    lines += [
        f"Column {shown(name)}: {column.problem}" for name, column in description.columns.items() if column.problem
    ]
    for format, names in other_formats(description):
        options = " ".join(f"--{field.replace('_', '-')} '{value}'" for field, value in format.items())
        lines.append(f"{options} reads more values of {', '.join(map(shown, names[:5]))}")
    return lines
