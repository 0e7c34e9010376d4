"""Pause and resume in the scheduler."""

import asyncio

import pytest
from scheduling import ended, lasting, scheduled, told, until

from chainrule.wire.errors import JobNotFound, JobNotRunning
from chainrule.wire.job import JobState


def test_a_paused_job_frees_its_cpus_and_ends_in_the_same_bits(board, spec, tmp_path, thread_launcher, undisturbed):
    async def play(scheduler):
        job_id = (await board.create(lasting(spec), None)).id
        scheduler.wake()
        await until(board, job_id, lambda job: job.version > 0)
        paused = await scheduler.pause(job_id)
        assert (paused.state, paused.workers) == (JobState.PAUSED, 0)
        assert paused.reason == f"paused by the user at step {paused.version}"
        assert 0 < paused.version < paused.steps
        assert board.store.checkpoints(job_id)[0]["version"] == paused.version == len(board.store.losses(job_id))
        assert job_id not in board.live
        assert await scheduler.pause(job_id) == paused
        other = (await board.create(spec.document(), None)).id
        scheduler.wake()
        assert (await ended(board, other)).state is JobState.SUCCEEDED
        resumed = await scheduler.resume(job_id)
        assert (resumed.state, resumed.reason) == (JobState.QUEUED, "resumed by the user")
        await until(board, job_id, lambda job: job.version > paused.version)
        running = await scheduler.resume(job_id)
        assert running.state is JobState.RUNNING
        return paused, await ended(board, job_id)

    paused, job = scheduled(board, thread_launcher(cpus=2), tmp_path, play)
    assert (job.state, job.version) == (JobState.SUCCEEDED, job.steps)
    assert (job.weights_sha256, board.store.losses(job.id)) == undisturbed
    assert told(board, job.id) == [paused.reason, "queued: resumed by the user"]


def test_a_job_that_waits_is_paused_and_keeps_its_place(board, spec, tmp_path, thread_launcher):
    async def play(scheduler):
        blocker, first, second = [(await board.create(document, None)).id for document in documents]
        scheduler.wake()
        await until(board, blocker, lambda job: job.state is JobState.RUNNING)
        paused = await scheduler.pause(first)
        await scheduler.resume(first)
        await scheduler.cancel(blocker)
        return paused, [await ended(board, job_id) for job_id in (first, second)]

    documents = lasting(spec, epochs=1_000_000), spec.document(), spec.document()
    paused, (first, second) = scheduled(board, thread_launcher(cpus=2), tmp_path, play)
    assert (paused.state, paused.reason) == (JobState.PAUSED, "paused by the user at step 0")
    assert [job.state for job in (first, second)] == [JobState.SUCCEEDED] * 2
    assert first.finished <= second.started


def test_a_job_whose_data_is_being_read_can_be_paused(board, spec, tmp_path, thread_launcher):
    class SlowAtFirst(thread_launcher):
        def __init__(self):
            super().__init__()
            self.reading = asyncio.Event()

        async def prepare(self, job_id, spec, ended):
            if not self.reading.is_set():
                self.reading.set()
                await asyncio.Event().wait()
            return await super().prepare(job_id, spec, ended)

    async def play(scheduler):
        job_id = (await board.create(spec.document(), None)).id
        scheduler.wake()
        await scheduler._launcher.reading.wait()
        paused = await scheduler.pause(job_id)
        scheduler.wake()
        assert (await board.read(board.store.job, job_id)) == paused
        await scheduler.resume(job_id)
        return paused, await ended(board, job_id)

    paused, job = scheduled(board, SlowAtFirst(), tmp_path, play)
    assert (paused.state, job.state) == (JobState.PAUSED, JobState.SUCCEEDED)


def test_what_has_ended_or_never_was_is_neither_paused_nor_resumed_nor_scaled(board, spec, tmp_path, thread_launcher):
    async def play(scheduler):
        job_id = (await board.create(spec.document(), None)).id
        scheduler.wake()
        job = await ended(board, job_id)
        for verb, call in orders(scheduler).items():
            with pytest.raises(JobNotRunning, match=f"the job is SUCCEEDED: it is too late to {verb} it"):
                await call(job_id)
            with pytest.raises(JobNotFound, match="no job 'nobody'"):
                await call("nobody")
        return job, await board.read(board.store.job, job_id)

    def orders(scheduler):
        return {"pause": scheduler.pause, "resume": scheduler.resume, "scale": lambda id: scheduler.scale(id, 1)}

    before, behind = scheduled(board, thread_launcher(), tmp_path, play)
    assert before == behind


