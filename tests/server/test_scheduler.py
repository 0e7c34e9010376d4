import asyncio
import logging
from datetime import UTC, datetime

import pytest
from scheduling import ended, scheduled

from chainrule.server.jobs import Move
from chainrule.server.scheduler import ATTEMPTS
from chainrule.wire.errors import JobNotFound, JobNotRunning
from chainrule.wire.job import JobState


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
    document = spec.document() | {"training": spec.document()["training"] | {"epochs": 120}}

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
    assert (done.state, done.version) == (JobState.SUCCEEDED, 120 * 8)
    assert [version for version, _ in board.store.losses(done.id)] == list(range(done.steps))


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


def test_an_order_that_fails_when_its_caller_has_left_is_logged_in_a_sentence(
    board, spec, tmp_path, thread_launcher, caplog
):
    caplog.set_level(logging.INFO)

    async def play(scheduler):
        job_id = (await board.create(spec.document(), None)).id
        scheduler.wake()
        await ended(board, job_id)
        caller = asyncio.create_task(scheduler.pause(job_id))
        await asyncio.sleep(0)
        caller.cancel()
        await asyncio.wait({caller, *scheduler._orders})

    scheduled(board, thread_launcher(), tmp_path, play)
    (record,) = caplog.records
    assert record.getMessage().endswith("is not done: the job is SUCCEEDED: it is too late to pause it")
    assert record.exc_info is None
