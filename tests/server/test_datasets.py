"""Data sets that are there: listed, found, looked at, read, deleted."""

import asyncio

import pytest
from uploading import ROWS, SHA256, Uploading

from chainrule.data.description import Description, describe
from chainrule.server.jobs import Move
from chainrule.wire.errors import DatasetNotFound, InvalidData, JobNotFinished
from chainrule.wire.validation import parse_spec


def job(train, validation=None):
    return parse_spec(
        {"data": {"train": train, "label": "label", "validation": validation}, "network": {"layers": [{}]}}
    )


def test_what_was_uploaded_is_listed_and_is_found(there, board):
    offset, dataset = there.upload()
    assert offset == 0
    assert there.datasets.all() == [there.datasets.get("rows")] == [dataset]
    assert (dataset.sha256, dataset.size, dataset.suffix) == (SHA256, len(ROWS), ".csv")
    assert Uploading(there.folder, board).datasets.all() == [dataset]
    assert b"".join(there.datasets.read(dataset)) == ROWS
    located = there.datasets.located(job("dataset://rows", "dataset://rows"))
    assert located.data.train == located.data.validation == str(there.datasets.root / SHA256 / "data.csv")
    assert there.datasets.located(located) == located


def test_a_name_that_nobody_knows_is_refused(there):
    for use in (
        lambda: there.datasets.get("none"),
        lambda: there.datasets.located(job("dataset://none")),
        lambda: there.datasets.get("../x"),
        lambda: asyncio.run(there.datasets.describe("none")),
        lambda: asyncio.run(there.datasets.delete("none")),
    ):
        with pytest.raises(DatasetNotFound, match="there is no data set"):
            use()


def test_a_data_set_is_described_as_the_file_that_it_was(there, tmp_path):
    (tmp_path / "rows.csv").write_bytes(ROWS)
    there.upload()
    described = Description.from_document(asyncio.run(there.datasets.describe("rows")))
    expected = describe(str(tmp_path / "rows.csv"))
    assert described.source == "dataset://rows"
    assert (described.rows, described.columns, described.dialect) == (2000, expected.columns, expected.dialect)


def test_a_data_set_is_read_as_the_request_says(there):
    there.upload(content="x;y\n1,5;ä\n2,5;b\n".encode("latin-1"))
    reading = {"encoding": "latin-1", "decimal": ",", "header": True, "missing_values": ["b"]}
    described = Description.from_document(asyncio.run(there.datasets.describe("rows", reading)))
    assert (described.columns["x"].survey.low, described.columns["y"].survey.missing) == (1.5, 1)
    with pytest.raises(InvalidData, match=r"data.decimal must be one of"):
        asyncio.run(there.datasets.describe("rows", {"decimal": ";"}))


def test_what_is_wrong_with_a_data_set_is_told_by_its_name(there):
    there.upload(content=b"x,label\n1,a\n2\n")
    with pytest.raises(InvalidData) as caught:
        asyncio.run(there.datasets.describe("rows"))
    assert str(caught.value) == "dataset://rows: row 2 has 1 values, the header line 2"


def test_what_is_deleted_leaves_nothing(there):
    there.upload()
    asyncio.run(there.datasets.delete("rows"))
    assert (there.datasets.all(), there.files()) == ([], set())
    assert there.upload()[0] == 0


def test_bytes_of_two_names_stay_until_both_are_deleted(there):
    there.upload()
    there.upload("other")
    asyncio.run(there.datasets.delete("rows"))
    assert b"".join(there.datasets.read(there.datasets.get("other"))) == ROWS
    asyncio.run(there.datasets.delete("other"))
    assert there.files() == set()


@pytest.mark.parametrize("use", [("dataset://rows",), ("a.csv", "dataset://rows")])
@pytest.mark.parametrize("moves", [(), (Move.PAUSE,)])
def test_what_a_job_needs_is_deleted_when_it_has_ended(there, board, use, moves):
    async def scenario():
        job_id = (await board.create(job(*use).document(), None)).id
        for move in moves:
            await board.move(job_id, move)
        with pytest.raises(JobNotFinished, match=rf"dataset://rows is used by job {job_id}, which is (QUEUED|PAUSED)"):
            await there.datasets.delete("rows")
        assert [each.name for each in there.datasets.all()] == ["rows"]
        await board.move(job_id, Move.CANCEL)
        await there.datasets.delete("rows")

    there.upload()
    asyncio.run(scenario())
    assert there.datasets.all() == []
