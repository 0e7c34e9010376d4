from contextlib import nullcontext
from pathlib import Path

import pytest

from chainrule.client.sources import described, fetched
from chainrule.wire.errors import DatasetNotFound, InvalidData
from chainrule.wire.validation import parse_spec


def job(train, validation=None):
    return parse_spec({"data": {"train": train, "label": "y", "validation": validation}, "network": {"layers": [{}]}})


def nobody():
    raise AssertionError("nobody is to be asked")


def test_a_file_is_described_here(tmp_path):
    (tmp_path / "a.csv").write_text("x,y\n1,a\n")
    assert described(str(tmp_path / "a.csv"), nobody).rows == 1


def test_a_job_on_files_is_itself():
    with fetched(job("a.csv"), nobody) as found:
        assert found == job("a.csv")


def test_data_sets_are_files_meanwhile(client, remote):
    with fetched(job("dataset://rows", "dataset://others"), lambda: nullcontext(client)) as found:
        paths = [Path(found.data.train), Path(found.data.validation)]
        assert [path.read_bytes() for path in paths] == [remote.stored] * 2
        assert [path.suffix for path in paths] == [".csv", ".csv"]
    assert not any(path.exists() for path in paths)
    assert [request.name for request in remote.requests] == ["rows", "others"]


def test_what_is_wrong_with_a_data_set_is_told_by_its_name(client):
    with pytest.raises(InvalidData) as caught, fetched(job("dataset://rows"), lambda: nullcontext(client)) as found:
        raise InvalidData(f"{found.data.train}: row 3 is wrong")
    assert str(caught.value) == "dataset://rows: row 3 is wrong"


def test_a_data_set_that_is_not_there_is_told(client, remote):
    remote.errors = [DatasetNotFound("there is no data set 'rows'")]
    with pytest.raises(DatasetNotFound), fetched(job("dataset://rows"), lambda: nullcontext(client)):
        pass
