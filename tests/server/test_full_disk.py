"""The scheduler on a store that cannot be written."""

import asyncio
import logging
import threading

import pytest
from scheduling import ended, lasting, scheduled, until

from chainrule.wire import faults
from chainrule.wire.errors import TooMuch
from chainrule.wire.job import JobState


class Heard(logging.Handler):
    """Waits for words in the service's log."""

    def __init__(self, *words):
        super().__init__()
        self.words = {word: threading.Event() for word in words}

    def emit(self, record):
        for word, event in self.words.items():
            if word in record.getMessage():
                event.set()

    async def wait(self, word):
        assert await asyncio.to_thread(self.words[word].wait, 30), word


@pytest.fixture
def heard():
    handler, logger = Heard("goes on in memory", "stands still"), logging.getLogger("chainrule.server")
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)


def test_training_goes_on_to_its_end_while_the_disk_is_full(board, spec, tmp_path, thread_launcher, monkeypatch, heard):
    """The store's own limit plays the disk, from the first step on; it is lifted when all steps have been taken."""
    monkeypatch.setattr("chainrule.server.backlog.STORE_SECONDS", 0.01)
    connection, update = board.store._connection, board.store.update
    document = spec.document() | {"training": spec.document()["training"] | {"epochs": 100}}
    full = threading.Event()

    def limit(pages):
        connection.exec_driver_sql(f"pragma max_page_count = {pages}")
        connection.commit()

    def fill_and_update(job_id, now, changes, **more):
        if changes.get("version") and not full.is_set():
            full.set()
            limit(1)
        return update(job_id, now, changes, **more)

    async def play(scheduler):
        job_id = (await board.create(document, None)).id
        scheduler.wake()
        await heard.wait("goes on in memory")
        await heard.wait("stands still")
        assert board.live[job_id].job.version == 100 * 8
        await board.read(limit, 1 << 30)
        return await ended(board, job_id)

    monkeypatch.setattr(board.store, "update", fill_and_update)
    job = scheduled(board, thread_launcher(), tmp_path, play)
    assert (job.state, job.version) == (JobState.SUCCEEDED, 100 * 8)
    assert [version for version, _ in board.store.losses(job.id)] == list(range(job.steps))
    assert board.store.row(job.id)["generation"] == 1
    assert any(b"nothing is missing" in event for event in board.store.events_behind(job.id, 0, 1000))


@pytest.mark.parametrize(
    ("point", "passes"),
    [("checkpoint.before_row", 0), *(("store.before_commit", n) for n in (0, 1, 2, 3, 5, 8, 13, 21))],
)
def test_whichever_write_fails_the_history_is_whole(board, spec, tmp_path, thread_launcher, monkeypatch, point, passes):
    monkeypatch.setattr("chainrule.server.backlog.STORE_SECONDS", 0.01)

    async def play(scheduler):
        job_id = (await board.create(spec.document(), None)).id
        monkeypatch.setattr(faults, "_faults", faults.parse(f"{point}:{passes}=EIO"))
        scheduler.wake()
        while True:
            try:
                return await ended(board, job_id)
            except TooMuch:  # it was the watcher's own look
                continue

    job = scheduled(board, thread_launcher(), tmp_path, play)
    assert faults._faults[point].passes < 0
    assert (job.state, job.version) == (JobState.SUCCEEDED, 3 * 8)
    assert [version for version, _ in board.store.losses(job.id)] == list(range(job.steps))
    assert board.store.checkpoints(job.id)[0]["version"] == job.steps


@pytest.mark.parametrize(("verb", "state"), [("cancel", JobState.CANCELLED), ("pause", JobState.PAUSED)])
def test_a_full_disk_leaves_no_job_that_seems_to_run(board, spec, tmp_path, thread_launcher, monkeypatch, verb, state):
    monkeypatch.setattr("chainrule.server.backlog.STORE_SECONDS", 0.01)
    move, failures = board.store.move, iter([1, 2, 3])

    def sometimes(job_id, wanted, now, reason):
        if wanted == verb and next(failures, None):
            raise TooMuch("the disk is full")
        return move(job_id, wanted, now, reason)

    async def play(scheduler):
        job_id = (await board.create(lasting(spec, epochs=1_000_000), None)).id
        scheduler.wake()
        await until(board, job_id, lambda job: job.version > 0)
        board.store.move = sometimes
        return await getattr(scheduler, verb)(job_id)

    assert scheduled(board, thread_launcher(), tmp_path, play).state is state
    assert list(failures) == []


def test_a_store_that_fails_ends_no_scheduler(board, spec, tmp_path, thread_launcher, monkeypatch):
    monkeypatch.setattr("chainrule.server.backlog.STORE_SECONDS", 0.01)
    rows_in, failures = board.store.rows_in, iter([1, 2, 3])

    def sometimes(*states):
        if next(failures, None):
            raise TooMuch("the disk has a bad day")
        return rows_in(*states)

    async def play(scheduler):
        board.store.rows_in = sometimes
        job_id = (await board.create(spec.document(), None)).id
        scheduler.wake()
        return await ended(board, job_id)

    assert scheduled(board, thread_launcher(), tmp_path, play).state is JobState.SUCCEEDED
    assert list(failures) == []
