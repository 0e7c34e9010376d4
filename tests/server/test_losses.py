import asyncio
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from storing import NOW

from chainrule.data.dataset import DatasetSummary
from chainrule.data.scaling import Scaling
from chainrule.server import recall as recalling
from chainrule.server.losses import Losses
from chainrule.server.recall import recall
from chainrule.wire.spec import EarlyStoppingSpec
from chainrule.wire.validation import parse_spec

FINITE = st.floats(0, 1e6)
METRICS = ("validation_loss", "validation_accuracy", "train_loss")


def mean(steps):
    """The mean loss of steps (version, loss, rows), weighted by rows, with exact sums."""
    return math.fsum(loss * rows for _, loss, rows in steps) / sum(rows for _, _, rows in steps)


def training(figures):
    return {name: value for name, value in figures.items() if name in ("loss", "epoch_loss", "batch_loss")}


@st.composite
def histories(draw):
    """(steps of an epoch, all steps, all evaluations) of a job."""
    length, count = draw(st.integers(1, 12)), draw(st.integers(1, 60))
    steps = [(version, draw(FINITE), draw(st.integers(1, 64))) for version in range(count)]
    evaluations = [
        (version, {"loss": draw(FINITE), "accuracy": draw(st.floats(0, 1))})
        for version in range(length, count + 1, length)
    ]
    return length, steps, evaluations


@given(histories())
def test_the_training_losses_are_those_of_the_definitions(history):
    length, steps, _ = history
    losses = Losses(length)
    losses.take(steps, ())
    figures = losses.metrics()["train"]
    width = min(100, max(10, length))
    whole = len(steps) // length * length
    expected = {"loss": mean(steps[-width:]), "batch_loss": steps[-1][1]}
    if whole:
        expected["epoch_loss"] = mean(steps[whole - length : whole])
    assert training(figures) == pytest.approx(expected, rel=1e-12)
    assert (figures["step"], figures["loss_steps"]) == (len(steps), min(width, len(steps)))


def test_the_smoothed_loss_of_a_long_epoch_is_over_100_steps():
    losses = Losses(1000)
    losses.take([(version, float(version), 1) for version in range(500)], ())
    assert losses.metrics()["train"] == {"loss": 449.5, "batch_loss": 499.0, "loss_steps": 100, "step": 500}


def test_a_smaller_batch_at_the_end_of_an_epoch_counts_by_its_rows():
    losses = Losses(2)
    losses.take([(0, 1.0, 90), (1, 2.0, 10)], ())
    assert losses.metrics()["train"]["epoch_loss"] == pytest.approx(1.1)


@given(histories(), st.sampled_from(METRICS))
def test_the_best_evaluation_has_all_its_values_at_one_step(history, metric):
    length, steps, evaluations = history
    losses = Losses(length, EarlyStoppingSpec(metric))
    losses.take(steps, evaluations)
    rows = [
        (version, mean(steps[version - length : version]), metrics["loss"], metrics["accuracy"])
        for version, metrics in evaluations
    ]
    if not rows:
        assert "best" not in losses.metrics()
        return
    key = {"train_loss": lambda row: row[1], "validation_loss": lambda row: row[2]}
    version, train_loss, loss, accuracy = min(rows, key=key.get(metric, lambda row: -row[3]))
    best = losses.metrics()["best"]
    assert (best["step"], best["loss"], best["accuracy"]) == (version, loss, accuracy)
    assert best["train_loss"] == pytest.approx(train_loss, rel=1e-12)


def test_without_validation_an_epoch_is_judged_by_its_training_loss():
    losses = Losses(2, EarlyStoppingSpec("train_loss"), validates=False)
    losses.take([(version, loss, 4) for version, loss in enumerate((4.0, 2.0, 1.0, 2.0, 3.0, 3.0))], ())
    assert losses.metrics()["best"] == {"step": 4, "train_loss": 1.5}


def test_without_validation_and_early_stopping_no_step_is_the_best():
    losses = Losses(1, validates=False)
    losses.take([(0, 1.0, 1)], ())
    assert set(losses.metrics()) == {"train"}


def test_an_evaluation_that_is_no_number_is_never_the_best():
    losses = Losses(1)
    losses.take([(0, 1.0, 1), (1, 1.0, 1)], [(1, {"loss": math.nan}), (2, {"loss": 3.0})])
    assert losses.metrics()["best"] == {"step": 2, "train_loss": 1.0, "loss": 3.0}


@given(histories(), st.data())
def test_steps_that_are_taken_again_after_a_fault_count_once(history, data):
    length, steps, evaluations = history
    undisturbed = Losses(length)
    undisturbed.take(steps, evaluations)
    end = data.draw(st.integers(0, len(steps)))
    again = data.draw(st.integers(0, end))
    disturbed = Losses(length)
    disturbed.take(steps[:end], [each for each in evaluations if each[0] <= end])
    disturbed.take(steps[again:], [each for each in evaluations if each[0] >= again])
    assert disturbed.metrics() == undisturbed.metrics()


def job(length, metric, validates=True):
    """A job of one shard with so many steps in an epoch, and what its data has told."""
    spec = parse_spec(
        {
            "data": {"train": "a.csv", "label": "y", "validation_fraction": 0.2 if validates else 0.0},
            "network": {"layers": [{}]},
            "training": {"epochs": 5, "batch_size": 10, "shards": 1},
            **({"early_stopping": {"metric": metric}} if metric else {}),
        }
    )
    summary = DatasetSummary(("a",), ("no", "yes"), 2, (10 * length,), 10 * validates, Scaling((0.0,), (1.0,)), "")
    assert summary.steps_per_epoch(spec) == length
    return spec, summary


@pytest.mark.parametrize("metric", [None, *METRICS])
@pytest.mark.parametrize("length", [1, 4, 7, 150])
def test_whoever_starts_again_in_the_middle_of_an_epoch_has_the_same_bits(board, monkeypatch, length, metric):
    monkeypatch.setattr(recalling, "READ_STEPS", 13)
    rng = np.random.default_rng(length)
    count = 3 * length + length // 2
    steps = [(version, float(loss), int(rng.integers(1, 99))) for version, loss in enumerate(rng.random(count))]
    evaluations = [(v, {"loss": float(rng.random()), "accuracy": 0.5}) for v in range(length, count + 1, length)]
    spec, summary = job(length, metric)

    async def scenario():
        created = await board.create(spec.document(), None)
        history = {
            "steps": [(*step, 0.1) for step in steps],
            "evaluations": [(version, each["loss"], each["accuracy"], each, {}) for version, each in evaluations],
        }
        board.store.update(created.id, NOW, {}, history=history)
        for version in {0, 1, length, length + 1, 2 * length + length // 3, count}:
            undisturbed = Losses(length, spec.early_stopping)
            undisturbed.take(steps[:version], [each for each in evaluations if each[0] <= version])
            again = await recall(board, created.id, spec, summary, version)
            assert again.metrics() == undisturbed.metrics()
            again.take(steps[version:], [each for each in evaluations if each[0] > version])
            undisturbed.take(steps[version:], [each for each in evaluations if each[0] > version])
            assert again.metrics() == undisturbed.metrics()

    asyncio.run(scenario())
