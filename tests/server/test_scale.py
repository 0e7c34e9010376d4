"""Scaling in the scheduler."""

import pytest
from scheduling import ended, is_that_of_one_processor, lasting, scheduled, told, until

from chainrule.wire.errors import InvalidJob
from chainrule.wire.job import JobState


def test_a_running_job_is_scaled_and_ends_in_the_same_bits(board, spec, tmp_path, thread_launcher):
    launcher = thread_launcher(cpus=4)

    async def play(scheduler):
        job_id = (await board.create(lasting(spec, epochs=500), None)).id
        scheduler.wake()
        await until(board, job_id, lambda job: job.workers == 2)
        assert (await scheduler.scale(job_id, 4)).max_workers == 4
        await until(board, job_id, lambda job: job.workers == 4)
        await scheduler.scale(job_id, 1)
        await until(board, job_id, lambda job: job.workers == 1 and job.max_workers == 1)
        other = (await board.create(lasting(spec, epochs=1, max_workers=3, min_workers=3), None)).id
        scheduler.wake()
        assert (await ended(board, other)).state is JobState.SUCCEEDED
        await scheduler.scale(job_id, 3)
        await scheduler.scale(job_id, 3)
        await until(board, job_id, lambda job: job.workers == 3)
        return await ended(board, job_id)

    job = scheduled(board, launcher, tmp_path, play)
    assert (job.state, job.max_workers) == (JobState.SUCCEEDED, 3)
    assert is_that_of_one_processor(board, job)
    assert told(board, job.id) == [f"scaled to {n} worker{'s' * (n > 1)} by the user" for n in (4, 1, 3)]
    assert launcher.started.count("w6") == 1
    assert "w7" not in launcher.started


def test_those_who_leave_give_their_cpus_back_when_they_have_left(board, spec, tmp_path, hand_launcher):
    """Nobody works here, so that no version ends and the surplus stays until the test says that it has gone."""

    async def play(scheduler):
        launcher = scheduler._launcher
        first, second = [(await board.create(lasting(spec, max_workers=4), None)).id for _ in range(2)]
        scheduler.wake()
        assert [await launcher.starts.get() for _ in range(4)] == ["w1", "w2", "w3", "w4"]
        await scheduler.scale(first, 1)
        await scheduler.scale(first, 3)  # there is no CPU for it yet
        scheduler.wake()
        assert scheduler._running[first].run.held == 4
        launcher.end(first, "w4")
        launcher.end(first, "w3")
        scheduler.wake()
        assert [await launcher.starts.get() for _ in range(2)] == ["w1", "w2"]  # those of the second, which came first
        assert (await board.read(board.store.job, second)).state is JobState.STARTING
        launcher.end(first, "w2")
        scheduler.wake()
        return await launcher.starts.get()

    assert scheduled(board, hand_launcher(), tmp_path, play) in ("w3", "w5")


def test_a_job_that_does_not_run_is_scaled_from_its_start_on(board, spec, tmp_path, thread_launcher):
    launcher = thread_launcher(cpus=2)

    async def scale(scheduler):
        job_id = (await board.create(lasting(spec, epochs=3, min_workers=3, max_workers=4), None)).id
        scheduler.wake()
        reason = "waits for 3 CPUs (cluster.min_workers); the cluster has 2"
        await until(board, job_id, lambda job: job.reason == reason)
        await scheduler.pause(job_id)
        return await scheduler.scale(job_id, 2)

    async def resume(scheduler):
        await scheduler.recover()
        await scheduler.resume(scaled.id)
        return await ended(board, scaled.id)

    scaled = scheduled(board, launcher, tmp_path, scale)
    assert (scaled.state, scaled.max_workers) == (JobState.PAUSED, 2)
    assert scheduled(board, launcher, tmp_path, resume).state is JobState.SUCCEEDED
    assert launcher.started == ["w1", "w2"]
    assert board.store.row(scaled.id)["spec"] == lasting(spec, epochs=3, min_workers=3, max_workers=4)


@pytest.mark.parametrize(
    ("workers", "problem"),
    [
        (0, "workers must be >= 1: `chainrule pause` lets a job rest"),
        (-1, "workers must be >= 1: `chainrule pause` lets a job rest"),
        (5, "workers must be <= 4, the job's shards: a worker needs a shard"),
        (2**40, "workers must be <= 4, the job's shards: a worker needs a shard"),
    ],
)
def test_a_job_has_a_worker_and_no_more_than_shards(board, spec, tmp_path, no_ray, workers, problem):
    async def play(scheduler):
        job = await scheduler.pause((await board.create(spec.document(), None)).id)
        with pytest.raises(InvalidJob) as caught:
            await scheduler.scale(job.id, workers)
        assert await board.read(board.store.job, job.id) == job
        return str(caught.value)

    assert scheduled(board, no_ray(), tmp_path, play) == problem
