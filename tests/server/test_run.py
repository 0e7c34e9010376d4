import asyncio
import re

import pytest

from chainrule.data.dataset import RULES
from chainrule.server.run import WORKER_FAILURES, Run
from chainrule.v1 import training_pb2
from chainrule.wire.job import JobState
from chainrule.wire.validation import parse_spec


def messages(board, job_id):
    return [training_pb2.JobEvent.FromString(event).message for event in board.store.events_behind(job_id, 0, 1000)]


@pytest.fixture
def executed(board, spec, tmp_path):
    """Run a job once, with a launcher, and return it as it is then."""

    def execute(make_launcher, meanwhile=None, job=spec, workers=2, **options):
        async def scenario():
            created = await board.create(job.document(), None)
            run = Run(created.id, board, make_launcher(), tmp_path / created.id, workers, **options)
            execution = asyncio.create_task(run.execute())
            if meanwhile is not None:
                await meanwhile(run, created.id)
            await execution
            return await board.read(board.store.job, created.id)

        return asyncio.run(scenario())

    return execute


def test_a_job_trains_to_its_end_and_leaves_its_last_checkpoint(executed, board, thread_launcher):
    job = executed(thread_launcher)
    assert (job.state, job.version, job.epoch, job.workers) == (JobState.SUCCEEDED, job.steps, 3, 0)
    assert job.steps == 3 * 8
    assert [version for version, _ in board.store.losses(job.id)] == list(range(job.steps))
    (checkpoint,) = board.store.checkpoints(job.id)
    assert (checkpoint["version"], checkpoint["weights_sha256"]) == (job.steps, job.weights_sha256)
    assert set(job.metrics) == {"train", "validation", "best"}


def test_a_worker_that_fails_is_replaced_and_the_job_goes_on(executed, board, thread_launcher):
    def first_fails(worker):
        if worker == "w1":
            raise OSError("a broken machine")

    job = executed(lambda: thread_launcher(fault=first_fails))
    assert job.state is JobState.SUCCEEDED
    assert "worker w1 has ended and is replaced: a broken machine" in messages(board, job.id)


def test_workers_that_fail_again_and_again_fail_the_job_with_the_last_ones_words(executed, thread_launcher):
    def all_fail(worker):
        raise OSError(f"no room on {worker}")

    job = executed(lambda: thread_launcher(fault=all_fail))
    assert job.state is JobState.FAILED
    assert f"{2 * WORKER_FAILURES + 1} workers in a row have failed, the last one so: no room on w" in job.reason


def test_many_workers_that_die_together_once_do_not_fail_the_job(executed, board, spec, thread_launcher):
    def first_eight_fail(worker):
        if int(worker[1:]) <= 8:
            raise OSError("the machine has gone")

    many = parse_spec(spec.document() | {"cluster": {"max_workers": 8}, "training": {"shards": 8, "batch_size": 16}})
    job = executed(lambda: thread_launcher(fault=first_eight_fail), job=many, workers=8)
    assert job.state is JobState.SUCCEEDED


def test_a_job_gets_its_data_and_workers_anew_when_ray_is_back(executed, board, spec, hand_launcher):
    launchers = []

    def make():
        launchers.append(hand_launcher())
        return launchers[0]

    async def lose_ray(run, job_id):
        launcher, started = launchers[0], []
        started += [await launcher.starts.get() for _ in range(2)]
        launcher.lose()
        async for _ in board.watch(job_id, 0):
            if board.store.row(job_id)["faults"]:
                break
        launcher.come_back()
        started += [await launcher.starts.get() for _ in range(2)]
        assert started == ["w1", "w2", "w3", "w4"]
        await run.stop()

    job = executed(make, lose_ray)
    assert job.state is JobState.QUEUED
    assert any("Ray has ended; training goes on" in message for message in messages(board, job.id))
    assert board.store.row(job.id)["faults"] == {"ray_lost": 1}


def test_a_job_that_is_resized_while_ray_is_away_gets_all_its_workers_when_it_is_back(executed, board, hand_launcher):
    launchers = []

    def make():
        launchers.append(hand_launcher())
        return launchers[0]

    async def resize(run, job_id):
        launcher = launchers[0]
        for _ in range(2):
            await launcher.starts.get()
        launcher.lose()
        async for _ in board.watch(job_id, 0):
            if board.store.row(job_id)["faults"]:
                break
        for workers in (1, 3):
            await run.resize(workers)
        launcher.come_back()
        assert [await launcher.starts.get() for _ in range(3)] == ["w3", "w4", "w5"]
        assert run.held == 3
        await run.stop()

    assert executed(make, resize).state is JobState.QUEUED


def test_a_job_whose_ray_ends_goes_back_into_the_queue(executed, no_ray):
    job = executed(no_ray)
    assert (job.state, job.workers) == (JobState.QUEUED, 0)
    assert "Ray has ended" in job.reason


