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
FLAT_R2 = [{"loss": 1.0, "r2": value} for value in (-0.05, -0.02, -0.06, -0.04, -0.05, -0.03)]
CONSTANT = [{"accuracy": 0.7, "balanced_accuracy": 0.5, "auc": 0.5, "log_loss": 0.62}] * 6
SILENT = tuple(LayerFigures(L, 0.0, 1e-3, 1.0) for L in (1, 2, 3))
CUT = tuple(
    LayerFigures(L, 0.0, 1e-3, 1.0, diagnosis="dead" if L == 2 else "no gradient", dead_ratio=float(L == 2))
    for L in (1, 2, 3)
)
ONE_CUT = (LayerFigures(1, 0.0, diagnosis="no gradient"), LayerFigures(2, 0.0, diagnosis="dead"), LayerFigures(3, 0.5))
AT_2 = {"train": {"loss": 2.0, "batch_loss": 2.0}}
RUNNING += [
    (
        job(epoch=6),
        Facts(FALLING, evaluations=FLAT_R2),
        "warn",
        "not learning",
        "after 6 epochs the validation R² is -0.04",
    ),
    (job(), Facts(FALLING, evaluations=FLAT_R2[:4]), "good", "healthy", "the loss falls"),
    (job(epoch=6), Facts(FALLING, evaluations=CONSTANT, class_weights=[70, 30]), "warn", "not learning", "70.0%"),
    (job(), Facts(FALLING, [0.5, math.nan]), "bad", "diverging", "the validation loss is not a finite number"),
    (job(layers=CUT, metrics=AT_2), Facts(FALLING), "bad", "dead neurons", "layer 2 give 0 for every row, so that no"),
    (job(layers=SILENT, metrics=AT_2), Facts(FALLING), "bad", "not learning", "0 in every layer and the loss is 2"),
    (job(layers=SILENT, metrics={"train": {"batch_loss": 0.0}}), Facts(FALLING), "good", "healthy", "the loss falls"),
    (job(layers=ONE_CUT), Facts(FALLING), "warn", "dead neurons", "because of it there is no gradient in layer 1"),
]
ACCURATE, TRAINED = {"validation": {"accuracy": 0.97}}, {"train": {"loss": 0.5}}
OTHERS = [
    (job(JobState.QUEUED, reason="waits for 8 CPUs"), "wait", "waiting", "waits for 8 CPUs"),
    (job(JobState.STARTING), "busy", "starting", "workers start"),
    (job(JobState.STARTING, reason="no worker could be started"), "warn", "no workers", "no worker could be started"),
    (job(JobState.PAUSED, reason="paused by the user at step 3"), "rest", "paused", "at step 3"),
    (job(JobState.CANCELLED), "rest", "cancelled", "by the user"),
    (job(JobState.FAILED, reason="no such file"), "bad", "failed", "no such file"),
    (job(JobState.SUCCEEDED, metrics=ACCURATE), "done", "done", "validation accuracy 97.0%"),
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


QUEUED = job(JobState.QUEUED, reason="waits for Ray")


@pytest.mark.parametrize(
    ("facts", "level", "word", "part"),
    [
        (Facts(cpus=2, min_workers=4), "bad", "cannot run", "needs 4 CPUs (cluster.min_workers) and the service has 2"),
        (Facts(cpus=2, min_workers=4, may_grow=True), "bad", "cannot run", "until the cluster has 4 CPUs; it has 2"),
        (Facts(cpus=4, min_workers=4), "wait", "waiting", "waits for Ray"),
        (Facts(cpus=0, min_workers=4), "wait", "waiting", "waits for Ray"),
    ],
)
def test_a_job_that_can_never_run_does_not_look_like_one_that_waits(facts, level, word, part):
    found = verdict(QUEUED, facts)
    assert (found.level, found.word) == (level, word)
    assert part in found.sentence


@pytest.mark.parametrize("state", [state for state in JobState if state is not JobState.QUEUED])
def test_only_a_job_that_waits_for_cpus_can_lack_them(state):
    assert verdict(job(state), Facts(cpus=1, min_workers=2)).word != "cannot run"
