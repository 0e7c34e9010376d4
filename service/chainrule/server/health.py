"""Whether a job learns, in one word and one sentence. Pure.

The word is for a list of jobs, the sentence says what it is read from and, where something is wrong, what may help.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from chainrule.wire.job import Health, Job, JobState
from chainrule.wire.layers import LayerFigures

ENOUGH_POINTS = 8
"""Of the loss: with fewer nothing is said."""
RISE, LOST = 2.0, 0.03
"""A loss diverges that is so many times the best one so far, and has lost this part of what was gained."""
FLAT = 0.005
"""A loss that has fallen by a smaller part over the last third of training stands still."""
GAINED = 0.98
"""A loss that is still at this part of the first one has not learned."""
GAP = 1.5
"""A validation loss that is so many times its best one is one of overfitting."""


@dataclass(frozen=True)
class Facts:
    """What is known beside the job: a few losses along the way, validation losses, how long steps take."""

    losses: Sequence[float] = ()
    validation: Sequence[float] = ()
    seconds_since_step: float | None = None
    seconds_of_step: float | None = None


def verdict(job: Job, facts: Facts) -> Health:
    """Return how a job is."""
    if job.state is JobState.RUNNING:
        return _running(job, facts)
    if job.state is JobState.FAILED:
        return Health("bad", "failed", job.reason or "it has failed")
    if job.state is JobState.SUCCEEDED:
        return Health("done", "done", _result(job))
    waiting = {
        JobState.QUEUED: Health("wait", "waiting", job.reason or "waits for its turn"),
        JobState.STARTING: _no_workers(job) or Health("busy", "starting", "data is read and workers start"),
        JobState.PAUSED: Health("rest", "paused", job.reason or "paused by the user"),
        JobState.CANCELLED: Health("rest", "cancelled", job.reason or "cancelled by the user"),
    }
    return waiting[job.state]


def _running(job: Job, facts: Facts) -> Health:
    if not job.workers:
        waits = "it has no worker at present: training goes on as soon as one joins"
        return _no_workers(job) or Health("wait", "waiting", waits)
    found = _diverging(facts.losses) or _layers(job.layers) or _stalled(facts) or _overfitting(facts)
    return found or _learning(facts.losses)


def _no_workers(job: Job) -> Health | None:
    """A job that holds its CPUs has a reason where its workers do not start."""
    return Health("warn", "no workers", job.reason) if job.reason else None


def _diverging(losses: Sequence[float]) -> Health | None:
    if any(not math.isfinite(loss) for loss in losses):
        return Health("bad", "diverging", "the loss is not a finite number: a smaller learning rate may help")
    if len(losses) < ENOUGH_POINTS:
        return None
    recent, best, first = median(losses[-3:]), min(losses), losses[0]
    if recent > RISE * best > 0 and recent - best > LOST * (first - best):
        return Health(
            "bad",
            "diverging",
            f"the loss has risen from {_number(best)} to {_number(recent)}: a smaller learning rate may help",
        )
    return None


LAYER_WORDS = {
    "exploding": ("bad", "exploding gradients", "a smaller learning rate or clipping may help"),
    "vanishing": ("warn", "vanishing gradients", "relu, He initial weights or fewer layers may help"),
    "dead": ("warn", "dead neurons", "a smaller learning rate or leaky_relu may help"),
}


def _layers(layers: Sequence[LayerFigures]) -> Health | None:
    for diagnosis, (level, word, advice) in LAYER_WORDS.items():
        named = [str(layer.layer) for layer in layers if layer.diagnosis == diagnosis]
        if named:
            which = f"layer {named[0]}" if len(named) == 1 else f"layers {', '.join(named)}"
            return Health(level, word, f"in {which}: {advice}")
    return None


def _stalled(facts: Facts) -> Health | None:
    since, typical = facts.seconds_since_step, facts.seconds_of_step
    if since is not None and typical is not None and since > max(10.0, 20 * typical):
        return Health("warn", "stalled", f"no step for {since:.0f} s; one takes {_number(typical)} s as a rule")
    return None


def _overfitting(facts: Facts) -> Health | None:
    finite = [loss for loss in facts.validation if math.isfinite(loss)]
    if min(len(finite), len(facts.losses)) < ENOUGH_POINTS or median(finite[-3:]) <= GAP * min(finite):
        return None
    if median(facts.losses[-3:]) > GAP * min(facts.losses):  # it is not the validation rows alone
        return None
    return Health(
        "warn",
        "overfitting",
        f"the validation loss has risen from {_number(min(finite))} to {_number(median(finite[-3:]))}: "
        "early_stopping keeps the best weights",
    )


def _learning(losses: Sequence[float]) -> Health:
    if len(losses) < ENOUGH_POINTS:
        return Health("good", "healthy", "training has just begun")
    third = max(2, len(losses) // 3)
    before, recent = median(losses[-2 * third : -third]), median(losses[-third:])
    if recent >= GAINED * losses[0]:
        return Health(
            "warn", "not learning", f"the loss is at {_number(recent)}, near {_number(losses[0])}, where it began"
        )
    if before - recent < FLAT * abs(before):
        return Health("good", "plateau", f"the loss stays at {_number(recent)}")
    return Health("good", "healthy", f"the loss falls: {_number(losses[0])} → {_number(losses[-1])}")


def _result(job: Job) -> str:
    for split in ("validation", "train"):
        metrics = job.metrics.get(split, {})
        for metric, words in (("accuracy", "accuracy"), ("r2", "R²"), ("loss", "loss")):
            if metric in metrics and not (split == "train" and metric != "loss"):
                return f"{'validation' if split == 'validation' else 'training'} {words} {_number(metrics[metric])}"
    return job.reason or "all steps are done"


def _number(value: float) -> str:
    return f"{value:.3g}"
