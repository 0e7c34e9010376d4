"""Jobs that wait are checked before their turn; one that cannot run is blocked and holds nobody up."""

import asyncio
import os
from dataclasses import replace
from pathlib import Path

import pytest
from scheduling import ended, lasting, until

from chainrule.server import checks
from chainrule.server.checks import Checks, DataReader
from chainrule.server.health import Facts, verdict
from chainrule.server.scheduler import Scheduler
from chainrule.wire.job import JobState


def scheduled(board, launcher, folder, play, reader=None):
    """Run a scheduler with its checks while `play` drives it."""

    async def scenario():
        checking = Checks(board, reader or DataReader(folder / "log", ["/"]), lambda: scheduler.wake())
        scheduler = Scheduler(board, launcher, folder, checking)
        launcher.changed = scheduler.wake
        serving = [asyncio.create_task(each.serve()) for each in (checking, scheduler)]
        scheduler.wake()
        try:
            return await play(scheduler)
        finally:
            await scheduler.stop()
            for task in serving:
                task.cancel()

    return asyncio.run(scenario())


@pytest.fixture
def fast(monkeypatch):
    monkeypatch.setattr(checks, "LOOK_SECONDS", 0.05)


def with_label(spec, label):
    return replace(spec, data=replace(spec.data, label=label)).document()


def blocked(board, job_id):
    return until(board, job_id, lambda job: job.blocked)


def test_a_job_that_cannot_run_is_blocked_before_its_turn_and_others_go_on(board, spec, tmp_path, thread_launcher):
    async def play(scheduler):
        first = (await board.create(lasting(spec, epochs=1_000_000), None)).id
        wrong, right = [(await board.create(with_label(spec, label), None)).id for label in ("z", "label")]
        scheduler.wake()
        event = await blocked(board, wrong)
        await scheduler.cancel(first)
        return event, await ended(board, right), await board.read(board.store.job, wrong)

    event, right, wrong = scheduled(board, thread_launcher(cpus=2), tmp_path, play)
    sentence = f"{spec.data.train} has no column 'z', the label; it has a, b, c, label"
    assert event.message == f"cannot run: {sentence}"
    assert right.state is JobState.SUCCEEDED
    assert (wrong.state, wrong.reason, wrong.blocked) == (JobState.QUEUED, sentence, True)
    health = verdict(wrong, Facts())
    assert (health.word, health.sentence) == ("cannot run", sentence)


def test_a_job_whose_file_is_mended_runs(board, spec, tmp_path, thread_launcher, fast):
    async def play(scheduler):
        first = (await board.create(lasting(spec, epochs=1_000_000), None)).id
        path, rows = tmp_path / "late.csv", Path(spec.data.train).read_text()
        job = replace(spec, data=replace(spec.data, train=str(path))).document()
        job_id = (await board.create(job, None)).id
        scheduler.wake()
        missing = await blocked(board, job_id)
        path.write_text(rows.replace("label", "lable"))
        misspelt = await until(board, job_id, lambda job: "no column" in job.reason)
        path.write_text(rows)
        os.utime(path, ns=(1, 1))
        await until(board, job_id, lambda job: not job.blocked and job.events > misspelt.number)
        await scheduler.cancel(first)
        return missing, misspelt, await ended(board, job_id)

    missing, misspelt, job = scheduled(board, thread_launcher(cpus=2), tmp_path, play)
    assert missing.message.endswith("late.csv: No such file or directory")
    assert "has no column 'label'" in misspelt.message
    assert job.state is JobState.SUCCEEDED


class Reader:
    """Sees the same always, and finds faults as a test says."""

    def __init__(self, *faults):
        self.faults, self.reads = list(faults), 0

    async def look(self, spec):
        return (("rows.csv", 1, 1),)

    async def read(self, spec):
        self.reads += 1
        if self.faults and (fault := self.faults.pop(0)):
            raise fault


def test_a_resumed_job_is_checked_again(board, spec, tmp_path, thread_launcher, fast):
    reader = Reader(checks.InvalidData("the disk was away"))

    async def play(scheduler):
        await board.create(lasting(spec, epochs=1_000_000), None)
        job_id = (await board.create(spec.document(), None)).id
        scheduler.wake()
        await blocked(board, job_id)
        await asyncio.sleep(4 * checks.LOOK_SECONDS)  # nothing has changed, so nothing is read
        reads = reader.reads
        await scheduler.resume(job_id)
        await until(board, job_id, lambda job: "can be read now" in job.reason)
        return reads

    assert scheduled(board, thread_launcher(cpus=2), tmp_path, play, reader) == 1
    assert reader.reads == 2


def test_a_job_that_starts_at_once_is_not_checked(board, spec, tmp_path, thread_launcher):
    reader = Reader()

    async def play(scheduler):
        job_id = (await board.create(spec.document(), None)).id
        scheduler.wake()
        return await ended(board, job_id)

    assert scheduled(board, thread_launcher(cpus=2), tmp_path, play, reader).state is JobState.SUCCEEDED
    assert reader.reads == 0


def test_a_check_that_tells_nothing_in_time_blocks_nobody(board, spec, tmp_path, monkeypatch):
    monkeypatch.setattr(checks, "READ_SECONDS", 0.0)
    asyncio.run(DataReader(tmp_path / "log", ["/"]).read(parse_wrong(spec)))


def parse_wrong(spec):
    return replace(spec, data=replace(spec.data, label="z"))
