"""Every format gives the same rows; what is wrong is told by file, row and column."""

import gzip
import hashlib
import json
import struct
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import csv, feather, ipc, parquet

from chainrule.data import records
from chainrule.data.blocks import Inline, read_source
from chainrule.data.fragments import ALL, Dialect
from chainrule.data.sources import look_up, open_source, rows_of
from chainrule.data.surveys import Survey
from chainrule.data.tables import plain, to_numbers, whole
from chainrule.wire.errors import InvalidData

ROWS = {"a": [1, 2, None], "b": [0.5, -1.25, 3.0], "c": ["red", None, "blue, or so"]}
TABLE = pa.table(ROWS)


def rows(source, **dialect):
    files, settled, _ = open_source(str(source), Dialect(**dialect))
    tables = [plain(table) for table, _, _ in rows_of(files, settled)]
    return pa.concat_tables(tables, promote_options="permissive").to_pydict()


def read_all(source, dialect):
    return read_source(source, dialect, ALL, Inline(), None)


def refusal(source, read=read_all, **dialect):
    """The one sentence in which a file is refused; it names the file."""
    with pytest.raises(InvalidData) as caught:
        read(str(source), Dialect(**dialect))
    sentence = str(caught.value)
    assert str(source) in sentence
    assert "\n" not in sentence
    return sentence


def zst(content):
    return pa.Codec("zstd").compress(content, asbytes=True)


def idx(values):
    return struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape) + values.astype(np.uint8).tobytes()


def save(path):
    """Write TABLE in the format that the name says."""
    name = path.name.removesuffix(".gz").removesuffix(".zst")
    if name.endswith((".csv", ".tsv")):
        options = csv.WriteOptions(delimiter="\t" if name.endswith(".tsv") else ",")
        csv.write_csv(TABLE, path.with_name("plain"), options)
        content = path.with_name("plain").read_bytes()
    elif name.endswith(".jsonl"):
        content = "".join(json.dumps(row) + "\n" for row in TABLE.to_pylist()).encode()
    else:
        write = {".parquet": parquet.write_table, ".feather": feather.write_feather, ".arrow": write_stream}
        write[path.suffix](TABLE, str(path))
        return path
    pack = {".gz": gzip.compress, ".zst": zst}.get(path.suffix, bytes)
    path.write_bytes(pack(content))
    return path


def write_stream(table, path):
    with ipc.new_stream(path, table.schema) as writer:
        writer.write_table(table, max_chunksize=2)


NAMES = (
    "r.csv",
    "r.csv.gz",
    "r.csv.zst",
    "r.tsv",
    "r.tsv.gz",
    "r.jsonl",
    "r.jsonl.gz",
    "r.parquet",
    "r.feather",
    "r.arrow",
)


@pytest.mark.parametrize("name", NAMES)
def test_each_format_gives_the_same_rows(tmp_path, name):
    assert rows(save(tmp_path / name)) == ROWS


@pytest.mark.parametrize("name", NAMES)
def test_the_hash_is_that_of_the_files_bytes(tmp_path, name):
    path = save(tmp_path / name)
    found = read_source(str(path), Dialect(), ALL, Inline(), None, ("c",))
    blocks = found.blocks
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert sum(block.survey.rows for block in blocks) == 3
    assert plain(blocks[0].survey.kept).to_pydict()["c"] == ROWS["c"][: blocks[0].survey.rows]


@pytest.mark.parametrize("name", ["r.csv", "r.csv.gz", "r.jsonl"])
def test_the_rows_do_not_depend_on_where_they_are_cut(tmp_path, monkeypatch, name):
    monkeypatch.setattr(records, "CHUNK_BYTES", 8)
    blocks = read_source(str(save(tmp_path / name)), Dialect(), ALL, Inline(), None).blocks
    assert len(blocks) > 1
    assert [block.start for block in blocks] == [block.row_of_file for block in blocks]
    whole = pa.concat_tables([plain(block.handle) for block in blocks], promote_options="permissive")
    assert whole.to_pydict() == ROWS


def test_a_folder_of_files_is_one_table(tmp_path):
    for i, name in enumerate(["b.csv", "a.csv"]):
        (tmp_path / name).write_text(f"x,y\n{i},2\n")
    assert rows(tmp_path) == {"x": [1, 0], "y": [2, 2]}


def test_columns_of_several_files_are_found_by_name(tmp_path):
    (tmp_path / "1.csv").write_text("x,y\n1,2\n")
    (tmp_path / "2.csv").write_text("y,x\n2,1\n")
    assert rows(tmp_path) == {"x": [1, 1], "y": [2, 2]}
    (tmp_path / "3.csv").write_text("y,z\n2,1\n")
    with pytest.raises(InvalidData, match=r"3\.csv has no column 'x', which .*1\.csv has"):
        read_source(str(tmp_path), Dialect(), ALL, Inline(), None)


