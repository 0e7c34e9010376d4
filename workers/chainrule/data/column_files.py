"""Parquet and Arrow IPC (Feather) -> tables."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import pyarrow as pa
from pyarrow import ipc, parquet

from chainrule.data.faults import Faulty, sentence
from chainrule.data.files import File
from chainrule.data.fragments import BLOCK_BYTES, Dialect, Digest, Fragment, rows_at_once
from chainrule.data.streams import check_beginning, feed

BUFFER_BYTES = 1 << 18


def plan_parquet(file: File, _: Dialect, digest: Digest | None) -> Iterator[Fragment]:
    """Yield the row groups. `digest` takes in the file's bytes."""
    with file.open() as opened, _intact(file, "Parquet"):
        groups = parquet.ParquetFile(opened).metadata.num_row_groups
    for group in range(groups):
        yield Fragment(file, start=group, stop=group + 1)
    feed(file, digest)


def read_parquet(fragment: Fragment, _: Dialect) -> Iterator[pa.Table]:
    """Yield the rows. Raises Faulty."""
    with fragment.file.open() as opened, _intact(fragment.file, "Parquet"):
        groups = range(fragment.start, fragment.stop or 0)
        # By default the whole row group is fetched first, which may be as large as the data.
        file = parquet.ParquetFile(opened, pre_buffer=False, buffer_size=BUFFER_BYTES)
        rows = rows_at_once(file.metadata.num_columns)
        for batch in file.iter_batches(rows, row_groups=list(groups)):
            yield _table(batch)


def plan_arrow(file: File, _: Dialect, digest: Digest | None) -> Iterator[Fragment]:
    """Yield ranges of record batches, about BLOCK_BYTES each; of a stream the whole. `digest` takes in the bytes."""
    with file.open() as opened, _intact(file, "Arrow"):
        reader = _reader(opened)
        batches = 0 if reader is None else reader.num_record_batches
    parts = min(batches, -(-file.size // BLOCK_BYTES))
    edges = [batches * part // parts for part in range(parts + 1)] if parts else [0, None]
    for start, stop in pairwise(edges):
        yield Fragment(file, start=start or 0, stop=stop)
    feed(file, digest)


def read_arrow(fragment: Fragment, _: Dialect) -> Iterator[pa.Table]:
    """Yield the rows of a file or a stream. Raises Faulty."""
    with fragment.file.open() as opened, _intact(fragment.file, "Arrow"):
        for batch in _batches(opened, fragment):
            rows = rows_at_once(batch.num_columns)
            for start in range(0, batch.num_rows, rows):
                yield _table(batch.slice(start, rows))


def _reader(opened: Any) -> Any:
    """Return a reader of any record batch, None where it is a stream, which is read from its beginning."""
    try:
        return ipc.open_file(opened)
    except pa.ArrowInvalid:
        opened.seek(0)
        return None


def _batches(opened: Any, fragment: Fragment) -> Iterator[pa.RecordBatch]:
    reader = _reader(opened)
    if reader is None:
        yield from ipc.open_stream(opened)
        return
    for number in range(fragment.start, fragment.stop or 0):
        batch = reader.get_batch(number)
        batch.validate()
        yield batch


def _table(batch: pa.RecordBatch) -> pa.Table:
    """Return a batch in which texts that are not UTF-8, as other programs write them, are bytes."""
    columns = [_checked(column) for column in batch.columns]
    fields = [field.with_type(column.type) for field, column in zip(batch.schema, columns, strict=True)]
    return pa.Table.from_arrays(columns, schema=pa.schema(fields)) if columns else pa.Table.from_batches([batch])


def _checked(column: pa.Array) -> pa.Array:
    if not _holds_text(column.type):
        return column
    try:
        column.validate(full=True)
    except pa.ArrowInvalid as error:
        if "UTF8" not in str(error):
            raise
        plain = column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
        return plain.cast(pa.binary())
    return column


def _holds_text(kind: pa.DataType) -> bool:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


@contextmanager
def _intact(file: File, kind: str) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        check_beginning(file, kind)
        raise Faulty(f"is not a whole {kind} file: {sentence(error)}") from None
