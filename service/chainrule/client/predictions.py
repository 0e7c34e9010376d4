"""Rows -> Arrow messages, and the service's answers -> predictions: a stream each way, of which little is held."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa

from chainrule.data.sources import dialect_of, no_rows, rows_of
from chainrule.data.tables import plain
from chainrule.nn import Array
from chainrule.v1.training_pb2 import PredictRequest, PredictResponse
from chainrule.wire.errors import ChainruleError, InvalidData
from chainrule.wire.spec import JobSpec

MESSAGE_BYTES = 2 << 20
"""Half of gRPC's message limit: what is sent for one batch of rows."""
MESSAGE_ROWS = 8192


@dataclass(frozen=True)
class Predictions:
    """The outputs A^N for each row: `values` (rows, outputs); for regression there are no classes."""

    classes: tuple[str, ...]
    values: Array

    @property
    def labels(self) -> list[str] | list[float]:
        """The name of each row's likeliest class, or the number of each row for regression."""
        if not self.classes:
            numbers: list[float] = self.values[:, 0].tolist()
            return numbers
        return [self.classes[i] for i in self.probabilities.argmax(axis=1)]

    @property
    def probabilities(self) -> Array:
        """What the network gives each class (rows, classes); a single output is that of the second of two."""
        if self.values.shape[1] == len(self.classes):
            return self.values
        return np.concatenate([1 - self.values, self.values], axis=1)


def read_rows(path: Path, spec: JobSpec) -> Iterator[pa.Table]:
    """Yield the rows of a file, folder or glob, part by part, read as the job's data was. Raises InvalidData."""
    dialect = replace(dialect_of(spec), format=None)
    tables = (plain(table) for table in rows_of(str(path), dialect))
    first = next(tables, None)
    if first is None:
        raise no_rows(str(path))
    return chain([first], tables)


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
    classes: tuple[str, ...] = ()
    outputs, values, rows = 1, bytearray(), 0
    for response in responses:
        classes = classes or tuple(response.classes)
        outputs = response.outputs or outputs
        values += response.values
        count = len(values) // (4 * outputs)
        if count:
            whole = np.frombuffer(bytes(values[: 4 * outputs * count]), dtype="<f4")
            yield Predictions(classes, whole.reshape(count, outputs))
            del values[: 4 * outputs * count]
            rows += count
    if rows != requests.rows or values:
        raise ChainruleError(f"the service answered for {rows} of {requests.rows} rows")


def joined(parts: Sequence[Predictions]) -> Predictions:
    """Return the predictions of all parts as one."""
    return Predictions(parts[0].classes, np.concatenate([part.values for part in parts]))


def check_rows(table: pa.Table) -> pa.Table:
    """Return the table. Raises InvalidData where it has no rows."""
    if table.num_rows == 0:
        raise InvalidData("there are no rows to predict")
    return table
