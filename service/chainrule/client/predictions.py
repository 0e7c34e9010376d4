"""Rows -> Arrow messages, and the service's answers -> predictions: a stream each way, of which little is held."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from chainrule.data.dataset import DatasetSummary
from chainrule.data.files import File
from chainrule.data.fragments import ALL, Dialect, Selection
from chainrule.data.model import MISSING_APPLIED
from chainrule.data.numpy_parts import ROWS
from chainrule.data.reading import Reading
from chainrule.data.sources import columns_of_file, dialect_of, format_of, has_names, no_rows, open_source, rows_of
from chainrule.data.tables import plain
from chainrule.v1.training_pb2 import PredictRequest, PredictResponse
from chainrule.wire.errors import ChainruleError, InvalidData
from chainrule.wire.record import RecordHeader

MESSAGE_BYTES = 2 << 20
"""Half of gRPC's message limit: what is sent for one batch of rows."""
MESSAGE_ROWS = 8192


@dataclass(frozen=True)
class Predictions:
    """The outputs A^N for each row: `values` (rows, outputs); without `classes`, numbers of the columns `names`.

    `warnings` say what to know of the model.
    """

    classes: tuple[str, ...]
    values: NDArray[Any]
    names: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def labels(self) -> list[str] | list[float] | list[dict[str, float]]:
        """The name of each row's likeliest class, or its number; of several outputs, the numbers by their names."""
        if self.classes:
            return [self.classes[i] for i in self.probabilities.argmax(axis=1)]
        if self.values.shape[1] == 1:
            numbers: list[float] = self.values[:, 0].tolist()
            return numbers
        names = self.names or tuple(map(str, range(self.values.shape[1])))
        return [dict(zip(names, row, strict=True)) for row in self.values.tolist()]

    @property
    def probabilities(self) -> NDArray[Any]:
        """What the network gives each class (rows, classes); a single output is that of the second of two."""
        if self.values.shape[1] == len(self.classes):
            return self.values
        return np.concatenate([1 - self.values, self.values], axis=1)


def read_rows(path: Path, header: RecordHeader, options: Mapping[str, Any] | None = None) -> Iterator[pa.Table]:
    """Yield the inputs of a file's rows, part by part, each column as what it was in training. Raises InvalidData.

    `path` may be a folder or glob. The `options` name the format, delimiter, header or encoding of these files, which
    are else as the training data's.
    """
    summary = DatasetSummary.from_document(header.data) if header.data else None
    dialect = replace(dialect_of(header.spec), format=None)
    if summary is not None and not summary.reading.values.legacy:
        dialect = summary.reading.dialect()
    dialect = replace(dialect, part=ROWS, **{k: v for k, v in (options or {}).items() if v is not None})
    files, settled, _ = open_source(str(path), dialect, columns=summary.columns if summary else ())
    if summary is not None:
        _check_columns(files[0], settled, summary)
    found = rows_of(files, settled, ALL if summary is None else _inputs_of(summary))
    first = next(found, None)
    if first is None:
        raise no_rows(str(path))
    if summary is None:
        return (_marked(plain(table)) for table, _, _ in chain([first], found))
    sparse = format_of(files[0], settled) == "jsonl"
    return (_marked(_whole(plain(table), file, summary.columns, sparse)) for table, file, _ in chain([first], found))


def _inputs_of(summary: DatasetSummary) -> Selection:
    """Return the model's inputs; what are words there, or dates, is not turned into numbers here."""
    words = frozenset(each.column for each in summary.preprocessing.encoders if each.kind != "number" or each.sign)
    return Selection(frozenset(summary.columns), text=words)


def _check_columns(file: File, dialect: Dialect, summary: DatasetSummary) -> None:
    """Raise InvalidData where a file lacks all columns, or those that are found by their place are elsewhere."""
    names = columns_of_file(file, dialect)
    if names is None:
        return
    if not {name.strip() for name in names} & {name.strip() for name in summary.columns}:
        raise InvalidData(f"{file.name} has no column {summary.columns[0]!r}")
    if summary.reading.places and not has_names(file, dialect):
        _check_places(file.name, names, summary.reading)


