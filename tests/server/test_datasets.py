"""Uploads, with the files that they leave."""

import asyncio
import hashlib
from datetime import UTC, datetime

import pytest

from chainrule.server.datasets import Datasets
from chainrule.wire import faults
from chainrule.wire.errors import DatasetNotFound, InvalidData, TooMuch
from chainrule.wire.validation import parse_spec

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ROWS = b"x,label\n" + b"1,a\n2,b\n" * 1000
SHA256 = hashlib.sha256(ROWS).hexdigest()


@pytest.fixture
def datasets(tmp_path):
    return Datasets(tmp_path / "datasets", lambda: NOW)


def upload(datasets, name="rows", content=ROWS, file_name="rows.csv", sha256=None, size=None, upto=None, piece=1000):
    """Upload a file, or only its first bytes; return where it began and what it has become."""
    answers = []

    async def data():
        start = answers[0]
        for at in range(start, len(content) if upto is None else upto, piece):
            yield content[at : min(at + piece, len(content) if upto is None else upto)]

    async def scenario():
        announced = sha256 or hashlib.sha256(content).hexdigest()
        async for answer in datasets.receive(name, file_name, size or len(content), announced, data()):
            answers.append(answer)

    asyncio.run(scenario())
    return answers


def files(datasets):
    root = datasets.root.parent
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def test_what_was_uploaded_is_listed_and_is_found(datasets, tmp_path):
    offset, dataset = upload(datasets)
    assert offset == 0
    assert datasets.all() == [datasets.get("rows")] == [dataset]
    assert (dataset.sha256, dataset.size, dataset.suffix, dataset.uploaded) == (SHA256, len(ROWS), ".csv", NOW)
    assert Datasets(tmp_path / "datasets", lambda: NOW).all() == [dataset]
    spec = parse_spec(
        {
            "data": {"train": "dataset://rows", "label": "label", "validation": "dataset://rows"},
            "network": {"layers": [{}]},
        }
    )
    located = datasets.located(spec)
    assert located.data.train == located.data.validation == str(datasets.root / SHA256 / "data.csv")
    assert datasets.located(located) == located


def test_an_upload_that_was_cut_off_goes_on_where_it_was(datasets, tmp_path):
    with pytest.raises(InvalidData, match=r"ended after 5,000 of 8,008 bytes; the next goes on from there"):
        upload(datasets, upto=5000)
    assert datasets.all() == []
    again = Datasets(tmp_path / "datasets", lambda: NOW)
    assert upload(again)[0] == 5000
    assert files(again) == {f"contents/{SHA256}/data.csv", "names/rows.json"}


def test_the_same_bytes_are_kept_once_and_sent_once(datasets):
    upload(datasets)
    assert upload(datasets, "other", file_name="rows.data")[0] == len(ROWS)
    assert [each.name for each in datasets.all()] == ["other", "rows"]
    first, second = (datasets.root / SHA256 / name for name in ("data.csv", "data.data"))
    assert first.stat().st_ino == second.stat().st_ino


def test_a_name_can_get_other_bytes(datasets):
    upload(datasets)
    upload(datasets, content=b"x,label\n3,c\n")
    assert [each.size for each in datasets.all()] == [12]


@pytest.mark.parametrize("content", [ROWS[:-1] + b"!", ROWS + b"more"])
def test_other_bytes_than_announced_are_thrown_away(datasets, content):
    with pytest.raises(InvalidData, match="another SHA-256 than was announced"):
        upload(datasets, content=content, sha256=SHA256, size=len(ROWS))
    assert files(datasets) == set()


def test_no_more_is_taken_than_was_announced(datasets):
    taken = []

    async def endless():
        while len(taken) < 100:
            taken.append(b"x" * 1000)
            yield taken[-1]

    async def scenario():
        async for _ in datasets.receive("rows", "rows.csv", 3000, SHA256, endless()):
            pass

    with pytest.raises(InvalidData, match="another SHA-256"):
        asyncio.run(scenario())
    assert len(taken) == 4


@pytest.mark.parametrize("fault", ["dataset.before_write:3=ENOSPC", "dataset.before_write:3=EIO"])
def test_a_disk_that_fills_up_leaves_nothing(datasets, monkeypatch, fault):
    monkeypatch.setattr(faults, "_faults", faults.parse(fault))
    with pytest.raises(TooMuch, match="the disk is full" if "ENOSPC" in fault else "error"):
        upload(datasets)
    assert files(datasets) == set()
    monkeypatch.setattr(faults, "_faults", {})
    assert upload(datasets)[0] == 0


def test_more_than_the_disk_holds_is_refused_before_it_is_sent(datasets):
    with pytest.raises(TooMuch, match="are free on the service's disk"):
        upload(datasets, size=2**62)
    assert files(datasets) == set()


@pytest.mark.parametrize("name", ["", "../up", ".hidden", "a/b", "a b", "x" * 101, "-x"])
def test_a_name_is_a_word(datasets, name):
    with pytest.raises(InvalidData, match="is no name"):
        upload(datasets, name)


def test_the_end_of_a_file_name_tells_the_format_and_nothing_else(datasets):
    assert upload(datasets, file_name="../../evil.csv.gz")[1].suffix == ".csv.gz"
    assert upload(datasets, file_name="t-images-idx3-ubyte.gz")[1].suffix == "-ubyte.gz"
    assert upload(datasets, file_name="evil.sh")[1].suffix == ""


def test_what_announces_no_hash_is_refused(datasets):
    with pytest.raises(InvalidData, match="is no SHA-256"):
        upload(datasets, sha256="../../../etc/passwd")


def test_a_name_that_nobody_knows_is_refused(datasets):
    spec = parse_spec({"data": {"train": "dataset://none", "label": "y"}, "network": {"layers": [{}]}})
    for use in (lambda: datasets.get("none"), lambda: datasets.located(spec), lambda: datasets.get("../x")):
        with pytest.raises(DatasetNotFound, match="there is no data set"):
            use()


def test_two_uploads_of_the_same_bytes_wait_for_each_other(datasets):
    """The second finds what the first has sent."""
    offsets = []

    async def send(name, started, go_on):
        async def data():
            started.set()
            await go_on.wait()
            yield ROWS

        async for answer in datasets.receive(name, "rows.csv", len(ROWS), SHA256, data()):
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
