"""Files -> Arrow tables -> matrices of finite numbers, with errors that name file, row and column."""

import hashlib
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow import csv, fs

from chainrule.wire.errors import InvalidData


def read_csv(source: str) -> tuple[pa.Table, str]:
    """Return the table of a CSV file with a header line, and the SHA-256 of its bytes. Raises InvalidData."""
    content = _read(source)
    table = _parse(content, source)
    duplicates = [name for name, count in Counter(table.column_names).items() if count > 1]
    if duplicates:
        raise InvalidData(f"{source} has more than one column named {duplicates[0]!r}")
    if table.num_rows == 0:
        raise InvalidData(f"{source} has no rows")
    return table, hashlib.sha256(content).hexdigest()


def _parse(content: bytes, source: str, *, threads: bool = True) -> pa.Table:
    ragged: list[csv.InvalidRow] = []

    def note(row: csv.InvalidRow) -> str:
        ragged.append(row)
        return "error"

    try:
        options = csv.ParseOptions(invalid_row_handler=note)
        table = csv.read_csv(pa.py_buffer(content), csv.ReadOptions(use_threads=threads), options)
        table.column_names  # noqa: B018 - decodes the header
        return table
    except UnicodeDecodeError:
        raise InvalidData(f"{source} is not UTF-8 text in its header line") from None
    except pa.ArrowInvalid as error:
        if threads:  # which do not know the number of a row
            return _parse(content, source, threads=False)
        if ragged:
            row, found, expected = ragged[0].number - 1, ragged[0].actual_columns, ragged[0].expected_columns
            raise InvalidData(f"{source}: row {row} has {found} values, the header line {expected}") from None
        raise InvalidData(f"{source} is not a CSV file with a header line: {_sentence(error)}") from None


def _read(source: str) -> bytes:
    try:
        filesystem, path = fs.FileSystem.from_uri(source) if "://" in source else (fs.LocalFileSystem(), source)
        if filesystem.get_file_info(path).type in (fs.FileType.Unknown, fs.FileType.Directory):
            raise InvalidData(f"cannot read {source}: it is a directory, a pipe or a device, not a file")
        with filesystem.open_input_stream(path) as stream:
            content: bytes = stream.read()
            return content
    except (OSError, pa.ArrowInvalid) as error:
        raise InvalidData(f"cannot read {source}: {_sentence(error)}") from None


def _sentence(error: Exception) -> str:
    """Return the first line of Arrow's words, or the system's where Arrow quotes it."""
    return re.sub(r".*Detail: \[errno \d+\] ", "", str(error).splitlines()[0]).rstrip(".")


def numbers(table: pa.Table, columns: Sequence[str], source: str, first_row: int = 1) -> NDArray[np.float64]:
    """Return the columns as a matrix (rows, columns) of numbers that float32 can hold.

    Raises InvalidData; rows are counted from `first_row`.
    """
    missing = [column for column in columns if column not in table.column_names]
    if missing:
        raise InvalidData(f"{source} has no column {missing[0]!r}")
    matrix = np.empty((table.num_rows, len(columns)), dtype=np.float64)
    for i, column in enumerate(columns):
        matrix[:, i] = _column(table.column(column), column, source, first_row)
    return matrix


def _column(values: pa.ChunkedArray, name: str, source: str, first_row: int) -> NDArray[np.float64]:
    kind = values.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
        values = _numbers_of_texts(values, name, source, first_row)
    if values.null_count:
        row = pc.index(pc.is_null(values), pa.scalar(True)).as_py()
        raise InvalidData(f"{source}: row {row + first_row}, column {name!r} has no number (empty, NA or NaN)")
    column: NDArray[np.float64] = values.cast(pa.float64(), safe=False).to_numpy()
    wrong = np.flatnonzero(~(np.abs(column) <= np.finfo(np.float32).max))
    if len(wrong):
        row, value = wrong[0] + first_row, column[wrong[0]]
        raise InvalidData(f"{source}: row {row}, column {name!r} is {value}, which is not a finite float32 number")
    return column


def _numbers_of_texts(values: pa.ChunkedArray, name: str, source: str, first_row: int) -> pa.ChunkedArray:
    """Return the numbers that the texts tell. Raises InvalidData with the first text that tells none."""
    numbers = []
    for row, value in enumerate(values.to_pylist(), start=first_row):
        text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
        try:
            numbers.append(None if value is None or not text.strip() else float(text))
        except ValueError:
            raise InvalidData(f"{source}: row {row}, column {name!r} is {text!r}, not a number") from None
    return pa.chunked_array([pa.array(numbers, pa.float64())])
