"""A description of data as a table, and the job file that it suggests."""

from pathlib import Path, PurePosixPath

from rich.table import Table

from chainrule.data.columns import natural_kind
from chainrule.data.description import Description
from chainrule.data.surveys import MOST_VALUES, ColumnSurvey
from chainrule.wire.errors import InvalidData

_COLUMNS = ("COLUMN", "KIND", "MISSING", "LOWEST", "HIGHEST", "DIFFERENT", "MOST FREQUENT")
MOST_CLASSES = 50
"""A label of whole numbers with more of them is a number."""
FEW_ROWS, MANY_ROWS = 5_000, 200_000
PIXELS, BRIGHTEST = 64, 255


def description_table(description: Description) -> Table:
    """Return a line for each column."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in _COLUMNS:
        table.add_column(name, justify="left" if name in ("COLUMN", "KIND", "MOST FREQUENT") else "right")
    for name, column in description.columns.items():
        table.add_row(name, *_cells(column))
    return table


def _cells(column: ColumnSurvey) -> tuple[str, ...]:
    limits = [f"{column.low:g}", f"{column.high:g}"] if column.low <= column.high else ["", ""]
    different = len(column.values)
    frequent = ", ".join(f"{value} ({count:,})" for value, count in column.values.most_common(3))
    return (
        *(natural_kind(column), f"{column.missing:,}" if column.missing else "", *limits),
        *(f"{different:,}{'+' if different >= MOST_VALUES else ''}" if different else "", frequent),
    )


def suggest(description: Description, label: str, workers: int) -> str:
    """Return the text of a job file (TOML) that trains on the data as it is. Raises InvalidData."""
    if label not in description.columns:
        raise InvalidData(
            f"{description.source} has no column {label!r}; it has {', '.join(list(description.columns)[:8])}"
        )
    inputs = {name: column for name, column in description.columns.items() if name != label}
    classes = _has_classes(description.columns[label])
    images = len(inputs) >= PIXELS and all(
        column.kind == "whole" and 0 <= column.low <= column.high <= BRIGHTEST for column in inputs.values()
    )
    return "\n".join(
        [
            f"name = {_text(_name(description.source))}",
            *("", "[data]", *_data(description, label, inputs, classes, images)),
            *("", "[network]", *_network(classes, images)),
            *("", "[optimizer]", 'name = "adam"', f"learning_rate = {0.0005 if images else 0.001}"),
            *("", "[training]", *_training(description.rows, workers)),
            *("", "[early_stopping]", 'metric = "validation_loss"', f"patience = {12 if images else 10}"),
            *("", "[cluster]", f"max_workers = {workers}", ""),
        ]
    )


def _has_classes(label: ColumnSurvey) -> bool:
    few = len(label.values) <= MOST_CLASSES
    return natural_kind(label) == "category" or label.kind == "boolean" or (label.kind == "whole" and few)


def _data(
    description: Description, label: str, inputs: dict[str, ColumnSurvey], classes: bool, images: bool
) -> list[str]:
    source, dialect = description.source, description.dialect
    local = "://" not in source
    numbers_missing = any(column.missing and natural_kind(column) != "category" for column in inputs.values())
    useless = [name for name, column in inputs.items() if _useless(column, description.rows)]
    lines = [
        f"train = {_text(str(Path(source).absolute()) if local else source)}",
        f"label = {_text(label)}",
        "header = false" if not dialect.header else "",
        f"delimiter = {_text(dialect.delimiter)}" if dialect.delimiter else "",
        f"ignore = [{', '.join(map(_text, useless))}]  # nearly every row has its own" if useless else "",
        'missing = "median"' if numbers_missing else "",
        'scaling = "min_max"' if images else "",
        "" if classes else 'target_scaling = "standardize"',
        "validation_fraction = 0.2",
    ]
    return [line for line in lines if line]


def _useless(column: ColumnSurvey, rows: int) -> bool:
    """Whether a column of texts has nearly as many as there are rows, as names and codes do."""
    return natural_kind(column) == "category" and len(column.values) > min(rows, MOST_VALUES) * 0.9


def _network(classes: bool, images: bool) -> list[str]:
    loss, last = ("cross_entropy", "softmax") if classes else ("mse", "identity")
    layers = [f'{{units = {units}, activation = "relu"}}' for units in ((512, 256) if images else (128, 64))]
    if images:
        layers = [layer.replace("}", ", dropout = 0.4}") for layer in layers]
    dropout = ["input_dropout = 0.2"] if images else []
    return [f'loss = "{loss}"', f'layers = [{", ".join(layers)}, {{activation = "{last}"}}]', *dropout]


def _training(rows: int, workers: int) -> list[str]:
    """Return as many rows for a step as give several hundred steps, and a shard for each worker or more."""
    usual = 32 if rows < FEW_ROWS else 256 if rows >= MANY_ROWS else 64
    shards = workers if workers % 2 else max(workers, 4)
    training = rows - round(rows * 0.2)
    batch = max(1, min(usual, training) // shards) * shards
    return ["epochs = 100", f"batch_size = {batch}", f"shards = {shards}", "seed = 0"]


def _name(source: str) -> str:
    name = PurePosixPath(source).name.partition(".")[0]
    return "".join(c for c in name if c.isprintable() and c not in "*?[]")[:200] or "job"


def _text(text: str) -> str:
    """Return a TOML string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in escaped) + '"'
