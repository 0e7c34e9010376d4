import hashlib
import json
import tomllib

import pyarrow as pa
import pytest
from pyarrow import csv, parquet

from chainrule.client.prediction_files import table_of
from chainrule.client.predictions import Predictions
from chainrule.wire.errors import InvalidData, JobNotFinished


@pytest.fixture
def rows(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("x,y\n0.75,a\n0.25,b\n")
    return path


class TestDescribe:
    def test_prints_a_line_for_each_column_and_needs_no_service(self, run, rows, monkeypatch):
        monkeypatch.setenv("CHAINRULE_SERVER", "127.0.0.1:1")
        code, out, _ = run("describe", rows)
        header, x, y, summary = out.splitlines()
        assert code == 0
        assert header.split()[:3] == ["COLUMN", "KIND", "MISSING"]
        assert x.split() == ["x", "number", "0.25", "0.75"]
        assert y.split()[:3] == ["y", "category", "2"]
        assert summary == f"{rows}: 2 rows, 2 columns, csv"

    def test_prints_json(self, run, rows):
        document = json.loads(run("describe", rows, "--json")[1])
        assert [column["kind"] for column in document["columns"]] == ["number", "category"]

    def test_refuses_what_is_not_there(self, run, tmp_path):
        code, _, err = run("describe", tmp_path / "none.csv")
        assert (code, err.count("\n")) == (2, 1)

    def test_asks_the_service_for_what_lies_there(self, run, remote):
        document = json.loads(run("describe", "dataset://rows", "--json")[1])
        assert (document["source"], document["rows"], remote.requests[-1].name) == ("dataset://rows", 9, "rows")
        assert run("describe", "dataset://rows")[1].endswith("dataset://rows: 9 rows, 1 columns, csv\n")


class TestInit:
    def test_prints_a_job_file(self, run, rows, monkeypatch):
        monkeypatch.setenv("CHAINRULE_SERVER", "127.0.0.1:1")
        code, out, _ = run("init", rows, "--label", "x", "--workers", 3)
        document = tomllib.loads(out)
        assert code == 0
        assert (document["data"]["train"], document["data"]["label"]) == (str(rows), "x")
        assert document["cluster"]["max_workers"] == 3

    def test_names_the_data_set_that_it_is_for(self, run):
        document = tomllib.loads(run("init", "dataset://rows", "--label", "x")[1])
        assert (document["name"], document["data"]["train"]) == ("rows", "dataset://rows")

    def test_refuses_a_label_that_is_not_there(self, run, rows):
        assert run("init", rows, "--label", "z")[0] == 2


class TestUpload:
    def test_sends_a_file_and_tells_its_name(self, run, remote, rows):
        code, out, err = run("upload", rows, "--name", "rows")
        (header, content), sha256 = remote.uploads[0], hashlib.sha256(rows.read_bytes()).hexdigest()
        assert (code, out, err) == (0, f"dataset://rows: {rows.stat().st_size} bytes, sha256 {sha256}\n", "")
        assert (header.name, header.file_name, header.size) == ("rows", "rows.csv", len(content))
        assert content == rows.read_bytes()

    def test_goes_on_where_it_was_cut_off(self, run, remote, rows):
        remote.present = rows.read_bytes()[:7]
        assert json.loads(run("upload", rows, "--name", "rows", "--json")[1])["size"] == rows.stat().st_size
        assert remote.uploads[0][1] == rows.read_bytes()

    def test_tells_how_far_it_is(self, client, rows):
        told = []
        client.upload(rows, "rows", lambda *progress: told.append(progress))
        size = rows.stat().st_size
        assert told == [("hashing", size, size), ("sending", size, size)]

    def test_refuses_what_is_not_there(self, run, tmp_path, client):
        assert run("upload", tmp_path / "none.csv", "--name", "rows")[0] == 2
        with pytest.raises(InvalidData, match="cannot read"):
            client.upload(tmp_path / "none.csv", "rows")


def test_data_sets_are_listed(run):
    header, row = run("datasets")[1].splitlines()
    assert header.split() == ["NAME", "BYTES", "UPLOADED", "SHA256"]
    assert row.split()[:2] == ["rows", "1,234"]
    assert [each["name"] for each in json.loads(run("datasets", "--json")[1])] == ["rows"]


@pytest.mark.parametrize("name", ["rows", "dataset://rows"])
def test_a_data_set_is_deleted(run, remote, name):
    assert run("datasets", "--delete", name) == (0, "dataset://rows is deleted\n", "")
    assert json.loads(run("datasets", "--delete", name, "--json")[1]) == {"name": "rows"}
    assert [request.name for request in remote.requests] == ["rows", "rows"]


def test_a_data_set_that_is_needed_stays(run, remote):
    remote.errors = [JobNotFinished("dataset://rows is used by job a1")]
    assert run("datasets", "--delete", "rows") == (2, "", "Error: dataset://rows is used by job a1\n")


class TestPredict:
    @pytest.mark.parametrize("suffix", ["csv", "parquet"])
    def test_writes_a_file_with_the_probability_of_each_class(self, run, rows, tmp_path, suffix):
        path = tmp_path / f"out.{suffix}"
        code, out, _ = run("predict", "a1", rows, "-o", path)
        assert (code, out) == (0, f"{path}: 2 rows\n")
        table = {"csv": csv.read_csv, "parquet": parquet.read_table}[suffix](path)
        assert table.to_pydict() == {
            **{"prediction": ["cat", "dog"]},
            **{"probability of cat": [0.75, 0.25], "probability of dog": [0.25, 0.75]},
        }

    def test_writes_nothing_half(self, run, remote, tmp_path):
        (tmp_path / "bad.csv").write_text("x\n0.5\n0.5,1\n")
        code, _, err = run("predict", "a1", tmp_path / "bad.csv", "-o", tmp_path / "out.csv")
        assert (code, err.count("\n")) == (2, 1)
        assert "row 2 has 2 values" in err
        assert [path.name for path in tmp_path.iterdir()] == ["bad.csv"]

    def test_refuses_another_kind_of_file(self, run, rows, tmp_path):
        assert "must end in .csv or .parquet" in run("predict", "a1", rows, "-o", tmp_path / "out.xls")[2]


def test_a_single_output_is_the_probability_of_the_second_class():
    predictions = Predictions(("no", "yes"), pa.array([0.25, 0.75]).to_numpy().astype("f4").reshape(2, 1))
    assert predictions.labels == ["no", "yes"]
    assert predictions.probabilities.tolist() == [[0.75, 0.25], [0.25, 0.75]]


def test_several_numbers_are_told_by_their_columns():
    predictions = Predictions((), pa.array([1.0, 2.0]).to_numpy().astype("f4").reshape(1, 2))
    assert table_of(predictions, ("a", "b")).to_pydict() == {"prediction of a": [1.0], "prediction of b": [2.0]}
