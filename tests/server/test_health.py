import math
from datetime import UTC, datetime

import pytest

from chainrule.server.health import Facts, verdict
from chainrule.wire.job import Job, JobState
from chainrule.wire.layers import LayerFigures

FALLING = [2.0 * math.exp(-i / 10) + 0.1 for i in range(40)]
STEPS = [2.0, 1.0, 0.5, 0.3, 0.25, 0.2]


def job(state=JobState.RUNNING, workers=1, **figures):
    return Job("a", "digits", state, datetime.now(UTC), workers=workers, **figures)


def layers(**words):
    return tuple(LayerFigures(number, diagnosis=words.get(f"layer{number}", "")) for number in range(1, 5))


VANISHING = layers(layer1="vanishing", layer2="vanishing")
RUNNING = [
    (job(), Facts(FALLING), "good", "healthy", "the loss falls: 2.1 → 0.1"),
    (job(), Facts([2.0]), "good", "healthy", "just begun"),
    (job(), Facts([*STEPS, 0.2, 0.3, 0.6, 0.9, 1.4]), "bad", "diverging", "from 0.2 to 0.9"),
    (job(), Facts([*FALLING, math.nan]), "bad", "diverging", "not a finite number"),
    (job(), Facts([2.3] * 30), "warn", "not learning", "where it began"),
    (job(), Facts([*FALLING, *[0.1] * 80]), "good", "plateau", "stays at 0.1"),
    (job(), Facts(FALLING, [*STEPS, 0.2, 0.5, 0.6, 0.6]), "warn", "overfitting", "from 0.2 to 0.6"),
    (job(), Facts(FALLING, (), 30, 0.1), "warn", "stalled", "no step for 30 s"),
    (job(), Facts(FALLING, (), 30, 20), "good", "healthy", "the loss falls"),
    (job(workers=0), Facts(FALLING), "wait", "waiting", "no worker"),
    (job(workers=0, reason="no room"), Facts(FALLING), "warn", "no workers", "no room"),
    (job(layers=VANISHING), Facts(FALLING), "warn", "vanishing gradients", "layers 1, 2"),
    (job(layers=layers(layer3="exploding")), Facts(FALLING), "bad", "exploding gradients", "layer 3"),
    (job(layers=layers(layer2="dead")), Facts(FALLING), "warn", "dead neurons", "layer 2"),
]
ACCURATE, TRAINED = {"validation": {"accuracy": 0.97}}, {"train": {"loss": 0.5}}
OTHERS = [
    (job(JobState.QUEUED, reason="waits for 8 CPUs"), "wait", "waiting", "waits for 8 CPUs"),
    (job(JobState.STARTING), "busy", "starting", "workers start"),
    (job(JobState.STARTING, reason="no worker could be started"), "warn", "no workers", "no worker could be started"),
    (job(JobState.PAUSED, reason="paused by the user at step 3"), "rest", "paused", "at step 3"),
    (job(JobState.CANCELLED), "rest", "cancelled", "by the user"),
    (job(JobState.FAILED, reason="no such file"), "bad", "failed", "no such file"),
    (job(JobState.SUCCEEDED, metrics=ACCURATE), "done", "done", "validation accuracy 0.97"),
    (job(JobState.SUCCEEDED, metrics=TRAINED), "done", "done", "training loss 0.5"),
]


@pytest.mark.parametrize(("job", "facts", "level", "word", "part"), RUNNING)
def test_a_job_that_runs(job, facts, level, word, part):
    found = verdict(job, facts)
    assert (found.level, found.word) == (level, word)
    assert part in found.sentence


@pytest.mark.parametrize(("job", "level", "word", "part"), OTHERS)
def test_a_job_that_does_not(job, level, word, part):
    found = verdict(job, Facts([math.nan]))
    assert (found.level, found.word) == (level, word)
    assert part in found.sentence


def test_noise_around_a_tiny_loss_is_no_divergence():
    tiny = [*FALLING, *[1e-4, 4e-4] * 20]
    assert verdict(job(), Facts(tiny)).word != "diverging"


def test_every_state_has_a_word():
    assert all(verdict(job(state), Facts()).word for state in JobState)
