import csv
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest

from chainrule.client import demo
from chainrule.client.demo import DemoResult, write_files
from chainrule.client.job_file import read_job
from chainrule.client.local_service import LocalService
from chainrule.wire.errors import ChainruleError
from chainrule.wire.job import JobState
from chainrule.wire.validation import parse_spec


@pytest.fixture
def run(remote, address, pipe, tmp_path, monkeypatch):
    """Run the demo against the remote, which reads the digits from the label column and takes 0 for 1."""

    @contextmanager
    def service(folder):
        yield LocalService(address, "http://127.0.0.1:8", 0)

    def outputs(table):
        label = table.column("label").to_numpy().astype(int)
        return np.eye(10)[np.where(label == 1, 0, label)]

    remote.classes = tuple("0123456789")
    monkeypatch.setattr(remote, "outputs", outputs)
    monkeypatch.setattr(demo, "local_service", service)
    return lambda: demo.run(tmp_path / "demo", pipe)


def _rows(path):
    with path.open() as file:
        header, *rows = csv.reader(file)
    return header, rows


def test_files_hold_every_image_once(tmp_path):
    labels = write_files(tmp_path)
    header, rows = _rows(tmp_path / "digits.csv")
    _, held_out = _rows(tmp_path / "held_out.csv")
    assert header == [*(f"p{i}" for i in range(64)), "label"]
    assert (len(rows), len(held_out)) == (1438, 359)
    assert len({tuple(row) for row in rows + held_out}) == 1797
    assert [row[-1] for row in held_out] == labels


def test_files_are_the_same_each_time(tmp_path):
    write_files(tmp_path / "a")
    write_files(tmp_path / "b")
    for name in ("digits.csv", "held_out.csv", "digits.toml"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_the_job_is_valid_and_finds_its_data(tmp_path):
    write_files(tmp_path)
    spec = parse_spec(read_job(tmp_path / "digits.toml"))
    assert spec.data.train == str(tmp_path / "digits.csv")
    assert (spec.shards, spec.cluster.max_workers) == (4, 2)


def test_the_result_is_good_from_96_percent():
    assert DemoResult("a1", 96, 100, "model").good
    assert not DemoResult("a1", 95, 100, "model").good


def test_tells_what_happens_and_how_good_the_model_is(run, remote, pipe, tmp_path):
    result = run()
    labels = write_files(tmp_path)
    assert (result.job, result.images, result.right) == ("a1", 359, 359 - labels.count("1"))
    assert not result.good
    assert (tmp_path / "demo" / "model.safetensors").read_bytes() == remote.model
    text = pipe.file.getvalue()
    for words in ("http://127.0.0.1:8", "Job a1", "digits SUCCEEDED", f"{result.accuracy:.1%}", result.model):
        assert words in text


def test_fails_when_its_job_does(run, remote):
    ended = remote.events[-1]
    remote.events[-1] = replace(ended, job=replace(ended.job, state=JobState.FAILED))
    with pytest.raises(ChainruleError, match="did not succeed"):
        run()
