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
        header, x, y, reading, summary = out.splitlines()
        assert code == 0
        assert header.split()[:3] == ["COLUMN", "KIND", "MISSING"]
        assert x.split() == ["x", "number", "0.25", "0.75", "2"]
        assert y.split()[:3] == ["y", "category", "2"]
        assert reading.startswith("Read with delimiter ',': 3 of 3 lines have 2 values; first line is the header: ")
        assert summary == f"{rows}: 2 rows, 2 columns, csv"

    def test_prints_json(self, run, rows):
        document = json.loads(run("describe", rows, "--json")[1])
        assert [column["kind"] for column in document["columns"]] == ["number", "category"]

    def test_reads_as_it_is_told(self, run, tmp_path):
        path = tmp_path / "a.txt"
        path.write_bytes("1.234,5|ä|-|03.02.2024\n2,5|b|7|04.02.2024\n".encode("windows-1252"))
        options = [
            "--encoding",
            "windows-1252",
            "--delimiter",
            "|",
            "--no-header",
            "--decimal",
            ",",
            "--thousands",
            ".",
        ]
        options += ["--missing-value", "-", "--missing-value", "none", "--date-format", "%d.%m.%Y", "--format", "csv"]
        columns = json.loads(run("describe", path, *options, "--json")[1])["columns"]
        assert [column["kind"] for column in columns] == ["number", "category", "number", "date"]
        assert (columns[0]["low"], columns[0]["high"], columns[2]["missing"]) == (2.5, 1234.5, 1)

    def test_names_the_options_that_may_help(self, run, tmp_path):
        path = tmp_path / "a.csv"
        path.write_bytes("x,y\n1,ä\n".encode("windows-1252"))
        assert run("describe", path)[2].endswith("is not UTF-8 text; --encoding windows-1252 may read it\n")
        path.write_text("x;y\n1,5;a\n2,5;b\n")
        assert "--decimal ',' reads more values of x\n" in run("describe", path)[1]
        assert run("describe", path, "--delimiter", "ab")[::2] == (
            2,
            "Error: --delimiter must be one character, as , or ; or a tab\n",
        )

    def test_names_what_no_job_can_use(self, run, tmp_path):
        path = tmp_path / "a.csv"
        path.write_text("x,y\n1,2\n2,inf\n")
        sentence = f"Column y: {path}: row 2, column 'y' is inf, which is not a finite float32 number\n"
        assert sentence in run("describe", path)[1]

    def test_refuses_what_is_not_there(self, run, tmp_path):
        code, _, err = run("describe", tmp_path / "none.csv")
        assert (code, err.count("\n")) == (2, 1)

    def test_asks_the_service_for_what_lies_there(self, run, remote):
        document = json.loads(run("describe", "dataset://rows", "--json")[1])
        assert (document["source"], document["rows"], remote.requests[-1].name) == ("dataset://rows", 9, "rows")
        assert run("describe", "dataset://rows")[1].endswith("dataset://rows: 9 rows, 2 columns, csv\n")

    def test_tells_the_service_how_to_read(self, run, remote):
        run("describe", "dataset://rows", "--no-header", "--decimal", ",", "--missing-value", "-")
        request = remote.requests[-1]
        assert (request.HasField("header"), request.header, request.decimal) == (True, False, ",")
        assert (list(request.missing_values), request.HasField("encoding")) == (["-"], False)


class TestInit:
    def test_prints_a_job_file(self, run, rows, monkeypatch):
        monkeypatch.setenv("CHAINRULE_SERVER", "127.0.0.1:1")
        rows.write_text("x,y\n" + "".join(f"{i / 7},{'ab'[i % 2]}\n" for i in range(30)))
        code, out, _ = run("init", rows, "--label", "x", "--workers", 3)
        document = tomllib.loads(out)
        assert code == 0
        assert (document["data"]["train"], document["data"]["label"]) == (str(rows), "x")
        assert document["cluster"]["max_workers"] == 3
        assert "# delimiter ',': 31 of 31 lines have 2 values\n" in out

    def test_takes_several_labels(self, run, rows):
        rows.write_text("x,y,z\n" + "".join(f"{i % 7},{i / 7},{i / 3}\n" for i in range(30)))
        document = tomllib.loads(run("init", rows, "--label", "y", "--label", "z")[1])
        assert document["data"]["labels"] == ["y", "z"]

    def test_writes_the_format_that_is_given_or_found(self, run, rows):
        rows.write_bytes(("x;y\n" + "".join(f"{i},5;{'äb'[i % 2]}\n" for i in range(30))).encode("latin-1"))
        code, _, err = run("init", rows, "--label", "y")
        assert (code, "--encoding windows-1252 may read it" in err) == (2, True)
        data = tomllib.loads(run("init", rows, "--label", "y", "--encoding", "latin-1")[1])["data"]
        assert (data["encoding"], data["decimal"], data["delimiter"]) == ("latin-1", ",", ";")

    def test_prints_the_same_job_as_json(self, run, rows):
        text, document = run("init", rows, "--label", "x")[1], run("init", rows, "--label", "x", "--json")[1]
        assert json.loads(document) == tomllib.loads(text)

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
        (tmp_path / "bad.csv").write_text("x,z\n0.5,1\n0.5\n")
        code, _, err = run("predict", "a1", tmp_path / "bad.csv", "-o", tmp_path / "out.csv")
        assert (code, err.count("\n")) == (2, 1)
        assert "row 2 has 1 values" in err
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
