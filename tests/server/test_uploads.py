"""Uploads, with the files that they leave."""

import asyncio
import os
from datetime import timedelta

import pytest
from uploading import ROWS, SHA256, Uploading

from chainrule.server.uploads import KEPT
from chainrule.wire import faults
from chainrule.wire.errors import InvalidData, JobNotFinished, TooMuch


def test_an_upload_that_was_cut_off_goes_on_where_it_was(there, board):
    with pytest.raises(InvalidData, match=r"ended after 5,000 of 8,008 bytes; the next goes on from there"):
        there.upload(upto=5000)
    assert there.datasets.all() == []
    again = Uploading(there.folder, board)
    assert again.upload()[0] == 5000
    assert again.files() == {f"contents/{SHA256}/data.csv", "names/rows.json"}


@pytest.mark.parametrize(("late", "left"), [(timedelta(minutes=-1), 5000), (timedelta(minutes=1), 0)])
def test_what_nobody_goes_on_with_is_kept_for_some_days(there, board, late, left):
    with pytest.raises(InvalidData, match="ended after"):
        there.upload(upto=5000)
    begun = (board.now() - KEPT - late).timestamp()
    os.utime(there.folder / "parts" / SHA256, (begun, begun))
    assert Uploading(there.folder, board).upload()[0] == left


def test_the_same_bytes_are_kept_once_and_sent_once(there):
    there.upload()
    assert there.upload("other", file_name="rows.data")[0] == len(ROWS)
    assert [each.name for each in there.datasets.all()] == ["other", "rows"]
    first, second = (there.datasets.root / SHA256 / name for name in ("data.csv", "data.data"))
    assert first.stat().st_ino == second.stat().st_ino


def test_a_name_can_get_other_bytes_and_the_old_ones_are_gone(there):
    there.upload()
    there.upload(content=b"x,label\n3,c\n")
    assert [each.size for each in there.datasets.all()] == [12]
    assert len(there.files()) == 2


def test_a_name_that_a_job_needs_gets_no_other_bytes(there, board, spec):
    there.upload()
    document = spec.document()
    asyncio.run(board.create(document | {"data": document["data"] | {"train": "dataset://rows"}}, None))
    assert there.upload()[0] == len(ROWS)
    with pytest.raises(JobNotFinished, match="dataset://rows is used by job"):
        there.upload(content=b"x,label\n3,c\n")
    assert [each.sha256 for each in there.datasets.all()] == [SHA256]


@pytest.mark.parametrize("content", [ROWS[:-1] + b"!", ROWS + b"more"])
def test_other_bytes_than_announced_are_thrown_away(there, content):
    with pytest.raises(InvalidData, match="another SHA-256 than was announced"):
        there.upload(content=content, sha256=SHA256, size=len(ROWS))
    assert there.files() == set()


def test_no_more_is_taken_than_was_announced(there):
    taken = []

    async def endless():
        while len(taken) < 100:
            taken.append(b"x" * 1000)
            yield taken[-1]

    async def scenario():
        async for _ in there.receive("rows", endless(), ROWS[:3000]):
            pass

    with pytest.raises(InvalidData, match="another SHA-256"):
        asyncio.run(scenario())
    assert len(taken) == 4


@pytest.mark.parametrize("fault", ["dataset.before_write:3=ENOSPC", "dataset.before_write:3=EIO"])
def test_a_disk_that_fills_up_leaves_nothing(there, monkeypatch, fault):
    monkeypatch.setattr(faults, "_faults", faults.parse(fault))
    with pytest.raises(TooMuch, match="the disk is full" if "ENOSPC" in fault else "error"):
        there.upload()
    assert there.files() == set()
    monkeypatch.setattr(faults, "_faults", {})
    assert there.upload()[0] == 0


def test_more_than_the_disk_holds_is_refused_before_it_is_sent(there):
    with pytest.raises(TooMuch, match="are free on the service's disk"):
        there.upload(size=2**62)
    assert there.files() == set()


@pytest.mark.parametrize("name", ["", "../up", ".hidden", "a/b", "a b", "x" * 101, "-x"])
def test_a_name_is_a_word(there, name):
    with pytest.raises(InvalidData, match="is no name"):
        there.upload(name)


def test_the_end_of_a_file_name_tells_the_format_and_nothing_else(there):
    assert there.upload(file_name="../../evil.csv.gz")[1].suffix == ".csv.gz"
    assert there.upload(file_name="t-images-idx3-ubyte.gz")[1].suffix == "-ubyte.gz"
    assert there.upload(file_name="evil.sh")[1].suffix == ""
    assert there.upload(file_name="ROWS.PARQUET")[1].suffix == ".parquet"


def test_what_announces_no_hash_is_refused(there):
    with pytest.raises(InvalidData, match="is no SHA-256"):
        there.upload(sha256="../../../etc/passwd")


def test_two_uploads_of_the_same_bytes_wait_for_each_other(there):
    """The second finds what the first has sent."""
    offsets = []

    async def send(name, started, go_on):
        async def data():
            started.set()
            await go_on.wait()
            yield ROWS

        async for answer in there.receive(name, data()):
            offsets.append(answer if isinstance(answer, int) else answer.name)

    async def scenario():
        started, go_on = asyncio.Event(), asyncio.Event()
        first = asyncio.create_task(send("first", started, go_on))
        await started.wait()
        second = asyncio.create_task(send("second", asyncio.Event(), go_on))
        go_on.set()
        await asyncio.gather(first, second)

    asyncio.run(scenario())
    assert offsets == [0, "first", len(ROWS), "second"]
    assert len(there.uploads._turns) == 0


def test_bytes_that_are_deleted_under_an_upload_that_found_them_are_to_come_again(there):
    there.upload()

    async def scenario():
        async def data():
            return
            yield

        async for answer in there.receive("other", data()):
            assert answer == len(ROWS)
            await there.datasets.delete("rows")

    with pytest.raises(InvalidData, match="ended after 0 of 8,008 bytes"):
        asyncio.run(scenario())
    assert there.datasets.all() == []
