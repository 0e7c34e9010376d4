"""Looking at a job's sources without reading them."""

import asyncio
import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from chainrule.server import sources
from chainrule.server.sources import check_sources, look
from chainrule.wire.errors import InvalidData, InvalidJob


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "out").mkdir()
    for name in ("in/a.csv", "in/deep/b.csv", "in/notes.md", "in/odd[1].csv", "out/c.csv"):
        (tmp_path / name).write_text("x,label\n1,a\n")
    (tmp_path / "in" / "link.csv").symlink_to(tmp_path / "out" / "c.csv")
    (tmp_path / "in" / "empty").mkdir()
    return tmp_path


def seen(source, folder):
    return asyncio.run(look(str(source), [str(folder / "in")]))


@pytest.mark.parametrize("source", ["in/a.csv", "in", "in/*.csv", "in/**/*.csv", "in/odd[1].csv", "in/notes.md"])
def test_what_is_there_is_seen_with_its_size(folder, source):
    if source in ("in", "in/*.csv", "in/**/*.csv"):
        (folder / "in" / "link.csv").unlink()
    files = seen(folder / source, folder)
    assert files
    assert all(
        size == len("x,label\n1,a\n") and Path(path).stat().st_mtime_ns == changed for path, size, changed in files
    )


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("in/absent.csv", "No such file or directory"),
        ("in/empty", "directory without a data file"),
        ("in/*.parquet", "pattern that matches no file"),
        ("nowhere/*.csv", "pattern that matches no file"),
        ("out/c.csv", "lies outside of the folders"),
        ("in/../out/c.csv", "lies outside of the folders"),
        ("in/link.csv", "lies outside of the folders"),
        ("out/*.csv", "lies outside of the folders"),
        ("in/pipe", "it is a pipe or a device"),
    ],
)
def test_what_is_not_there_or_not_to_be_read_is_told(folder, source, words):
    os.mkfifo(folder / "in" / "pipe")
    with pytest.raises(InvalidData, match=words):
        seen(folder / source, folder)


def test_a_relative_path_is_looked_up_in_the_working_folder(folder, monkeypatch):
    monkeypatch.chdir(folder / "in")
    assert seen("a.csv", folder) == seen(folder / "in" / "a.csv", folder)


def test_a_file_that_changes_is_seen_to(folder):
    before = seen(folder / "in" / "a.csv", folder)
    os.utime(folder / "in" / "a.csv", ns=(1, 1))
    assert seen(folder / "in" / "a.csv", folder) != before


def test_a_folder_of_more_entries_than_are_looked_at_is_not_judged(folder, monkeypatch):
    monkeypatch.setattr(sources, "MOST_ENTRIES", 2)
    assert seen(folder / "in", folder) is None
    assert seen(folder / "in" / "**" / "*.parquet", folder) is None
    assert seen(folder / "in" / "a.csv", folder)  # a plain file needs no look at others


def test_a_file_system_that_does_not_answer_is_not_waited_for(folder, monkeypatch):
    answered = threading.Event()
    monkeypatch.setattr(sources, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(sources, "look_up", lambda *_: answered.wait(10) and ())
    assert seen(folder / "in" / "a.csv", folder) is None
    answered.set()


def test_every_source_of_a_job_is_told_by_its_field(folder, spec):
    data = replace(spec.data, train=str(folder / "in/absent.csv"), validation=str(folder / "out/c.csv"))
    with pytest.raises(InvalidJob) as caught:
        asyncio.run(check_sources(replace(spec, data=data), [str(folder / "in")]))
    first, second = caught.value.violations
    assert (first.path, second.path) == ("data.train", "data.validation")
    assert str(first) == (
        f"data.train is not readable by the service: cannot read {folder}/in/absent.csv: No such file or directory"
    )


@pytest.mark.parametrize("source", ["s3://bucket/absent.csv", "dataset://houses", "hdfs://nowhere/x"])
def test_uris_are_left_alone(spec, source):
    asyncio.run(check_sources(replace(spec, data=replace(spec.data, train=source)), []))
