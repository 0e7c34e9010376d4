"""Parquet, Arrow and IDX files are read whatever types their columns have; who uses a column judges it."""

import datetime
import decimal
import struct

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import ipc, parquet

from chainrule.data import column_files, fragments, idx_files
from chainrule.data.files import find_files
from chainrule.data.fragments import Dialect

COLUMNS = {
    "n": pa.array([1, 2, 3]),
    "list": pa.array([[1, 2], None, []], pa.list_(pa.int64())),
    "large_list": pa.array([["a"], ["b", None], None], pa.large_list(pa.string())),
    "fixed_list": pa.array([[1, 2], [3, 4], None], pa.list_(pa.int8(), 2)),
    "struct": pa.array([{"a": 1, "b": ["x"]}, None, {"a": None, "b": None}]),
    "map": pa.array([[("k", 1)], [], None], pa.map_(pa.string(), pa.int64())),
    "binary": pa.array([b"\xff", None, b""]),
    "large_binary": pa.array([b"\xff", None, b""], pa.large_binary()),
    "fixed_binary": pa.array([b"\xff\0", None, b"ab"], pa.binary(2)),
    "decimal": pa.array([decimal.Decimal("1.50"), None, decimal.Decimal("-2.25")]),
    "decimal256": pa.array([decimal.Decimal("1.50"), None, decimal.Decimal("-2.25")], pa.decimal256(40, 2)),
    "dictionary": pa.array(["x", None, "y"]).dictionary_encode(),
    "large_string": pa.array(["x", None, "é"], pa.large_string()),
    "string_view": pa.array(["x", None, "a text of more than twelve bytes"], pa.string_view()),
    "half": pa.array(np.array([0.5, 1.5, 2.5], np.float16)),
    "time": pa.array([datetime.time(10, 30), None, datetime.time(23, 59, 59, 999_999)]),
    "duration": pa.array([datetime.timedelta(seconds=1), None, datetime.timedelta(days=2)]),
    "zoned": pa.array([datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC), None, None]),
    "nanoseconds": pa.array([1000, None, 2000], pa.timestamp("ns")),
    "null": pa.nulls(3),
    "uuid": pa.array([b"0123456789abcdef", None, b"fedcba9876543210"], pa.uuid()),
    "tensor": pa.ExtensionArray.from_storage(
        pa.fixed_shape_tensor(pa.int8(), [2]), pa.array([[1, 2], [3, 4], [5, 6]], pa.list_(pa.int8(), 2))
    ),
}
ARROW_ALONE = {
    "dictionary_of_numbers": pa.array([1.5, None, 2.5]).dictionary_encode(),
    "run_end": pa.RunEndEncodedArray.from_arrays(pa.array([2, 3], pa.int32()), pa.array(["x", "y"])),
    "list_view": pa.array([[1], None, [2, 3]], pa.list_view(pa.int64())),
    "union": pa.UnionArray.from_sparse(
        pa.array([0, 1, 0], pa.int8()), [pa.array([1, 2, 3]), pa.array(["a", "b", "c"])]
    ),
    "interval": pa.array([(1, 2, 3), None, (4, 5, 6)], pa.month_day_nano_interval()),
}


def write_parquet(table, path):
    parquet.write_table(table, path, row_group_size=2)


def write_file(table, path):
    with ipc.new_file(path, table.schema) as writer:
        writer.write_table(table, max_chunksize=2)


def write_stream(table, path):
    with ipc.new_stream(path, table.schema) as writer:
        writer.write_table(table, max_chunksize=2)


WRITERS = {"r.parquet": write_parquet, "file.arrow": write_file, "stream.arrow": write_stream}


def read(path):
    """The tables of a file, as its reader gives them."""
    (file,) = find_files(str(path), (".parquet", ".arrow"))
    kind = "parquet" if path.suffix == ".parquet" else "arrow"
    plan, reader = getattr(column_files, f"plan_{kind}"), getattr(column_files, f"read_{kind}")
    return [table for part in plan(file, Dialect(), None) for table in reader(part, Dialect())]


def values(column):
    """The values of a column, those of an extension type as they are stored."""
    chunks = [chunk.storage if isinstance(chunk, pa.ExtensionArray) else chunk for chunk in column.chunks]
    return [value for chunk in chunks for value in chunk.to_pylist()]


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("rows", [1, 1 << 16])
def test_columns_of_every_type_are_read(tmp_path, monkeypatch, name, rows):
    monkeypatch.setattr(fragments, "BLOCK_ROWS", rows)
    columns = COLUMNS if name == "r.parquet" else COLUMNS | ARROW_ALONE
    table = pa.table(columns)
    WRITERS[name](table, tmp_path / name)
    told = pa.concat_tables(read(tmp_path / name))
    assert told.column_names == table.column_names
    for column in columns:
        assert values(told[column]) == values(table[column]), column


@pytest.mark.parametrize("name", WRITERS)
def test_two_columns_may_have_one_name(tmp_path, name):
    table = pa.Table.from_arrays([pa.array([1, 2, 3]), pa.array([4, 5, 6]), pa.array([7, 8, 9])], names=["a", "b", "a"])
    WRITERS[name](table, tmp_path / name)
    told = pa.concat_tables(read(tmp_path / name))
    assert told.column_names == ["a", "b", "a"]
    assert [column.to_pylist() for column in told.columns] == [[1, 2, 3], [4, 5, 6], [7, 8, 9]]


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
@pytest.mark.parametrize("encoded", [False, True])
def test_texts_that_are_not_utf8_are_bytes(tmp_path, name, kind, encoded):
    size = np.int32 if kind == pa.string() else np.int64
    buffers = [None, pa.py_buffer(np.array([0, 1, 3], size).tobytes()), pa.py_buffer(b"a\xe9b")]
    bad = pa.Array.from_buffers(kind, 2, buffers)
    if encoded:
        bad = pa.DictionaryArray.from_arrays(pa.array([0, 1], pa.int32()), bad)
    table = pa.Table.from_arrays([pa.array([1, 2]), bad, pa.array(["é", None])], names=["n", "bad", "good"])
    WRITERS[name](table, tmp_path / name)
    (told,) = read(tmp_path / name)
    assert told["n"].to_pylist() == [1, 2]
    assert (told["bad"].type, told["bad"].to_pylist()) == (pa.binary(), [b"a", b"\xe9b"])
    assert told["good"].to_pylist() == ["é", None]


@pytest.mark.parametrize("name", WRITERS)
def test_a_file_without_columns_or_rows_is_read(tmp_path, name):
    WRITERS[name](pa.table({"a": pa.array([], pa.int64())}), tmp_path / name)
    assert sum(table.num_rows for table in read(tmp_path / name)) == 0


@pytest.mark.parametrize("shape", [(3,), (3, 1), (3, 2, 2)])
def test_idx_is_read_in_any_shape(tmp_path, shape):
    values = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    (tmp_path / "a.idx").write_bytes(struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *shape) + values.tobytes())
    (file,) = find_files(str(tmp_path / "a.idx"), (".idx",))
    (table,) = [table for part in idx_files.plan(file, Dialect(), None) for table in idx_files.read(part, Dialect())]
    np.testing.assert_array_equal(np.column_stack(table.columns), values.reshape(3, -1))
