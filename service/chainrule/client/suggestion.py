"""A description of data -> the job file that it suggests, with the reason for each choice."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from chainrule.client.column_facts import shown
from chainrule.client.input_choice import Inputs, choose_inputs
from chainrule.client.label_choice import Label, choose_label
from chainrule.client.toml_text import comment, quoted
from chainrule.client.training_choice import Training, choose_training
from chainrule.data.description import Description
from chainrule.wire.errors import InvalidData
from chainrule.wire.spec import DataSpec

MOST_NAMED = 5
"""The most columns that a comment names."""


def suggest(
    description: Description,
    labels: Sequence[str],
    workers: int,
    given: Mapping[str, Any] | None = None,
    found: Mapping[str, Any] | None = None,
) -> str:
    """Return the text of a job file (TOML) that trains on the data as it is. Raises InvalidData.

    `given` are the fields of `data` that the description was made with; `found` those that were chosen to read more.
    """
    label = choose_label(description, labels)
    inputs = choose_inputs(description, labels)
    training = choose_training(description.rows, label, inputs, workers)
    reading = _reading(description, given or {}, found or {})
    return "\n".join(
        [
            f"name = {quoted(_name(description.source))}",
            *("", "[data]", *_source(description), *reading, *_label(label, description.rows)),
            *_inputs(inputs),
            *training.data,
            *_kinds(inputs),
            *("", "[network]", *_network(label, training)),
            *("", "[optimizer]", *training.optimizer),
            *("", "[training]", *training.training),
            *(["", "[early_stopping]", *training.early_stopping] if training.early_stopping else []),
            *("", "[cluster]", *training.cluster, ""),
        ]
    )


def _source(description: Description) -> list[str]:
    source = description.source if "://" in description.source else str(Path(description.source).absolute())
    if not source.isprintable() and any(0xD800 <= ord(c) <= 0xDFFF for c in source):
        raise InvalidData(f"{shown(source)}: a job file cannot hold this path, for it is not UTF-8; rename the file")
    return [f"train = {quoted(source)}"]


def _reading(description: Description, given: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """Return how the files are read: what was given, and what was guessed, with the reasons."""
    fields = {name: value for name, value in given.items() if value is not None}
    if description.format in ("csv", "tsv"):
        dialect = description.dialect
        settled = {"delimiter": dialect.delimiter, "header": dialect.header}
        encoding = {} if dialect.encoding in (None, "utf-8") else {"encoding": dialect.encoding}
        fields = {**settled, **encoding, **fields}
    lines = [comment(reason) for reason in description.reasons]
    lines += [f"{name} = {_value(value)}" for name, value in fields.items() if value is not None]
    return lines + [
        f"{name} = {_value(value)}  # reads more columns as numbers or dates{_or_else(value)}"
        for name, value in found.items()
    ]


def _or_else(value: Any) -> str:
    """Return the date format with day and month the other way round, which may fit as well."""
    if not isinstance(value, str) or not {"%d", "%m"} <= set(re.findall("%.", value)) or value.startswith("%Y"):
        return ""
    other = value.replace("%d", "%D").replace("%m", "%d").replace("%D", "%m")
    return f"; {other} if the month comes {'second' if value.startswith('%m') else 'first'}"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return quoted(value)
    return f"[{', '.join(map(quoted, value))}]"


def _label(label: Label, rows: int) -> list[str]:
    single = len(label.names) == 1
    lines = [comment(reason) for reason in label.reasons]
    lines.append(f"label = {quoted(label.names[0])}" if single else f"labels = {_value(label.names)}")
    if label.missing:
        count = f"{label.missing:,} of {rows:,} rows have no label" if single else "some rows lack a label"
        lines.append(f'missing_label = "drop"  # {count} and are left out')
    return [*lines, *([] if label.classes else ['target_scaling = "standardize"'])]


def _inputs(inputs: Inputs) -> list[str]:
    lines = []
    if "" in inputs.left_out:  # a job cannot name it, so it names all others
        lines += [comment(f"the column without a name {inputs.left_out['']}; {_left_out(inputs)}")]
        lines += ["columns = [", *(f"    {quoted(name)}," for name in inputs.columns), "]"]
    elif inputs.left_out:
        named = [f"    {quoted(name)},  {comment(reason)}" for name, reason in inputs.left_out.items()]
        lines += ["ignore = [", *named, "]"]
    if missing := inputs.missing:
        why = f"numbers are missing: {_counts(missing, 'rows')}"
        lines.append(f'missing = "median"  {comment(why)}')
    if hashed := inputs.hashed:
        limit = DataSpec.most_categories
        why = f"more than {limit} categories, hashed to {DataSpec.hash_buckets} inputs each: {_counts(hashed, 'words')}"
        lines += [comment(why), f"most_categories = {limit}", f"hash_buckets = {DataSpec.hash_buckets}"]
    if inputs.images:
        lines.append('scaling = "min_max"  # the inputs look like the pixels of an image')
    return lines


def _left_out(inputs: Inputs) -> str:
    others = [f"{shown(name)!r} {reason}" for name, reason in inputs.left_out.items() if name]
    return f"left out, too: {'; '.join(others)}" if others else "it is left out"


def _counts(columns: Mapping[str, int], unit: str) -> str:
    named = [f"{shown(name)!r} ({count:,} {unit})" for name, count in list(columns.items())[:MOST_NAMED]]
    return ", ".join(named) + (f" and {len(columns) - MOST_NAMED} more" if len(columns) > MOST_NAMED else "")


def _kinds(inputs: Inputs) -> list[str]:
    """Return the table of the columns whose kind is given; it ends the section."""
    lines = [f'{quoted(name)} = "category"  {comment(why)}' for name, why in inputs.categories.items()]
    return ["", "[data.kinds]", *lines] if lines else []


def _network(label: Label, training: Training) -> list[str]:
    loss, last = ("cross_entropy", "softmax") if label.classes else ("mse", "identity")
    drop = f", dropout = {training.dropout}" if training.dropout else ""
    layers = [f'{{units = {units}, activation = "relu"{drop}}}' for units in training.units]
    inputs = [f"input_dropout = {training.input_dropout}"] if training.input_dropout else []
    return [f'loss = "{loss}"', f'layers = [{", ".join(layers)}, {{activation = "{last}"}}]', *inputs]


def _name(source: str) -> str:
    name = PurePosixPath(source).name.partition(".")[0]
    return "".join(c for c in name if c.isprintable() and c not in "*?[]")[:200] or "job"