def test_workers_are_added_to_a_job_also_after_one_was_replaced(executed, thread_launcher):
    launchers = []

    def first_fails(worker):
        if worker == "w1":
            raise OSError("a broken machine")

    def make():
        launchers.append(thread_launcher(fault=first_fails))
        return launchers[0]

    async def grow(run, job_id):
        await run.resize(4)

    assert executed(make, grow).state is JobState.SUCCEEDED
    assert len(launchers[0].started) == 5


def test_those_who_leave_hold_their_cpus_to_their_end_and_are_not_replaced(executed, board, hand_launcher):
    launchers, started = [], []

    def make():
        launchers.append(hand_launcher())
        return launchers[0]

    async def resize(run, job_id):
        launcher = launchers[0]
        started.extend([await launcher.starts.get() for _ in range(4)])
        await run.resize(1)
        assert (run.workers, run.held) == (1, 4)
        launcher.end(job_id, "w3", "a broken machine")
        launcher.end(job_id, "w4")
        assert run.held == 2
        await run.resize(2)
        assert run.held == 3
        launcher.end(job_id, "w2")
        launcher.end(job_id, "w5", "a broken machine")
        started.extend([await launcher.starts.get() for _ in range(2)])
        assert run.held == 2
        await run.stop(hold=True)

    job = executed(make, resize, workers=4)
    assert started == ["w1", "w2", "w3", "w4", "w5", "w6"]
    replaced = [message for message in messages(board, job.id) if "replaced" in message]
    assert replaced == ["worker w5 has ended and is replaced: a broken machine"]
    assert job.state is JobState.STARTING  # on hold: it is for whoever stopped it to say what becomes of it


def test_a_job_that_is_resized_before_its_workers_start_starts_as_many(executed, thread_launcher):
    launcher = []

    async def shrink(run, job_id):
        await run.resize(1)

    assert executed(lambda: launcher.append(thread_launcher()) or launcher[0], shrink, workers=4).state == "SUCCEEDED"
    assert launcher[0].started == ["w1"]


@pytest.mark.parametrize(
    ("known", "said"),
    [
        ({"sha256": "of another file", "rules": RULES}, "not the one that training began with"),
        ({"sha256": "5eed"}, "another version of Chainrule.*submit the job again"),
        ({"sha256": "5eed", "rules": "2"}, "another version of Chainrule.*submit the job again"),
    ],
)
def test_a_job_does_not_go_on_with_other_data_or_by_other_rules(board, spec, tmp_path, thread_launcher, known, said):
    async def scenario():
        created = await board.create(spec.document(), None)
        await board.update(created.id, {"data": known})
        await Run(created.id, board, thread_launcher(), tmp_path / "job", workers=1).execute()
        return await board.read(board.store.job, created.id)

    job = asyncio.run(scenario())
    assert job.state is JobState.FAILED
    assert re.search(said, job.reason)


def test_a_job_that_keeps_an_earlier_step_ends_with_the_numbers_of_that_step(executed, board, spec, thread_launcher):
    """The learning rate is so large that the validation loss is best after the first epochs."""
    optimizer, stopping = {"name": "sgd", "learning_rate": 5.0}, {"metric": "validation_loss", "patience": 3}
    document = spec.document() | {"optimizer": optimizer, "early_stopping": stopping}
    document["training"] |= {"epochs": 30}
    job = executed(thread_launcher, job=parse_spec(document))
    found = board.store.evaluations(job.id, job.version)
    kept, measured = min(found, key=lambda each: each[1]["loss"])
    assert job.state is JobState.SUCCEEDED
    assert kept < job.version
    epoch = [(loss, rows) for _, loss, rows in board.store.steps(job.id, kept - 8, kept)]
    train_loss = sum(loss * rows for loss, rows in epoch) / sum(rows for _, rows in epoch)
    assert job.metrics["best"] == {"step": kept, "train_loss": pytest.approx(train_loss), **measured}
    assert job.metrics["validation"] == measured
    assert job.metrics["train"]["step"] == kept
    assert job.metrics["train"]["epoch_loss"] == pytest.approx(train_loss)


def test_a_job_whose_workers_do_not_start_says_why_until_one_has(executed, board, thread_launcher):
    begun = asyncio.Event()

    class Late(thread_launcher):
        """Its workers start when the job has said why it waits for them."""

        async def start_worker(self, job_id, worker, address):
            task = asyncio.create_task(self._late(job_id, worker, address))
            self.tasks = [*getattr(self, "tasks", []), task]

        async def _late(self, job_id, worker, address):
            await begun.wait()
            await super().start_worker(job_id, worker, address)

    async def look(run, job_id):
        why = "no worker could be started within 0 s: there is no room for it"
        async for _ in board.watch(job_id, 0):
            if why in messages(board, job_id):
                break
        job = await board.read(board.store.job, job_id)
        assert (job.state, job.reason, run.trouble) == (JobState.STARTING, why, why)
        begun.set()
        async for _ in board.watch(job_id, 0):
            if board.live[job_id].job.workers:
                break
        assert board.live[job_id].job.reason == ""

    job = executed(Late, look, patience=0.1)
    assert (job.state, job.reason) == (JobState.SUCCEEDED, "")
