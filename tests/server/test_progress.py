import asyncio
from dataclasses import replace

import pytest

from chainrule.data.dataset import DatasetSummary
from chainrule.data.scaling import Scaling
from chainrule.server.jobs import Move
from chainrule.server.progress import Progress, Rate
from chainrule.v1.training_pb2 import JobEvent
from chainrule.wire.job import JobState
from chainrule.wire.layers import LayerFigures
from chainrule.wire.validation import parse_spec

SPEC = parse_spec(
    {
        "data": {"train": "a.csv", "label": "y"},
        "network": {"layers": [{}]},
        "training": {"epochs": 5, "batch_size": 10, "shards": 2},
    }
)
SUMMARY = DatasetSummary(("a",), ("no", "yes"), 2, (20, 20), 10, Scaling((0.0,), (1.0,)), "")

MEASURED = {"loss": 0.5, "accuracy": 0.75, "auc": 0.8}


def report(version, steps=(), evaluations=(), workers=2, pushes=None, warnings=(), ended=False, **more):
    return {
        "event": "report",
        "version": version,
        "workers": workers,
        "steps": steps,
        "evaluations": evaluations,
        "fingerprints": (),
        "layers": (),
        "pushes": pushes or {},
        "phases": {"compute": 0.5, "apply": 0.25},
        "leases_ended": 0,
        "staleness": 0,
        "machines": (),
        "warnings": warnings,
        "ended": ended,
    } | more


def told(board, *reports, seconds_between=1.0, kept=None, summary=SUMMARY, spec=SPEC):
    """Play reports to a new job and conclude it; return it as it is then, and its events."""
    now = 0.0

    async def scenario():
        nonlocal now
        job = await board.create(spec.document(), None)
        await board.move(job.id, Move.START)
        progress = Progress(job.id, board, spec, summary, lambda: now)
        await progress.begin(0)
        for each in reports:
            now += seconds_between
            await progress.take(each)
        await progress.conclude(kept)
        return await board.read(board.store.job, job.id)

    job = asyncio.run(scenario())
    return job, list(board.store.events_behind(job.id, 2, 100))


def test_a_report_becomes_history_metrics_and_figures(board):
    steps = [(0, 0.9, 10, 0.002), (1, 0.8, 30, 0.003)]
    job, _ = told(
        board,
        report(2, steps, pushes={"applied": 4, "stale": 1}),
        report(4, [], [(4, 0.5, 0.75, MEASURED, {})]),
    )
    assert (job.state, job.version, job.epoch, job.steps, job.workers) == (JobState.RUNNING, 4, 1, 20, 2)
    train = {"loss": pytest.approx((0.9 * 10 + 0.8 * 30) / 40), "batch_loss": 0.8, "loss_steps": 2, "step": 2}
    assert job.metrics == {"train": train, "validation": MEASURED, "best": {"step": 4, **MEASURED}}
    assert board.store.losses(job.id) == [(0, 0.9), (1, 0.8)]
    live = board.live[job.id]
    assert (live.samples, live.pushes) == (40, {"applied": 4, "stale": 1})
    assert sum(live.durations.counts) == 2
    assert live.phases == {"compute": 1.0, "apply": 0.5}


def test_layers_are_known_with_what_is_wrong_with_them_until_they_are_measured_again(board):
    sick = [LayerFigures(1, gradient_norm=1e-6, weight_norm=1.0), LayerFigures(2, gradient_norm=1.0, weight_norm=1.0)]
    job, events = told(board, report(1, layers=[layer.document() for layer in sick]), report(2))
    assert job.layers == (replace(sick[0], diagnosis="vanishing"), sick[1])
    assert board.live[job.id].job.layers == job.layers
    assert [len(JobEvent.FromString(event).job.layers) for event in events] == [0] * len(events)


def test_a_job_runs_when_its_first_worker_has_come(board):
    assert told(board, report(0, workers=0))[0].state is JobState.STARTING
    assert told(board, report(0, workers=1))[0].state is JobState.RUNNING


def test_progress_is_told_at_a_pace_that_a_person_can_follow(board):
    _, slow = told(board, *(report(i) for i in range(20)), seconds_between=1.0)
    _, fast = told(board, *(report(i) for i in range(20)), seconds_between=0.05)
    assert len(slow) > len(fast) >= 2


def test_a_regression_has_no_accuracy(board):
    metrics = told(board, report(4, [], [(4, 0.5, None, {"loss": 0.5}, {})]))[0].metrics
    assert metrics == {"validation": {"loss": 0.5}, "best": {"step": 4, "loss": 0.5}}


