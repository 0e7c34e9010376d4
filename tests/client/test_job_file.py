import json

import pytest

from chainrule.client.job_file import read_job
from chainrule.wire.errors import InvalidJob

TOML = '[data]\ntrain = "{}"\n[training]\nepochs = 3\n'


@pytest.fixture
def write(tmp_path):
    def write(name, text):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_toml_and_json_say_the_same(write):
    document = {"data": {"train": "s3://rows.csv"}, "training": {"epochs": 3}}
    assert read_job(write("job.toml", TOML.format("s3://rows.csv"))) == document
    assert read_job(write("job.JSON", json.dumps(document))) == document
    assert read_job(write("bom.json", "\ufeff" + json.dumps(document))) == document


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("job.toml", 'name = "a"\nepochs = = 3\n', r"job.toml is not TOML: .*\(at line 2, column 10\)"),
        ("job.json", '{"name": "a",\n "epochs" 3}', r"job.json is not JSON: .*\(at line 2, column 11\)"),
        ("job.json", "[" * 100_000, r"job.json is not JSON that can be read"),
        ("job.json", "9" * 5000, r"job.json is not JSON that can be read"),
        ("job.json", "[1]", r"job.json must hold a table of fields"),
        ("job.toml", b"name = '\xff'", r"job.toml is not text in UTF-8"),
        ("job.yaml", "name: a", r"job.yaml is no job file: its name must end in .toml or .json"),
    ],
)
def test_a_malformed_file_is_refused_with_the_place(write, name, text, problem):
    with pytest.raises(InvalidJob, match=problem) as caught:
        read_job(write(name, text))
    assert len(caught.value.violations) == 1
    assert "\n" not in str(caught.value)


def test_an_unreadable_file_is_refused(tmp_path):
    with pytest.raises(InvalidJob, match=r"absent.toml: No such file or directory"):
        read_job(tmp_path / "absent.toml")
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(InvalidJob, match=r"folder.toml: Is a directory"):
        read_job(tmp_path / "folder.toml")


class TestData:
    def test_beside_the_file_becomes_absolute(self, write, tmp_path, monkeypatch):
        write("rows.csv", "x")
        path = write("job.toml", TOML.format("rows.csv"))
        monkeypatch.chdir(tmp_path)
        for file in (path, path.relative_to(tmp_path)):
            assert read_job(file)["data"]["train"] == str(tmp_path / "rows.csv")

    @pytest.mark.parametrize("train", ["elsewhere.csv", "s3://bucket/rows.csv", "file:///rows.csv", "/rows.csv", ""])
    def test_anywhere_else_stays_as_it_is(self, write, train):
        assert read_job(write("job.toml", TOML.format(train)))["data"]["train"] == train

    @pytest.mark.parametrize("document", [{}, {"data": 3}, {"data": {}}, {"data": {"train": 3}}])
    def test_of_a_wrong_kind_is_left_to_validation(self, write, document):
        assert read_job(write("job.json", json.dumps(document))) == document


def test_what_lies_beside_the_file_is_found(write, tmp_path):
    """Training data and validation data, files and patterns alike; all else is for the service to look for."""
    write("part-1.csv", "x\n1\n")
    document = {"train": "part-*.csv", "validation": "part-1.csv", "label": "x"}
    found = read_job(write("job.json", json.dumps({"data": document})))["data"]
    assert found == document | {name: str(tmp_path / document[name]) for name in ("train", "validation")}
    other = {"train": "none-*.csv", "validation": None, "label": "x"}
    assert read_job(write("job.json", json.dumps({"data": other})))["data"] == other
