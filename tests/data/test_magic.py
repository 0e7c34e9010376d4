"""A file whose name says one thing and whose bytes say another is refused by what it is."""

import bz2
import gzip
import io
import lzma
import pickle
import sqlite3
import tarfile
import zipfile

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import feather, ipc, orc, parquet

from chainrule.data.fragments import Dialect
from chainrule.data.magic import what_is, wrong_name
from chainrule.data.sources import open_source, rows_of
from chainrule.wire.errors import InvalidData

TABLE = pa.table({"a": [1, 2], "b": ["x", "y"]})


def archive(*members, compression=zipfile.ZIP_DEFLATED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as opened:
        for name in members:
            opened.writestr(name, b"<xml/>" * 50)
    return file.getvalue()


def written(write):
    sink = pa.BufferOutputStream()
    write(sink)
    return sink.getvalue().to_pybytes()


def numpy_file(save, values):
    file = io.BytesIO()
    save(file, values)
    return file.getvalue()


def tar():
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as opened:
        opened.addfile(tarfile.TarInfo("rows.csv"))
    return file.getvalue()


def stream(sink):
    with ipc.new_stream(sink, TABLE.schema) as writer:
        writer.write_table(TABLE)


def database():
    opened = sqlite3.connect(":memory:")
    opened.execute("CREATE TABLE rows (a)")
    content = opened.serialize()
    opened.close()
    return content


WORKBOOK = archive("[Content_Types].xml", "_rels/.rels", "xl/workbook.xml")
FILES = {
    "a gzip-compressed file": [gzip.compress(b"a,b\n")],
    "a bzip2-compressed file": [bz2.compress(b"a,b\n"), bz2.compress(b"")],
    "an xz-compressed file": [lzma.compress(b"a,b\n")],
    "a zstd-compressed file": [pa.Codec("zstd").compress(b"a,b\n", asbytes=True)],
    "an lz4-compressed file": [pa.Codec("lz4").compress(b"a,b\n", asbytes=True)],
    "a 7z archive": [b"7z\xbc\xaf\x27\x1c\0\4"],
    "a rar archive": [b"Rar!\x1a\x07\x01\0"],
    "a tar archive": [tar()],
    "a zip archive": [archive("rows.csv"), archive(), archive("m.npy", "rows.csv", compression=zipfile.ZIP_STORED)],
    "an Excel workbook": [WORKBOOK, archive("xl/workbook.xml"), b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 504],
    "an Office document": [archive("[Content_Types].xml", "word/document.xml")],
    "a Parquet file": [written(lambda sink: parquet.write_table(TABLE, sink))],
    "an Arrow IPC file": [written(lambda sink: feather.write_feather(TABLE, sink)), written(stream)],
    "a file of Feather version 1": [b"FEA1\0\0\0\0" + b"\1" * 100],
    "an ORC file": [written(lambda sink: orc.write_table(TABLE, sink))],
    "an NPY file": [numpy_file(np.save, np.arange(3))],
    "an NPZ file": [numpy_file(np.savez, np.arange(3)), numpy_file(np.savez_compressed, np.arange(3))],
    "an IDX file": [b"\0\0\x08\x01\0\0\0\1\7"],
    "an HDF5 file": [b"\x89HDF\r\n\x1a\n\0"],
    "an SQLite database": [database()],
    "a PDF document": [b"%PDF-1.7\n"],
    "a PNG image": [b"\x89PNG\r\n\x1a\n\0"],
    "a JPEG image": [b"\xff\xd8\xff\xe0"],
    "a Python pickle": [pickle.dumps([1], protocol) for protocol in (2, 3, 4, 5)],
    "an HTML page": [b"\n <!DOCTYPE html>\n<html>", b"<HTML lang=en>"],
    "a Git LFS pointer": [b"version https://git-lfs.github.com/spec/v1\noid sha256:12\n"],
}


@pytest.mark.parametrize("kind", FILES)
def test_a_file_is_known_by_its_first_bytes(kind):
    for content in FILES[kind]:
        assert what_is(content[:4096]) == kind
        assert what_is(content) == kind


@pytest.mark.parametrize(
    "content",
    [
        *(
            b"",
            b"a,b\n1,2\n",
            b'{"a": 1}\n',
            b"[1]",
            b"PAR1,PAR2\n",
            b"FEA1\n1\n",
            b"ARROW1,x\n",
            b"ORC,x\n",
            b"PK,x\n",
        ),
        *(b"<a>\n", b"BZh9,x\n", "größe\n".encode(), "größe\n".encode("latin-1"), b"\xff\xfea\0", b"\xef\xbb\xbfa\n"),
    ],
)
def test_text_is_no_other_file(content):
    assert what_is(content) is None
    assert wrong_name("rows.csv", content, "CSV") is None


SENTENCES = [
    ("r.csv", WORKBOOK, "CSV", "is an Excel workbook, not CSV: save the sheet as CSV"),
    ("r.csv", gzip.compress(b"a\n"), "CSV", "is gzip-compressed: its name must end in .gz"),
    ("r.jsonl", FILES["a zstd-compressed file"][0], "JSON", "is zstd-compressed: its name must end in .zst"),
    ("r.parquet", gzip.compress(b"a\n"), "Parquet", "is gzip-compressed: unpack it first"),
    ("r.csv.gz", gzip.compress(b"a\n"), "CSV", "is compressed twice: unpack it once"),
    ("r.csv", archive("r.csv"), "CSV", "is a zip archive: unpack it first"),
    ("r.csv", bz2.compress(b"a\n"), "CSV", "is a bzip2-compressed file: unpack it first"),
    (
        "r.feather",
        FILES["a file of Feather version 1"][0],
        "Arrow",
        "is Feather version 1, which is no longer read: write it again as version 2 (Arrow IPC)",
    ),
    (
        "r.csv",
        FILES["a Parquet file"][0],
        "CSV",
        'is a Parquet file, not CSV: give it a name that ends in .parquet, or set data.format to "parquet"',
    ),
    ("r.csv", FILES["an HDF5 file"][0], "CSV", "is an HDF5 file, not CSV: save its table as CSV or Parquet"),
    (
        "r.csv",
        b"<html>",
        "CSV",
        "is an HTML page, not CSV: it may be the message of a server that did not give the file; download it again",
    ),
    (
        "r.csv",
        FILES["a Git LFS pointer"][0],
        "CSV",
        "is a Git LFS pointer, not CSV: fetch the file itself with `git lfs pull`",
    ),
    (
        "r.csv.gz",
        b"a,b\n",
        "gzip",
        "is not gzip-compressed, though its name ends in .gz: give it a name without .gz",
    ),
    (
        "r.csv.gz",
        archive("r.csv"),
        "gzip",
        "is a zip archive, not gzip-compressed, though its name ends in .gz: give it the name that suits it",
    ),
    ("r.parquet", FILES["a Parquet file"][0], "Parquet", None),
    ("r.npz", archive("r.csv"), "NPZ", None),
    ("r.csv.gz", gzip.compress(b""), "gzip", None),
    ("r.csv.gz", b"", "gzip", None),
    ("r.parquet", b"a,b\n", "Parquet", None),
]


@pytest.mark.parametrize(("name", "content", "expected", "said"), SENTENCES, ids=[str(said) for *_, said in SENTENCES])
def test_the_sentence_tells_what_to_do(name, content, expected, said):
    assert wrong_name(name, content, expected) == said


READERS = [
    ("r.parquet", WORKBOOK, "is an Excel workbook, not Parquet"),
    ("r.arrow", FILES["a Parquet file"][0], "is a Parquet file, not Arrow"),
    ("r.feather", b"FEA1\0\0\0\0" + b"\1" * 100, "is Feather version 1, which is no longer read"),
    ("r.npy", FILES["an NPZ file"][0], "is an NPZ file, not NPY"),
    ("r.npy", gzip.compress(FILES["an NPY file"][0]), "is gzip-compressed: its name must end in .gz"),
    ("r.npy.gz", gzip.compress(b"%PDF-1.7"), "is a PDF document, not NPY"),
    ("r.npz", FILES["an NPY file"][0], "is an NPY file, not NPZ"),
    ("r.npz", FILES["an HDF5 file"][0], "is an HDF5 file, not NPZ"),
    ("r.idx", gzip.compress(FILES["an IDX file"][0]), "is gzip-compressed: its name must end in .gz"),
    ("r.jsonl", WORKBOOK, "is an Excel workbook, not JSON"),
    ("r.jsonl", FILES["a Parquet file"][0], "is a Parquet file, not JSON"),
    ("r.jsonl.gz", gzip.compress(gzip.compress(b"{}")), "is compressed twice"),
    ("r.csv.gz", b"a,b\n1,2\n", "is not gzip-compressed, though its name ends in .gz"),
    ("r.jsonl.gz", b'{"a": 1}\n', "is not gzip-compressed, though its name ends in .gz"),
    (
        "r.idx.zst",
        gzip.compress(b"x"),
        "is a gzip-compressed file, not zstd-compressed",
    ),
]


@pytest.mark.parametrize(("name", "content", "said"), READERS, ids=[f"{name} {said}" for name, _, said in READERS])
def test_every_reader_tells_it(tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidData) as caught:
        list(rows_of(*open_source(str(tmp_path / name), Dialect())[:2]))
    assert f"{name} {said}" in str(caught.value)