def test_what_is_told_at_the_end_is_of_the_weights_that_are_kept(board):
    evaluations = [(4, 0.5, 0.75, MEASURED, {"no": {"no": 3.0}}), (8, 0.6, 0.7, {"loss": 0.6}, {"no": {"no": 2.0}})]
    for kept, loss, rows in ((4, 0.5, 3.0), (None, 0.6, 2.0)):
        job, _ = told(board, report(8, [], evaluations), kept=kept)
        assert (job.metrics["validation"]["loss"], job.confusion) == (loss, {"no": {"no": rows}})


def test_all_numbers_at_the_end_belong_to_the_step_whose_weights_are_kept(board):
    steps = [(version, 1.0 / (version + 1), 10, 0.01) for version in range(12)]
    evaluations = [
        (4, 0.3, None, {"loss": 0.3}, {}),
        (8, 0.5, None, {"loss": 0.5}, {}),
        (12, 0.7, None, {"loss": 0.7}, {}),
    ]
    job, _ = told(board, report(12, steps, evaluations), kept=4)
    epoch = (1 + 1 / 2 + 1 / 3 + 1 / 4) / 4
    train = {"loss": epoch, "epoch_loss": epoch, "batch_loss": 1 / 4, "loss_steps": 4, "step": 4}
    best = {"step": 4, "train_loss": epoch, "loss": 0.3}
    assert job.metrics["train"] == pytest.approx(train)
    assert job.metrics["best"] == pytest.approx(best)
    assert (job.version, job.metrics["validation"]) == (12, {"loss": 0.3})
    last, _ = told(board, report(12, steps, evaluations))
    assert last.metrics["train"]["step"] == 12
    assert last.metrics["best"] == pytest.approx(best)


def test_another_start_of_the_service_goes_on_with_the_same_numbers(board):
    """It begins at a checkpoint in the middle of an epoch, behind which steps were known already."""
    steps = [(version, 0.1 * (version % 7), 10 + version, 0.01) for version in range(20)]
    evaluations = [(version, each, None, {"loss": each}, {}) for version, each in ((4, 0.7), (8, 0.1), (12, 0.4))]
    found = []

    async def scenario(interrupted):
        job = await board.create(SPEC.document(), None)
        await board.move(job.id, Move.START)
        progress = Progress(job.id, board, SPEC, SUMMARY, lambda: 0.0)
        await progress.begin(0)
        await progress.take(report(14, steps[:14], evaluations))
        if interrupted:
            await board.move(job.id, Move.INTERRUPT, "the service was started again")
            await board.move(job.id, Move.START)
            progress = Progress(job.id, board, SPEC, SUMMARY, lambda: 0.0)
            await progress.begin(10)
            begun = board.store.job(job.id).metrics
            assert (begun["train"]["step"], begun["best"]["step"], begun["validation"]) == (10, 8, {"loss": 0.1})
            await progress.take(report(14, steps[10:14], evaluations[2:]))
        found.append(board.store.job(job.id).metrics)
        await progress.take(report(18, steps[14:18]))
        found.append(board.store.job(job.id).metrics)

    asyncio.run(scenario(False))
    asyncio.run(scenario(True))
    assert found[:2] == found[2:]
    assert found[1]["train"]["epoch_loss"] == pytest.approx(
        sum(loss * rows for _, loss, rows, _ in steps[12:16]) / sum(rows for _, _, rows, _ in steps[12:16])
    )


def test_what_is_strange_in_the_data_is_told_once(board):
    summary = replace(SUMMARY, warnings=("column 'id' is strange",))
    _, events = told(board, summary=summary)
    assert [b"is strange" in event for event in events].count(True) == 1


def test_a_pair_that_is_hardly_meant_is_told_once(board):
    document = SPEC.document()
    document["network"] = {"layers": [{"activation": "sigmoid"}]}
    _, events = told(board, report(1), spec=parse_spec(document))
    found = [JobEvent.FromString(event) for event in events if b"softmax with cross_entropy" in event]
    assert [event.kind for event in found] == ["warning"]


def test_warnings_are_events(board):
    _, events = told(board, report(1, warnings=["one", "two"]))
    assert [b"one" in event or b"two" in event for event in events].count(True) == 2


def test_the_rate_is_that_of_the_last_full_span():
    rate = Rate(0.0)
    assert rate.add(1.0, 100) == 100.0
    assert rate.add(2.0, 300) == 200.0
    assert rate.add(3.0, 0) == 200.0
    assert rate.add(4.0, 0) == 0.0
