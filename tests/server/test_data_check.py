"""What a look at the beginning of data tells: never more than what the job would fail with."""

import asyncio
import re
from dataclasses import replace

import pytest

from chainrule.data.dataset import load_dataset
from chainrule.server import data_check
from chainrule.server.checks import DataReader
from chainrule.server.data_check import check
from chainrule.wire.errors import ChainruleError, DatasetNotFound, InvalidData
from chainrule.wire.validation import parse_spec


@pytest.fixture(params=["whole", "beginning"])
def amount(request, monkeypatch):
    """Read all data, or the first block only."""
    if request.param == "beginning":
        monkeypatch.setattr(data_check, "LITTLE_BYTES", -1)
    return request.param


def job(train, *, loss="mse", last=None, **data):
    layers = [{"units": 4}, {"units": last} if last else {}]
    return parse_spec(
        {
            "data": {"train": str(train), "label": "y"} | data,
            "network": {"loss": loss, "layers": layers},
            "training": {"batch_size": 4},
        }
    )


@pytest.fixture
def rows(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("a,b,w,y\n" + "".join(f"{i},{i % 3 - 1},1,{i / 2}\n" for i in range(40)))
    return path


FAULTS = {
    "a label that is not there": ({"label": "z"}, "no column 'z', the label; it has a, b, w, y"),
    "an input that is not there": ({"columns": ["a", "c"]}, "no column 'c'"),
    "an ignored column that is not there": ({"ignore": ["c"]}, "no column 'c'"),
    "a kind of a column that is not there": ({"kinds": {"c": "number"}}, "no column 'c'"),
    "a weight that is not there": ({"weight": "c"}, "no column 'c'"),
    "too many units at the end": ({"last": 3}, r"network.layers\[1\].units is 3, but the label 'y' needs 1"),
    "labels that the loss has no value for": ({"loss": "poisson", "label": "b"}, "row 1 has the label -1"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_told_as_the_jobs_reader_tells_it(rows, amount, fault):
    options, words = FAULTS[fault]
    with pytest.raises(ChainruleError, match=words) as expected:
        load_dataset(job(rows, **options))
    with pytest.raises(type(expected.value), match=re.escape(str(expected.value))):
        check(job(rows, **options))


def test_what_fits_is_let_pass(rows, amount):
    check(job(rows))
    check(job(rows, weight="w", columns=["a"], ignore=["b"], kinds={"b": "category"}))
    check(job(rows, loss="cross_entropy", label="b", last=3))


def test_a_validation_file_must_have_the_columns_too(rows, amount, tmp_path):
    held = tmp_path / "held.csv"
    held.write_text("a,b,w\n1,2,1\n")
    with pytest.raises(InvalidData, match=r"held\.csv"):
        check(job(rows, validation=str(held)))


def test_data_sorted_by_its_classes_is_no_fault(tmp_path, monkeypatch):
    monkeypatch.setattr(data_check, "LITTLE_BYTES", -1)
    path = tmp_path / "sorted.csv"
    path.write_text("a,y\n" + "1,no\n" * 3_000_000 + "2,yes\n" * 30)
    for loss in ("cross_entropy", "binary_cross_entropy"):
        check(job(path, loss=loss))


def test_a_column_that_only_later_rows_or_files_have_is_no_fault(tmp_path, monkeypatch):
    monkeypatch.setattr(data_check, "LITTLE_BYTES", -1)
    (tmp_path / "rows.jsonl").write_text('{"a": 1, "y": 2}\n' * 9)
    (tmp_path / "parts").mkdir()
    for name in ("1.csv", "2.csv"):
        (tmp_path / "parts" / name).write_text("a,y\n1,2\n")
    for train in ("rows.jsonl", "parts"):
        check(job(tmp_path / train, ignore=["c"]))
        with pytest.raises(InvalidData, match="no column 'z', the label"):
            check(job(tmp_path / train, label="z"))


def test_an_empty_file_has_no_rows(tmp_path, amount):
    (tmp_path / "rows.csv").write_text("a,y\n")
    with pytest.raises(InvalidData, match="has no rows"):
        check(job(tmp_path / "rows.csv"))


def test_the_service_reads_in_a_process_of_its_own_and_tells_the_users_name(rows, tmp_path):
    def locate(spec):
        if spec.data.train == "dataset://gone":
            raise DatasetNotFound("there is no data set 'gone'")
        return replace(spec, data=replace(spec.data, train=str(rows)))

    async def scenario():
        reader = DataReader(tmp_path / "log", [str(tmp_path)], locate)
        await reader.read(job("dataset://rows"))
        seen = await reader.look(job("dataset://rows"))
        with pytest.raises(InvalidData, match=r"^dataset://rows has no column 'z'"):
            await reader.read(job("dataset://rows", label="z"))
        with pytest.raises(DatasetNotFound):
            await reader.look(job("dataset://gone"))
        return seen

    [(path, size, _)] = asyncio.run(scenario())
    assert (path, size) == (str(rows), rows.stat().st_size)
    assert (tmp_path / "log").read_text() == ""
