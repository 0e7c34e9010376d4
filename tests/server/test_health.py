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


@pytest.mark.parametrize(
    ("found", "level", "word", "part"),
    [
        (verdict(job(), Facts(FALLING)), "good", "healthy", "the loss falls: 2.1 → 0.1"),
        (verdict(job(), Facts([2.0])), "good", "healthy", "just begun"),
        (verdict(job(), Facts([*STEPS, 0.2, 0.3, 0.6, 0.9, 1.4])), "bad", "diverging", "from 0.2 to 0.9"),
        (verdict(job(), Facts([*FALLING, math.nan])), "bad", "diverging", "not a finite number"),
        (verdict(job(), Facts([2.3] * 30)), "warn", "not learning", "where it began"),
        (verdict(job(), Facts([*FALLING, *[0.1] * 80])), "good", "plateau", "stays at 0.1"),
        (verdict(job(), Facts(FALLING, [*STEPS, 0.2, 0.5, 0.6, 0.6])), "warn", "overfitting", "from 0.2 to 0.6"),
        (verdict(job(layers=layers(layer1="vanishing", layer2="vanishing")), Facts(FALLING)), "warn", "vanishing gradients", "layers 1, 2"),
        (verdict(job(layers=layers(layer3="exploding")), Facts(FALLING)), "bad", "exploding gradients", "layer 3"),
        (verdict(job(layers=layers(layer2="dead")), Facts(FALLING)), "warn", "dead neurons", "layer 2"),
        (verdict(job(), Facts(FALLING, seconds_since_step=30, seconds_of_step=0.1)), "warn", "stalled", "no step for 30 s"),
        (verdict(job(workers=0), Facts(FALLING)), "wait", "waiting", "no worker"),
        (verdict(job(JobState.QUEUED, reason="waits for 8 CPUs"), Facts()), "wait", "waiting", "waits for 8 CPUs"),
        (verdict(job(JobState.STARTING), Facts()), "busy", "starting", "workers start"),
        (verdict(job(JobState.PAUSED, reason="paused by the user at step 3"), Facts()), "rest", "paused", "at step 3"),
        (verdict(job(JobState.CANCELLED), Facts()), "rest", "cancelled", "by the user"),
        (verdict(job(JobState.FAILED, reason="no such file"), Facts([math.nan])), "bad", "failed", "no such file"),
        (verdict(job(JobState.SUCCEEDED, metrics={"validation": {"accuracy": 0.97}}), Facts()), "done", "done", "accuracy 0.97"),
        (verdict(job(JobState.SUCCEEDED, metrics={"train": {"loss": 0.5}}), Facts()), "done", "done", "training loss 0.5"),
    ],
)  # fmt: skip
def test_one_word_and_one_sentence(found, level, word, part):
    assert (found.level, found.word) == (level, word)
    assert part in found.sentence


def test_a_slow_step_is_no_standstill():
    assert verdict(job(), Facts(FALLING, seconds_since_step=30, seconds_of_step=20)).word == "healthy"


def test_noise_around_a_tiny_loss_is_no_divergence():
    tiny = [*FALLING, *[1e-4, 4e-4] * 20]
    assert verdict(job(), Facts(tiny)).word != "diverging"


def test_every_state_has_a_word():
    assert all(verdict(job(state), Facts()).word for state in JobState)
