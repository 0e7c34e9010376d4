import os
from pathlib import Path

import pytest

from chainrule.data.files import _options, find_files
from chainrule.wire.errors import InvalidData

SUFFIXES = (".csv",)


@pytest.fixture
def folder(tmp_path):
    """a.csv, b.csv, notes.md, deep/c.csv and what nobody reads: .hidden.csv, _temporary/d.csv."""
    for name in ("b.csv", "a.csv", "notes.md", "deep/c.csv", ".hidden.csv", "_temporary/d.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x\n1\n")
    return tmp_path


def found(source, roots=None):
    return [Path(file.path).name for file in find_files(str(source), SUFFIXES, roots)]


def refusal(source, roots=None):
    with pytest.raises(InvalidData) as caught:
        find_files(str(source), SUFFIXES, roots)
    return str(caught.value)


def test_a_file_is_itself(folder):
    assert found(folder / "notes.md") == ["notes.md"]
    assert found((folder / "a.csv").as_uri()) == ["a.csv"]


def test_a_folder_is_its_data_files_in_order(folder):
    assert found(folder) == ["a.csv", "b.csv", "c.csv"]
    assert found(folder.as_uri()) == ["a.csv", "b.csv", "c.csv"]


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("*.csv", ["a.csv", "b.csv"]),
        ("[!a].csv", ["b.csv"]),
        ("?.csv", ["a.csv", "b.csv"]),
        ("**/*.csv", ["a.csv", "b.csv", "c.csv"]),
        ("*/c.*", ["c.csv"]),
    ],
)
def test_a_pattern_is_what_it_matches(folder, pattern, names):
    assert found(folder / pattern) == names
    assert found(f"{folder.as_uri()}/{pattern}") == names


def test_a_file_whose_name_looks_like_a_pattern_is_itself(folder):
    (folder / "x[1].csv").write_text("x\n1\n")
    assert found(folder / "x[1].csv") == ["x[1].csv"]


def test_a_relative_path_is_one_of_the_working_folder(folder, monkeypatch):
    monkeypatch.chdir(folder)
    (file,) = find_files("deep/c.csv", SUFFIXES)
    assert (file.name, file.path) == ("deep/c.csv", str(folder / "deep/c.csv"))


@pytest.mark.parametrize("name", ["none.csv", "*.parquet", "no/*.csv"])
def test_what_is_not_there_is_refused(folder, name):
    sentence = refusal(folder / name)
    assert sentence.startswith(f"cannot read {folder / name}: ")
    assert "No such file" in sentence or "matches no file" in sentence


def test_a_folder_without_data_is_refused(tmp_path):
    assert refusal(tmp_path) == f"cannot read {tmp_path}: it is a directory without a data file"


def test_a_pipe_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert "it is a pipe or a device" in refusal(tmp_path / "pipe")


def test_a_place_that_nobody_knows_is_refused():
    assert "cannot read unknown://rows.csv" in refusal("unknown://rows.csv")


@pytest.mark.parametrize("way", ["outside/a.csv", "inside/../outside/a.csv", "inside/link.csv", "inside/folder/a.csv"])
def test_a_path_that_leaves_the_roots_is_refused(tmp_path, way):
    for name in ("inside", "outside"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.csv").write_text("x\n1\n")
    (tmp_path / "inside/link.csv").symlink_to(tmp_path / "outside/a.csv")
    (tmp_path / "inside/folder").symlink_to(tmp_path / "outside")
    roots = (str(tmp_path / "inside"),)
    for source in (tmp_path / way, f"file://{tmp_path / way}"):
        sentence = refusal(source, roots)
        assert "lies outside of the folders that this service reads" in sentence
        assert "--data-root" in sentence
    assert found(tmp_path / "inside/a.csv", roots) == ["a.csv"]


def test_a_root_may_be_a_link_itself(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real/a.csv").write_text("x\n1\n")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert found(tmp_path / "link/a.csv", (str(tmp_path / "link"),)) == ["a.csv"]


def test_a_file_that_changes_while_it_is_read_is_refused(folder):
    (file,) = find_files(str(folder / "a.csv"), SUFFIXES)
    with file.open() as opened:
        assert opened.read() == b"x\n1\n"
    with pytest.raises(InvalidData, match=r"a\.csv has changed while it was read"), file.open():
        (folder / "a.csv").write_text("x\n1\n2\n")


def test_a_file_that_goes_away_is_refused(folder):
    (file,) = find_files(str(folder / "a.csv"), SUFFIXES)
    (folder / "a.csv").unlink()
    with pytest.raises(InvalidData, match=r"cannot read .*a\.csv"), file.open():
        pass


@pytest.mark.parametrize(
    ("uri", "path", "options"),
    [
        ("s3://b/x?.csv", "s3://b/x?.csv", ""),
        ("s3://b/*.csv?region=eu-west-1", "s3://b/*.csv", "?region=eu-west-1"),
        ("s3://b/x?.csv?region=a&scheme=http", "s3://b/x?.csv", "?region=a&scheme=http"),
        ("s3://b/x?=1/y.csv", "s3://b/x?=1/y.csv", ""),
        ("gs://b/x.csv", "gs://b/x.csv", "?retry_limit_seconds=20"),
        ("gs://b/x.csv?scheme=http", "gs://b/x.csv", "?scheme=http&retry_limit_seconds=20"),
        ("gs://b/x.csv?retry_limit_seconds=3", "gs://b/x.csv", "?retry_limit_seconds=3"),
    ],
)
def test_the_options_of_a_uri_are_told_from_wildcards(uri, path, options):
    assert _options(uri) == (path, options)


@pytest.mark.parametrize(
    "uri",
    [
        "s3://b/x.csv?endpoint_override=127.0.0.1:1&scheme=http&region=us-east-1",
        "gs://anonymous@b/x.csv?endpoint_override=127.0.0.1:1&scheme=http&retry_limit_seconds=1",
        "hdfs://127.0.0.1:1/x.csv",
    ],
)
def test_a_store_that_does_not_answer_is_told_in_one_sentence(uri):
    with pytest.raises(InvalidData, match=r"cannot read .*(ould not connect to server|libjvm|libhdfs)") as caught:
        find_files(uri, (".csv",))
    assert "\n" not in str(caught.value)
    assert "error_info" not in str(caught.value)
