"""Large files of every format are read in parts, each by a task; rows and their numbers are those of the whole."""

import struct

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import ipc, parquet

from chainrule.data import column_files, fragments, records, tables
from chainrule.data.blocks import Inline, read_source
from chainrule.data.fragments import ALL, Dialect
from chainrule.data.tables import plain
from chainrule.wire.errors import InvalidData

ROWS = 100


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    monkeypatch.setattr(fragments, "BLOCK_ROWS", 8)
    monkeypatch.setattr(fragments, "BLOCK_BYTES", 256)  # two blocks, of two columns, make a fragment
    monkeypatch.setattr(column_files, "BLOCK_BYTES", 512)
    monkeypatch.setattr(records, "CHUNK_BYTES", 200)


def values(bad_row=None):
    x = np.arange(2.0 * ROWS).reshape(ROWS, 2)
    if bad_row is not None:
        x[bad_row, 1] = np.inf
    return x


def table(x):
    return pa.table({"x0": x[:, 0], "x1": x[:, 1]})


def lines(x, row):
    return "".join(row.format(*each) + "\n" for each in x.tolist())


def write_arrow(path, x):
    with ipc.new_file(path, table(x).schema) as writer:
        writer.write_table(table(x), max_chunksize=7)


def write_idx(path, x):
    path.write_bytes(struct.pack(">HBBII", 0, 0x0E, 2, *x.shape) + x.astype(">f8").tobytes())


WRITERS = {
    "r.csv": lambda path, x: path.write_text("x0,x1\n" + lines(x, "{},{}")),
    "r.jsonl": lambda path, x: path.write_text(lines(x, '{{"x0": {}, "x1": {}}}')),
    "r.parquet": lambda path, x: parquet.write_table(table(x), path, row_group_size=20),
    "r.arrow": write_arrow,
    "c.npy": lambda path, x: np.save(path, np.ascontiguousarray(x)),
    "f.npy": lambda path, x: np.save(path, np.asfortranarray(x)),
    "r.idx": write_idx,
}


def read(path):
    return read_source(str(path), Dialect(), ALL, Inline(), None).blocks


@pytest.mark.parametrize("name", WRITERS)
def test_a_large_file_is_read_in_parts_that_make_the_whole(tmp_path, name):
    WRITERS[name](tmp_path / name, values())
    blocks = read(tmp_path / name)
    assert len({block.fragment.start for block in blocks}) >= 4
    assert [block.start for block in blocks] == [block.row_of_file for block in blocks]
    whole = pa.concat_tables([plain(block.handle) for block in blocks])
    np.testing.assert_array_equal(np.column_stack([column.to_numpy() for column in whole.columns]), values())


@pytest.mark.parametrize("name", [name for name in WRITERS if name != "r.jsonl"])  # it has no word for infinity
def test_a_bad_row_of_any_part_is_told_by_its_place_in_the_file(tmp_path, name, read_strictly):
    WRITERS[name](tmp_path / name, values(bad_row=76))
    with pytest.raises(InvalidData, match=r": row 77, column '[xp]1' is inf, which is not a finite float32 number"):
        read_strictly(tmp_path / name)


def test_a_bad_line_of_json_is_told_by_its_place_in_the_file(tmp_path):
    lines = [f'{{"x": {i}}}\n' for i in range(ROWS)]
    (tmp_path / "r.jsonl").write_text("".join([*lines[:76], '{"x": oops}\n', *lines[76:]]))
    with pytest.raises(InvalidData, match=r"r\.jsonl: row 77 is not JSON"):
        read(tmp_path / "r.jsonl")


def test_images_keep_their_labels_in_every_part(tmp_path):
    images, labels = np.arange(4 * ROWS, dtype=np.uint16).astype(np.uint8).reshape(ROWS, 2, 2), np.arange(ROWS) % 10
    (tmp_path / "a-images-idx3-ubyte").write_bytes(struct.pack(">HBB3I", 0, 8, 3, *images.shape) + images.tobytes())
    (tmp_path / "a-labels-idx1-ubyte").write_bytes(struct.pack(">HBBI", 0, 8, 1, ROWS) + labels.astype("u1").tobytes())
    blocks = read(tmp_path / "a-images-idx3-ubyte")
    assert len(blocks) == -(-ROWS // 6)
    whole = pa.concat_tables([block.handle for block in blocks])
    assert whole["label"].to_pylist() == labels.tolist()
    np.testing.assert_array_equal(whole["p3"].to_numpy(), images[:, 1, 1])


def test_a_wide_table_comes_in_smaller_blocks():
    assert [fragments.rows_at_once(columns) for columns in (1, 4, 16, 10**9)] == [8, 8, 2, 1]


@pytest.mark.parametrize("shape", [(10**12, 0), (5, 0, 3)])
def test_rows_without_a_value_are_refused_at_once(tmp_path, shape):
    np.save(tmp_path / "m.npy", np.empty(shape, np.float32))
    with pytest.raises(InvalidData, match="has rows without a value"):
        read(tmp_path / "m.npy")
    if len(shape) == 3:
        (tmp_path / "m.idx").write_bytes(struct.pack(">HBB3I", 0, 8, 3, *shape))
        with pytest.raises(InvalidData, match="has rows without a value"):
            read(tmp_path / "m.idx")


def test_more_columns_than_anyone_can_mean_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "MOST_COLUMNS", 3)
    np.save(tmp_path / "m.npy", np.zeros((2, 4)))
    write_idx(tmp_path / "m.idx", np.zeros((2, 4)))
    (tmp_path / "m.csv").write_text("a,b,c,d\n1,2,3,4\n")
    parquet.write_table(pa.table({name: [1] for name in "abcd"}), tmp_path / "m.parquet")
    for name in ("m.npy", "m.idx", "m.csv", "m.parquet"):
        with pytest.raises(InvalidData, match=rf"{name} has 4 columns; at most 3 are read"):
            read(tmp_path / name)
