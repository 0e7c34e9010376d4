import asyncio

import pytest

from chainrule.server.jobs import Move
from chainrule.v1 import training_pb2
from chainrule.wire.errors import JobNotFound
from chainrule.wire.job import JobState

SPEC = {"name": "digits", "cluster": {"max_workers": 1}}


def test_watchers_see_every_event_once_whenever_they_come(board):
    async def watch(job_id, after):
        return [training_pb2.JobEvent.FromString(event).number async for event in board.watch(job_id, after)]

    async def scenario():
        job = await board.create(SPEC, None)
        early = [asyncio.create_task(watch(job.id, after)) for after in (0, 0, 2)]
        await board.move(job.id, Move.START)
        for i in range(300):
            await board.update(job.id, {}, ("progress", f"step {i}"))
        middle = asyncio.create_task(watch(job.id, 100))
        await board.move(job.id, Move.RUN)
        last = await board.move(job.id, Move.SUCCEED)
        return last.events, await asyncio.gather(*early, middle, watch(job.id, 0))

    count, (first, second, third, fourth, late) = asyncio.run(scenario())
    assert count == 304
    assert first == second == late == list(range(1, count + 1))
    assert third == list(range(3, count + 1))
    assert fourth == list(range(101, count + 1))


def test_a_watcher_of_a_job_that_is_deleted_is_told(board):
    async def scenario():
        job = await board.create(SPEC, None)
        watcher = board.watch(job.id, 1)
        waiting = asyncio.ensure_future(anext(watcher))
        await asyncio.sleep(0)
        await board.move(job.id, Move.CANCEL)
        await waiting
        await board.delete(job.id)
        with pytest.raises(JobNotFound):
            await anext(watcher)

    asyncio.run(scenario())


def test_live_jobs_are_those_that_start_or_run(board):
    async def scenario():
        job = await board.create(SPEC, None)
        seen = [job.id in board.live]
        for move in (Move.START, Move.RUN, Move.PAUSE):
            await board.move(job.id, move)
            seen.append(job.id in board.live)
        return seen

    assert asyncio.run(scenario()) == [False, True, True, False]
    assert board.states == {JobState.PAUSED: 1}


def test_a_change_of_a_paused_job_makes_it_no_live_one(board):
    async def scenario():
        job = await board.create(SPEC, None)
        await board.move(job.id, Move.PAUSE)
        await board.scale(job.id, 3)
        return dict(board.live)

    assert asyncio.run(scenario()) == {}
