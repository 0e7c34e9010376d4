import asyncio
import logging
import threading
from datetime import UTC, datetime

import pytest

from chainrule.server.jobs import Move
from chainrule.server.scheduler import ATTEMPTS, Scheduler
from chainrule.wire import faults
from chainrule.wire.errors import JobNotFound, JobNotRunning, TooMuch
from chainrule.wire.job import JobState


def scheduled(board, launcher, folder, play):
    """Run a scheduler while `play` drives it."""

    async def scenario():
        scheduler = Scheduler(board, launcher, folder)
        serving = asyncio.create_task(scheduler.serve())
        scheduler.wake()
        try:
            return await play(scheduler)
        finally:
            await scheduler.stop()
            serving.cancel()

    return asyncio.run(scenario())


async def ended(board, job_id):
    async for _ in board.watch(job_id, 0):
        pass
    return await board.read(board.store.job, job_id)


def test_jobs_run_in_the_order_of_their_arrival(board, spec, tmp_path, thread_launcher):
    async def play(scheduler):
        ids = [(await board.create(spec.document(), None)).id for _ in range(3)]
        scheduler.wake()
        return [await ended(board, job_id) for job_id in ids]

    async def launched():
        return thread_launcher(cpus=2)

    jobs = scheduled(board, asyncio.run(launched()), tmp_path, play)
    assert [job.state for job in jobs] == [JobState.SUCCEEDED] * 3
    assert jobs[0].finished <= jobs[1].started
    assert jobs[1].finished <= jobs[2].started
    assert len({job.weights_sha256 for job in jobs}) == 1


def test_a_job_that_gets_no_further_fails_after_some_attempts(board, spec, tmp_path, no_ray):
    async def play(scheduler):
        job_id = (await board.create(spec.document(), None)).id
        scheduler.wake()
        return await ended(board, job_id)

    job = scheduled(board, no_ray(), tmp_path, play)
    assert job.state is JobState.FAILED
    assert f"{ATTEMPTS} attempts in a row have got no further than step 0: Ray has ended" in job.reason
    assert board.store.row(job.id)["generation"] == ATTEMPTS


def test_cancelling_ends_what_runs_and_what_waits(board, spec, tmp_path, thread_launcher):
    long = spec.document() | {"training": spec.document()["training"] | {"epochs": 1_000_000}}

    async def play(scheduler):
        first, second = [(await board.create(long, None)).id for _ in range(2)]
        scheduler.wake()
        async for _ in board.watch(first, 0):
            if (await board.read(board.store.job, first)).state is JobState.RUNNING:
                break
        for job_id in (second, first):
            await scheduler.cancel(job_id)
        with pytest.raises(JobNotRunning):
            await scheduler.cancel(first)
        with pytest.raises(JobNotFound):
            await scheduler.cancel("nobody")
        return [await ended(board, job_id) for job_id in (first, second)]

    jobs = scheduled(board, thread_launcher(cpus=2), tmp_path, play)
    assert [job.state for job in jobs] == [JobState.CANCELLED] * 2
    assert (jobs[0].workers, jobs[1].started) == (0, None)


def test_stopping_brings_jobs_to_a_checkpoint_and_another_scheduler_goes_on(board, spec, tmp_path, thread_launcher):
    document = spec.document() | {"training": spec.document()["training"] | {"epochs": 400}}

    async def stop_in_the_middle(scheduler):
        job_id = (await board.create(document, None)).id
        scheduler.wake()
        async for _ in board.watch(job_id, 0):
            if (await board.read(board.store.job, job_id)).version > 0:
                break
        await scheduler.stop()
        return await board.read(board.store.job, job_id)

    stopped = scheduled(board, thread_launcher(), tmp_path, stop_in_the_middle)
    assert stopped.state is JobState.QUEUED
    assert board.store.checkpoints(stopped.id)[0]["version"] > 0

    async def go_on(scheduler):
        await scheduler.recover()
        return await ended(board, stopped.id)

    done = scheduled(board, thread_launcher(), tmp_path, go_on)
    assert (done.state, done.version) == (JobState.SUCCEEDED, 400 * 8)
    assert [version for version, _ in board.store.losses(done.id)] == list(range(done.steps))


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


@pytest.mark.parametrize("passes", [0, 1, 2, 3, 5, 8, 13, 21])
def test_whichever_commit_fails_the_history_is_whole(board, spec, tmp_path, thread_launcher, monkeypatch, passes):
    monkeypatch.setattr("chainrule.server.backlog.STORE_SECONDS", 0.01)

    async def play(scheduler):
        job_id = (await board.create(spec.document(), None)).id
        monkeypatch.setattr(faults, "_faults", faults.parse(f"store.before_commit:{passes}=EIO"))
        scheduler.wake()
        while True:
            try:
                return await ended(board, job_id)
            except TooMuch:  # it was the watcher's own look
                continue

    job = scheduled(board, thread_launcher(), tmp_path, play)
    assert faults._faults["store.before_commit"].passes < 0
    assert (job.state, job.version) == (JobState.SUCCEEDED, 3 * 8)
    assert [version for version, _ in board.store.losses(job.id)] == list(range(job.steps))
    assert board.store.checkpoints(job.id)[0]["version"] == job.steps


def test_a_cancel_whose_caller_leaves_is_carried_out(board, spec, tmp_path, thread_launcher):
    long = spec.document() | {"training": spec.document()["training"] | {"epochs": 1_000_000}}

    async def play(scheduler):
        job_id = (await board.create(long, None)).id
        scheduler.wake()
        async for _ in board.watch(job_id, 0):
            if (await board.read(board.store.job, job_id)).state is JobState.RUNNING:
                break
        caller = asyncio.create_task(scheduler.cancel(job_id))
        await asyncio.sleep(0)
        caller.cancel()
        return await ended(board, job_id)

    assert scheduled(board, thread_launcher(), tmp_path, play).state is JobState.CANCELLED
    assert not board.live


def test_a_run_that_is_cancelled_before_its_first_line_gives_its_cpus_back(board, spec, tmp_path, thread_launcher):
    async def play(scheduler):
        first, second = [(await board.create(spec.document(), None)).id for _ in range(2)]
        await scheduler._schedule()  # makes the task of the first, which has not had its turn yet
        await scheduler.cancel(first)
        return await ended(board, first), await ended(board, second)

    first, second = scheduled(board, thread_launcher(cpus=2), tmp_path, play)
    assert (first.state, second.state) == (JobState.CANCELLED, JobState.SUCCEEDED)


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


def test_a_job_that_is_deleted_while_the_scheduler_looks_ends_no_scheduler(board, spec, tmp_path, thread_launcher):
    rows_in, gone = board.store.rows_in, []

    def look_and_delete(*states):
        rows = rows_in(*states)
        if not gone:
            gone.append(rows[-1]["id"])
            board.store.move(gone[0], Move.CANCEL, datetime.now(UTC))
            board.store.delete(gone[0])
        return rows

    async def play(scheduler):
        first, _ = [(await board.create(spec.document(), None)).id for _ in range(2)]
        board.store.rows_in = look_and_delete
        scheduler.wake()
        return await ended(board, first)

    assert scheduled(board, thread_launcher(cpus=2), tmp_path, play).state is JobState.SUCCEEDED
    assert gone
