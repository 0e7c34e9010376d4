"""How tests play with a scheduler."""

import asyncio

import pytest

from chainrule.data.dataset import load_dataset
from chainrule.server.records import Records
from chainrule.server.replay import Replay, compare
from chainrule.server.scheduler import Scheduler
from chainrule.v1.training_pb2 import JobEvent
from chainrule.wire.messages import event_from_message
from chainrule.wire.validation import parse_spec


def scheduled(board, launcher, folder, play):
    """Run a scheduler while `play` drives it."""

    async def scenario():
        scheduler = Scheduler(board, launcher, folder)
        launcher.changed = scheduler.wake
        serving = asyncio.create_task(scheduler.serve())
        scheduler.wake()
        try:
            return await play(scheduler)
        finally:
            await scheduler.stop()
            serving.cancel()

    return asyncio.run(scenario())


async def until(board, job_id, condition):
    """Watch a job until an event fulfils a condition, and return the event."""
    async for content in board.watch(job_id, 0):
        event = event_from_message(JobEvent.FromString(content))
        if condition(event.job):
            return event
    pytest.fail(f"the job has ended as {event.job}")


def lasting(spec, epochs=120, **cluster):
    """The job with more epochs: eight steps each."""
    document = spec.document()
    training, cluster = document["training"] | {"epochs": epochs}, document["cluster"] | cluster
    return document | {"training": training, "cluster": cluster}


def told(board, job_id):
    """The messages of a job's events that a user has caused, or is to worry about."""
    events = [JobEvent.FromString(event) for event in board.store.events_behind(job_id, 0, 10_000)]
    return [event.message for event in events if "user" in event.message or event.kind == "warning"]


def is_that_of_one_processor(board, job):
    """Whether a job has every step, every loss and the hash of one that is trained once more, without processes."""

    async def on_record():
        return [step async for step in Records(board).steps(job.id, 0, job.steps)]

    spec, steps = parse_spec(board.store.row(job.id)["spec"]), asyncio.run(on_record())
    replay = Replay(spec, *load_dataset(spec))
    same = compare(replay, steps, lambda version: None) is None and len(steps) == job.steps
    replay.finish()
    return same and replay.weights_sha256 == job.weights_sha256


async def ended(board, job_id):
    async for _ in board.watch(job_id, 0):
        pass
    return await board.read(board.store.job, job_id)
