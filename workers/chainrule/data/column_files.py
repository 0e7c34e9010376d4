"""Parquet and Arrow IPC (Feather) -> tables."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
from pyarrow import ipc, parquet

from chainrule.data.faults import Faulty, sentence
from chainrule.data.files import File
from chainrule.data.fragments import BLOCK_ROWS, Dialect, Digest, Fragment
from chainrule.data.streams import feed

BUFFER_BYTES = 1 << 20


def plan_parquet(file: File, _: Dialect, digest: Digest | None) -> Iterator[Fragment]:
    """Yield the row groups. `digest` takes in the file's bytes."""
    with file.open() as opened, _intact("Parquet"):
        groups = parquet.ParquetFile(opened).metadata.num_row_groups
    for group in range(groups):
        yield Fragment(file, start=group, stop=group + 1)
    feed(file, digest)


def read_parquet(fragment: Fragment, _: Dialect) -> Iterator[pa.Table]:
    """Yield the rows. Raises Faulty."""
    with fragment.file.open() as opened, _intact("Parquet"):
        groups = range(fragment.start, fragment.stop or 0)
        # By default the whole row group is fetched first, which may be as large as the data.
        file = parquet.ParquetFile(opened, pre_buffer=False, buffer_size=BUFFER_BYTES)
        for batch in file.iter_batches(4 * BLOCK_ROWS, row_groups=list(groups)):
            yield pa.Table.from_batches([batch])


def plan_arrow(file: File, _: Dialect, digest: Digest | None) -> Iterator[Fragment]:
    """Yield the whole file. `digest` takes in its bytes."""
    yield Fragment(file)
    feed(file, digest)


def read_arrow(fragment: Fragment, _: Dialect) -> Iterator[pa.Table]:
    """Yield the rows of a file or a stream. Raises Faulty."""
    with fragment.file.open() as opened, _intact("Arrow"):
        for batch in _batches(opened):
            for start in range(0, batch.num_rows, 4 * BLOCK_ROWS):
                yield pa.Table.from_batches([batch.slice(start, 4 * BLOCK_ROWS)])


def _batches(opened: Any) -> Iterator[pa.RecordBatch]:
    try:
        reader = ipc.open_file(opened)
    except pa.ArrowInvalid:
        opened.seek(0)
        yield from ipc.open_stream(opened)
    else:
        for number in range(reader.num_record_batches):
            batch = reader.get_batch(number)
            batch.validate()
            yield batch


@contextmanager
def _intact(kind: str) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise Faulty(f"is not a whole {kind} file: {sentence(error)}") from None
