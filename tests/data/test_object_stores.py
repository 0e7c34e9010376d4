"""Data in servers on this machine that speak as Amazon's and Google's object stores."""

import gzip
import io
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import fs, parquet

from chainrule.data.blocks import Inline, read_source
from chainrule.data.dataset import load_dataset
from chainrule.data.files import find_files
from chainrule.data.fragments import ALL, Dialect
from chainrule.data.records import CHUNK_BYTES
from chainrule.wire.errors import InvalidData

TABLE = pa.table({"x": np.arange(40.0), "label": np.arange(40) % 2})
CSV = b"x,label\n" + b"".join(b"%d,%d\n" % (i, i % 2) for i in range(40))


def in_parquet():
    file = io.BytesIO()
    parquet.write_table(TABLE, file, row_group_size=9)
    return file.getvalue()


CONTENTS = {"rows.csv": CSV, "rows.csv.gz": gzip.compress(CSV, mtime=0), "rows.parquet": in_parquet()}


class GoogleStore:
    """As conftest's ObjectStore, in Google's words, and a process of its own: Arrow's client keeps the interpreter."""

    def __init__(self, port: int) -> None:
        address = f"127.0.0.1:{port}"
        options = ("--host", "127.0.0.1", "--port", str(port), "--in-memory", "--default-bucket", "bucket")
        command = (sys.executable, "-u", "-m", "gcp_storage_emulator", "start", *options)
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        assert any("All services started" in line for line in self.process.stderr)
        threading.Thread(target=self.process.stderr.read, daemon=True).start()  # or it would wait for a reader
        self.options = f"?endpoint_override={address}&scheme=http&retry_limit_seconds=5"
        self.files = fs.GcsFileSystem(anonymous=True, endpoint_override=address, scheme="http")

    def put(self, path: str, content: bytes) -> None:
        with self.files.open_output_stream(f"bucket/{path}", compression=None) as file:
            file.write(content)

    def uri(self, path: str) -> str:
        return f"gs://anonymous@bucket/{path}{self.options}"


@pytest.fixture(scope="module")
def google_store() -> Iterator[GoogleStore]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    store = GoogleStore(port)
    yield store
    store.process.kill()
    store.process.communicate()


@pytest.fixture(params=["s3", "gs"])
def store(request):
    """Each kind of store, and its scheme."""
    return request.getfixturevalue({"s3": "object_store", "gs": "google_store"}[request.param]), request.param


def refusal(source):
    with pytest.raises(InvalidData) as caught:
        read_source(source, Dialect(), ALL, Inline(), None)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", CONTENTS)
def test_an_object_makes_the_same_shards_as_a_file(store, job, tmp_path, name):
    objects, _ = store
    (tmp_path / name).write_bytes(CONTENTS[name])
    objects.put(f"same/{name}", CONTENTS[name])
    there, here = (load_dataset(job(source))[0] for source in (objects.uri(f"same/{name}"), tmp_path / name))
    assert there == here


def test_a_folder_and_a_pattern_name_objects(store):
    objects, scheme = store
    for name in ("b.csv", "a.csv", "deep/c.csv", "notes.md", "_temporary/d.csv"):
        objects.put(f"folder/{name}", CSV)
    for path, names in (("folder", ["a", "b", "deep/c"]), ("folder/?.csv", ["a", "b"]), ("*/**/c.csv", ["deep/c"])):
        files = find_files(objects.uri(path), (".csv",))
        assert [file.name for file in files] == [f"{scheme}://bucket/folder/{name}.csv" for name in names]


def test_what_is_wrong_in_an_object_is_told_with_its_place(store):
    objects, scheme = store
    objects.put("bad.csv", CSV + b"1,2,3\n")
    assert refusal(objects.uri("bad.csv")) == f"{scheme}://bucket/bad.csv: row 41 has 3 values, the header line 2"


@pytest.mark.parametrize("uri", ["bucket/none.csv", "bucket/none/*.csv", "none/rows.csv"])
def test_an_object_or_a_bucket_that_is_missing_is_refused(store, uri):
    objects, scheme = store
    sentence = refusal(f"{scheme}://anonymous@{uri}{objects.options}")
    assert "No such file or directory" in sentence or "matches no file" in sentence


def test_who_may_not_read_is_told(object_store, monkeypatch):
    object_store.put("secret.csv", CSV)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "another")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    uri = f"s3://bucket/secret.csv{object_store.options}"
    (file,) = find_files(uri, (".csv",))
    object_store.check_keys(wanted=True)
    try:
        for refused in (lambda: find_files(uri, (".csv",)), file.sha256):
            with pytest.raises(
                InvalidData, match=r"cannot read s3://bucket/secret\.csv.*: access is denied; .*AWS_ACCESS"
            ):
                refused()
    finally:
        object_store.check_keys(wanted=False)


def test_an_object_that_changes_while_it_is_read_is_refused(store):
    objects, scheme = store
    objects.put("changing.csv", CSV)
    (file,) = find_files(objects.uri("changing.csv"), (".csv",))
    told = rf"{scheme}://bucket/changing\.csv has changed while it was read"
    with pytest.raises(InvalidData, match=told), file.open():
        objects.put("changing.csv", CSV + b"1,1\n")


def test_a_store_that_goes_away_in_the_midst_is_told_in_one_sentence(object_store_class):
    store = object_store_class()
    store.put("long.csv", CSV + b"1,1\n" * (CHUNK_BYTES // 3))
    (file,) = find_files(store.uri("long.csv"), (".csv",))

    def read():
        with file.open() as opened:
            assert opened.read(100) == CSV[:100]
            store.server.stop()
            opened.read(CHUNK_BYTES)

    with pytest.raises(InvalidData, match=r"cannot read s3://bucket/long\.csv: .*ould not connect") as caught:
        read()
    assert "\n" not in str(caught.value)
