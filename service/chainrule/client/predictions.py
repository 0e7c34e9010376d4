"""Rows -> Arrow messages, and the service's answers -> predictions."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from chainrule.data.fragments import Dialect
from chainrule.data.sources import no_rows, rows_of
from chainrule.data.tables import plain
from chainrule.nn import Array
from chainrule.v1.training_pb2 import PredictResponse
from chainrule.wire.errors import ChainruleError, InvalidData

MESSAGE_BYTES = 2 << 20
"""Half of gRPC's message limit: what is sent for one batch of rows."""
MESSAGE_ROWS = 1000
"""So that the answer for a batch stays below the limit too, with up to 1,000 outputs."""


@dataclass(frozen=True)
class Predictions:
    """The outputs A^N for each row: `values` (rows, outputs); for regression there are no classes."""

    classes: tuple[str, ...]
    values: Array

    @property
    def labels(self) -> list[str] | list[float]:
        """The name of each row's largest output, or the number of each row for regression."""
        if not self.classes:
            numbers: list[float] = self.values[:, 0].tolist()
            return numbers
        return [self.classes[i] for i in self.values.argmax(axis=1)]


def read_rows(path: Path) -> pa.Table:
    """Return the table of a file in any format that can be trained on. Raises InvalidData."""
    tables = [plain(table) for table in rows_of(str(path), Dialect())]
    if not tables:
        raise no_rows(str(path))
    return pa.concat_tables(tables, promote_options="permissive")


def encode(table: pa.Table) -> Iterator[bytes]:
    """Yield the rows as Arrow IPC streams that fit in a message. Raises InvalidData for a table without rows."""
    if table.num_rows == 0:
        raise InvalidData("there are no rows to predict")
    return (message for batch in table.to_batches(max_chunksize=MESSAGE_ROWS) for message in _fitting(batch))


def _fitting(batch: pa.RecordBatch) -> Iterator[bytes]:
    """Yield the batch, or its halves where it is too long."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    message = sink.getvalue()
    if message.size <= MESSAGE_BYTES or batch.num_rows == 1:
        yield message.to_pybytes()
    else:
        half = batch.num_rows // 2
        yield from _fitting(batch.slice(0, half))
        yield from _fitting(batch.slice(half))


def collect(responses: Iterable[PredictResponse], rows: int) -> Predictions:
    """Return the predictions of all answers. Raises ChainruleError if they are not for so many rows."""
    classes: tuple[str, ...] = ()
    outputs, values = 1, bytearray()
    for response in responses:
        classes = classes or tuple(response.classes)
        outputs = response.outputs or outputs
        values += response.values
    received, rest = divmod(len(values), 4 * outputs)
    if received != rows or rest:
        raise ChainruleError(f"the service answered for {received} of {rows} rows")
    return Predictions(classes, np.frombuffer(values, dtype="<f4").reshape(rows, outputs))