def test_a_job_that_completes_while_it_is_paused_has_succeeded(board, spec, tmp_path, hand_launcher, monkeypatch):
    """The server's last word is on its way when the user's comes."""

    async def too_late(run, *, hold=False):
        run._server = None
        await run._take({"event": "ended", "complete": True, "reason": ""})
        return False

    async def play(scheduler):
        job_id = (await board.create(spec.document(), None)).id
        scheduler.wake()
        await scheduler._launcher.starts.get()
        monkeypatch.setattr("chainrule.server.run.Run.stop", too_late)
        with pytest.raises(JobNotRunning, match="the job is SUCCEEDED: it is too late to pause it"):
            await scheduler.pause(job_id)
        return await ended(board, job_id)

    assert scheduled(board, hand_launcher(), tmp_path, play).state is JobState.SUCCEEDED


def test_orders_whose_callers_leave_are_carried_out_in_turn(board, spec, tmp_path, thread_launcher, undisturbed):
    """A resume that comes while the job is being paused is the last word."""

    async def play(scheduler):
        job_id = (await board.create(lasting(spec), None)).id
        scheduler.wake()
        await until(board, job_id, lambda job: job.version > 0)
        callers = [asyncio.create_task(order(job_id)) for order in (scheduler.pause, scheduler.pause, scheduler.resume)]
        await asyncio.sleep(0)
        for caller in callers:
            caller.cancel()
        return await ended(board, job_id)

    job = scheduled(board, thread_launcher(), tmp_path, play)
    assert (job.weights_sha256, board.store.losses(job.id)) == undisturbed
    assert [message.partition(" at")[0] for message in told(board, job.id)] == [
        "paused by the user",
        "queued: resumed by the user",
    ]


def test_a_cancel_does_not_wait_for_the_checkpoint_of_a_pause(board, spec, tmp_path, thread_launcher, monkeypatch):
    async def never(run, *, hold=False):
        return True

    async def play(scheduler):
        job_id = (await board.create(lasting(spec, epochs=1_000_000), None)).id
        scheduler.wake()
        await until(board, job_id, lambda job: job.version > 0)
        with monkeypatch.context() as patched:
            patched.setattr("chainrule.server.run.Run.stop", never)
            pausing = asyncio.create_task(scheduler.pause(job_id))
            await asyncio.sleep(0)
            assert (await scheduler.cancel(job_id)).state is JobState.CANCELLED
            with pytest.raises(JobNotRunning, match="the job is CANCELLED: it is too late to pause it"):
                await pausing

    scheduled(board, thread_launcher(), tmp_path, play)


def test_a_paused_job_stays_so_over_a_restart(board, spec, tmp_path, thread_launcher, undisturbed):
    async def pause(scheduler):
        job_id = (await board.create(lasting(spec), None)).id
        scheduler.wake()
        await until(board, job_id, lambda job: job.version > 0)
        return await scheduler.pause(job_id)

    async def resume(scheduler):
        await scheduler.recover()
        assert await board.read(board.store.job, paused.id) == paused
        await scheduler.resume(paused.id)
        return await ended(board, paused.id)

    paused = scheduled(board, thread_launcher(), tmp_path, pause)
    job = scheduled(board, thread_launcher(), tmp_path, resume)
    assert (job.weights_sha256, board.store.losses(job.id)) == undisturbed


def test_a_pause_in_which_the_service_dies_loses_nothing(board, spec, tmp_path, thread_launcher, undisturbed):
    async def die_before_the_word_is_written(scheduler):
        job_id = (await board.create(lasting(spec), None)).id
        scheduler.wake()
        await until(board, job_id, lambda job: job.version > 0)
        scheduler._write_down = lambda *_: asyncio.Event().wait()
        task = scheduler._running[job_id].task
        pausing = asyncio.create_task(scheduler._pause(job_id))
        await asyncio.wait({task})
        pausing.cancel()
        return await board.read(board.store.job, job_id)

    async def go_on(scheduler):
        await scheduler.recover()
        scheduler.wake()
        return await ended(board, dead.id)

    dead = scheduled(board, thread_launcher(), tmp_path, die_before_the_word_is_written)
    assert dead.state is JobState.RUNNING
    job = scheduled(board, thread_launcher(), tmp_path, go_on)
    assert (job.weights_sha256, board.store.losses(job.id)) == undisturbed


def test_a_pause_in_which_the_parameter_server_dies_is_one(board, spec, tmp_path, thread_launcher, undisturbed):
    async def play(scheduler):
        job_id = (await board.create(lasting(spec), None)).id
        scheduler.wake()
        await until(board, job_id, lambda job: job.version > 0)
        scheduler._running[job_id].run._server._process.kill()
        assert (await scheduler.pause(job_id)).state is JobState.PAUSED
        await scheduler.resume(job_id)
        return await ended(board, job_id)

    job = scheduled(board, thread_launcher(), tmp_path, play)
    assert (job.weights_sha256, board.store.losses(job.id)) == undisturbed