@pytest.mark.parametrize(
    ("content", "dialect", "expected"),
    [
        ("1;2\n3;4\n", {"header": False, "delimiter": ";"}, {"f0": [1, 3], "f1": [2, 4]}),
        ("a, b\n1, x \n2, ?\n", {}, {"a": [1, 2], "b": ["x", None]}),
        ("a,b\n1,x\n".encode("utf-16"), {}, {"a": [1], "b": ["x"]}),
        ("\ufeffa,b\n1,2\n", {}, {"a": [1], "b": [2]}),
        ('a,b\n1,"x\ny"\n2,"z"\n', {}, {"a": [1, 2], "b": ["x\ny", "z"]}),
        ('a,b\n1,"NA"\n2,NA\n', {}, {"a": [1, 2], "b": ["NA", None]}),
        ("a,b\r\n1,2\r\n\r\n3,4", {}, {"a": [1, 3], "b": [2, 4]}),
        ("a,b\n,\n1,x\n", {}, {"a": [None, 1], "b": [None, "x"]}),
        ('"a,1","b"\n1,2\n', {}, {"a,1": [1], "b": [2]}),
    ],
)
def test_csv_files_may_look_otherwise(csv, content, dialect, expected):
    assert rows(csv(content), **dialect) == expected


def test_a_column_that_turns_into_fractions_late_in_a_large_file_is_read(csv):
    blocks = read_source(csv("a\n" + "1\n" * 700_000 + "1.5\n"), Dialect(), ALL, Inline(), None).blocks
    assert blocks[-1].survey.columns["a"].high == 1.5


def test_a_row_may_be_longer_than_what_is_parsed_at_once(csv):
    long = "w" * (3 << 20)
    assert rows(csv(f'a,b\n1,x\n2,"{long}"\n3,y\n')) == {"a": [1, 2, 3], "b": ["x", long, "y"]}
    assert "row 3 has 1 values" in refusal(csv(f'a,b\n1,x\n2,"{long}"\n3\n'))


def test_a_quote_within_a_value_closes_nothing(csv):
    assert rows(csv('a,b\n1,5" pipe\n2,x\n')) == {"a": [1, 2], "b": ['5" pipe', "x"]}


def test_a_header_line_may_be_longer_than_what_is_read_first(csv):
    names = [f"column{i:09}" for i in range(80_000)]
    table, _, _ = next(rows_of(look_up(csv([names, range(80_000)])), Dialect()))
    assert (table.column_names, table.num_rows) == (names, 1)


def test_a_column_whose_words_are_wanted_is_text_everywhere(csv, monkeypatch):
    monkeypatch.setattr(records, "CHUNK_BYTES", 8)
    source = csv("a,b\n01,1\n2,1\nx,1\n")
    blocks = read_source(source, Dialect(), ALL, Inline(), None, wordy=lambda blocks: ["a"]).blocks
    assert [text for block in blocks for text in plain(block.handle)["a"].to_pylist()] == ["01", "2", "x"]


floats32 = st.floats(width=32, allow_nan=False, allow_infinity=False)


@settings(max_examples=40)
@given(st.lists(st.tuples(floats32, st.integers(-(2**53), 2**53), st.booleans()), min_size=1, max_size=20))
def test_numbers_come_back_as_they_were_written(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("csv") / "rows.csv"
    path.write_text("f,i,b\n" + "".join(f"{f!r},{i},{str(b).lower()}\n" for f, i, b in values))
    kinds = {"f": "number", "i": "number", "b": "boolean"}
    ((table, _, _),) = rows_of(look_up(str(path)), Dialect())
    matrix = np.column_stack([to_numbers(whole(table[name]), name, kind) for name, kind in kinds.items()])
    np.testing.assert_array_equal(matrix, np.array(values, dtype=np.float64))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a,b\n1,2\n3,inf\n", ("row 2", "column 'b'", "inf", "finite")),
        ("a,b\n1,2\n3,-inf\n", ("row 2", "column 'b'", "-inf", "finite")),
        ("a,b\n1,2\n3,1e300\n", ("row 2", "column 'b'", "1e+300", "float32")),
        ("a,b\n1,2\n3,3.5e38\n", ("row 2", "column 'b'", "3.5e+38", "float32")),
        ("a,b\n1,2\n3,caf\xe9\n".encode("latin-1"), ("row 2", "column 'b'", "not UTF-8 text")),
        ("caf\xe9,b\n1,2\n".encode("latin-1"), ("not UTF-8 text in its header line",)),
        ("a,b\n1,2\n3,\0\n", ("row 2", "NUL")),
        ("a,b,a\n1,2,3\n2,3,4\n", ("more than one column named 'a'",)),
        ("a,b\n", ("has no rows",)),
        ("", ("not a CSV file", "empty")),
        ("\n\n", ("not a CSV file", "empty")),
        ("a,b\n1,2\n3\n", ("row 2 has 1 values", "header line 2")),
        ("a,b\n1,2\n3,4,5\n", ("row 2 has 3 values", "header line 2")),
        ('a,b\n1,2\n"3\n', ("row 2 has a quote that is never closed",)),
        ('a,b\n1,"x\ny"\n2,"z\n3,4\n', ("row 2 has a quote that is never closed",)),
        ('a,"b\n1,2\n', ("has a quote in its first line that is never closed",)),
        ("a,b\r1,2\r3,4\r", ("lines that end in CR alone",)),
        ("a\0,b\n1,2\n", ("has a NUL byte in its first line",)),
    ],
)
def test_bad_text_is_refused_with_its_place(csv, content, said, read_strictly):
    sentence = refusal(csv(content), read_strictly)
    assert [part for part in said if part not in sentence] == [], sentence