def _check_places(source: str, names: Sequence[str], reading: Reading) -> None:
    width, last = len(reading.places), len(reading.places)
    while last and reading.places[last - 1] in reading.labels:
        last -= 1
    if len(names) not in range(last, width + 1):
        wanted = f"{width:,}" if last == width else f"{width:,}, or {last:,} without the label"
        raise InvalidData(
            f"{source} has {len(names):,} columns, but the model was trained on {wanted}: "
            "without names, columns are found by their place"
        )


def _whole(table: pa.Table, file: File, columns: Sequence[str], sparse: bool) -> pa.Table:
    """Return the table with all columns. Raises InvalidData where one is not there.

    In a `sparse` format rows need not name what is missing: a block that has one of the columns may lack the others.
    """
    here = {name.strip() for name in table.column_names}
    lacking = [name for name in columns if name.strip() not in here]
    if lacking and not (sparse and here):
        raise InvalidData(f"{file.name} has no column {lacking[0]!r}")
    for name in lacking:
        table = table.append_column(name, pa.nulls(table.num_rows))
    return table


def _marked(table: pa.Table) -> pa.Table:
    """Return the table with the note that its missing values are known."""
    return table.replace_schema_metadata({MISSING_APPLIED: b"1"})


def encode(tables: Iterable[pa.Table]) -> Iterator[bytes]:
    """Yield the rows as Arrow IPC streams that fit in a message."""
    for table in tables:
        for batch in table.combine_chunks().to_batches(max_chunksize=MESSAGE_ROWS):
            yield from _fitting(batch)


def _fitting(batch: pa.RecordBatch) -> Iterator[bytes]:
    """Yield the batch, or its halves where it is too long."""
    if batch.num_rows > 1 and pa.ipc.get_record_batch_size(batch) > MESSAGE_BYTES - batch.schema.serialize().size:
        half = batch.num_rows // 2
        yield from _fitting(batch.slice(0, half))
        yield from _fitting(batch.slice(half))
        return
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    yield sink.getvalue().to_pybytes()


class Requests:
    """The requests of one call. gRPC does not tell why their iterator has failed: `failure` does."""

    def __init__(self, job_id: str, tables: Iterable[pa.Table]) -> None:
        self._job_id, self._tables = job_id, tables
        self.rows = 0
        self.failure: ChainruleError | None = None

    def __iter__(self) -> Iterator[PredictRequest]:
        try:
            for number, batch in enumerate(encode(map(self._counted, self._tables))):
                yield PredictRequest(job_id="" if number else self._job_id, arrow_batch=batch)
        except ChainruleError as error:
            self.failure = error
            raise

    def _counted(self, table: pa.Table) -> pa.Table:
        self.rows += table.num_rows
        return table


def answers(responses: Iterable[PredictResponse], requests: Requests) -> Iterator[Predictions]:
    """Yield the predictions as they come, whole rows. Raises ChainruleError if they are not for all rows."""
    known, outputs, values, rows = Predictions((), np.empty((0, 1))), 1, bytearray(), 0
    dtype = np.dtype("<f4")
    for number, response in enumerate(responses):
        if number == 0:
            dtype = np.dtype(response.dtype or "float32").newbyteorder("<")
            known = replace(
                known,
                classes=tuple(response.classes),
                names=tuple(response.names),
                warnings=tuple(response.warnings),
            )
        outputs = response.outputs or outputs
        values += response.values
        count = len(values) // (dtype.itemsize * outputs)
        if count:
            size = dtype.itemsize * outputs * count
            yield replace(known, values=np.frombuffer(bytes(values[:size]), dtype).reshape(count, outputs))
            del values[:size]
            rows += count
    if rows != requests.rows or values:
        raise ChainruleError(f"the service answered for {rows} of {requests.rows} rows")


def joined(parts: Sequence[Predictions]) -> Predictions:
    """Return the predictions of all parts as one."""
    return replace(parts[0], values=np.concatenate([part.values for part in parts]))


def check_rows(table: pa.Table) -> pa.Table:
    """Return the table. Raises InvalidData where it has no rows."""
    if table.num_rows == 0:
        raise InvalidData("there are no rows to predict")
    return table
