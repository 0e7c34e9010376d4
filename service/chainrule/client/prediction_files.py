"""Predictions -> a CSV or Parquet file."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import csv, parquet

from chainrule.client.predictions import Predictions
from chainrule.client.received_files import replacing

WRITERS: dict[str, Any] = {".csv": csv.CSVWriter, ".parquet": parquet.ParquetWriter}


def table_of(predictions: Predictions, targets: Sequence[str]) -> pa.Table:
    """Return the columns `prediction` and, of classes, `probability of NAME`; of several targets one for each."""
    if predictions.classes:
        P = predictions.probabilities
        columns = {f"probability of {name}": P[:, i] for i, name in enumerate(predictions.classes)}
        likeliest = pa.array(P.argmax(axis=1))
        return pa.table({"prediction": pa.array(predictions.classes).take(likeliest), **columns})
    names = ["prediction"] if len(targets) == 1 else [f"prediction of {name}" for name in targets]
    return pa.table(dict(zip(names, predictions.values.T, strict=True)))


def write_predictions(path: Path, parts: Iterable[Predictions], targets: Sequence[str]) -> int:
    """Write the predictions as they come, and return for how many rows. The file is whole or not there."""
    rows, writer = 0, None
    with replacing(path) as file:
        for part in parts:
            table = table_of(part, targets)
            writer = writer or WRITERS[path.suffix.lower()](file, table.schema)
            writer.write_table(table)
            rows += table.num_rows
        if writer is not None:
            writer.close()
    return rows