@pytest.mark.parametrize("bad", ["3", "3,inf", "3,\0"])
def test_a_row_is_counted_through_all_of_a_file(csv, monkeypatch, bad, read_strictly):
    monkeypatch.setattr(records, "CHUNK_BYTES", 16)
    content = "a,b\n" + "1,2\n" * 50 + f"{bad}\n" + "1,2\n" * 9
    assert ": row 51" in refusal(csv(content), read_strictly)
    Path(csv(b"", "r.csv.gz")).write_bytes(gzip.compress(content.encode()))
    assert ": row 51" in refusal(csv(gzip.compress(content.encode()), "r.csv.gz"), read_strictly)


@pytest.mark.parametrize("name", ["r.parquet", "r.feather"])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.9])
def test_a_truncated_file_is_refused(tmp_path, name, share):
    content = save(tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: int(len(content) * share)])
    assert "is not a whole" in refusal(tmp_path / name)


@pytest.mark.parametrize("name", ["r.csv.gz", "r.csv.zst", "r.jsonl.gz"])
def test_a_truncated_stream_is_refused(tmp_path, name):
    path = save(tmp_path / name)
    path.write_bytes(path.read_bytes()[:-9])
    assert "cannot read" in refusal(path)


@pytest.mark.parametrize("name", ["r.csv.gz", "r.jsonl.zst"])
def test_what_unpacks_without_end_is_refused(tmp_path, name):
    pack = gzip.compress if name.endswith("gz") else zst
    content = ('{"a": 1}\n' if "json" in name else "a\n").encode() + b"1\n" * 100_000
    (tmp_path / name).write_bytes(pack(content))
    sentence = refusal(tmp_path / name, unpack_limit=1000)
    assert "unpacks to more than 1,000 bytes; data.unpack_limit allows more" in sentence


@pytest.mark.parametrize("name", ["r.csv", "r.jsonl", "r.parquet", "r.feather"])
def test_a_file_that_changes_between_two_blocks_is_refused(tmp_path, monkeypatch, name):
    """Whoever reads, or hashes, the next part finds it changed."""
    monkeypatch.setattr(records, "CHUNK_BYTES", 8)
    path = save(tmp_path / name)

    class Changing(Inline):
        def get(self, handle):
            if isinstance(handle, Survey):
                path.write_bytes(path.read_bytes() + b" ")
            return handle

    with pytest.raises(InvalidData, match=rf"{name} has changed while it was read"):
        read_source(str(path), Dialect(), ALL, Changing(), None)


def test_a_missing_file_and_a_folder_without_data_are_refused(tmp_path):
    assert "No such file" in refusal(tmp_path / "nothing.csv")
    assert "directory" in refusal(tmp_path)


def test_the_format_may_be_named(csv):
    assert rows(csv('{"a": 1}\n', "rows"), format="jsonl") == {"a": [1]}
    assert rows(csv("a\tb\n1\t2\n", "rows"), format="tsv") == {"a": [1], "b": [2]}


def test_labels_beside_images_are_no_source_of_their_own(tmp_path):
    images, labels = np.arange(12).reshape(3, 2, 2), np.array([7, 8, 9])
    (tmp_path / "t-images-idx3-ubyte").write_bytes(idx(images))
    (tmp_path / "t-labels-idx1-ubyte").write_bytes(idx(labels))
    assert [Path(file.path).name for file in look_up(str(tmp_path))] == ["t-images-idx3-ubyte"]
    assert rows(tmp_path)["label"] == [7, 8, 9]


def test_each_row_group_is_read_by_itself(tmp_path):
    parquet.write_table(pa.table({"a": range(100)}), tmp_path / "r.parquet", row_group_size=30)
    blocks = read_source(str(tmp_path / "r.parquet"), Dialect(), ALL, Inline(), None).blocks
    assert [block.fragment.start for block in blocks] == [0, 1, 2, 3]
    assert pa.concat_tables([block.handle for block in blocks])["a"].to_pylist() == list(range(100))
