"""Whether a job learns, in one word and one sentence. Pure.

The word is for a list of jobs, the sentence says what it is read from and, where something is wrong, what may help.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from chainrule.server.baselines import no_better
from chainrule.server.diagnosis import NO_GRADIENT
from chainrule.wire.job import Health, Job, JobState, percent
from chainrule.wire.layers import LayerFigures

ENOUGH_POINTS = 8
"""Of the loss: with fewer nothing is said."""
RISE, LOST = 2.0, 0.03
"""A loss diverges that is so many times the best one so far, and has lost this part of what was gained."""
FLAT = 0.005
"""A loss that has fallen by a smaller part over the last third of training stands still."""
GAINED = 0.98
"""A loss that is still at this part of the first one has not learned."""
FITTED = 1e-6
"""A loss up to this leaves nothing to learn."""
GAP = 1.5
"""A validation loss that is so many times its best one is one of overfitting."""


@dataclass(frozen=True)
class Facts:
    """What is known beside the job, from all of its history, also before the service was started again.

    A few losses along the way, validation losses, how long steps take, in seconds; the newest evaluations, in order,
    and the weight of the validation rows of each class; the CPUs of the cluster, 0 where that is not known, and whether
    it may grow while the service runs.
    """

    losses: Sequence[float] = ()
    validation: Sequence[float] = ()
    seconds_since_step: float | None = None
    seconds_of_step: float | None = None
    evaluations: Sequence[Mapping[str, float]] = ()
    class_weights: Sequence[float] = ()
    cpus: int = 0
    min_workers: int = 1
    may_grow: bool = False


def verdict(job: Job, facts: Facts) -> Health:
    """Return how a job is."""
    if job.state is JobState.RUNNING:
        return _running(job, facts)
    if job.state is JobState.FAILED:
        return Health("bad", "failed", job.reason or "it has failed")
    if job.state is JobState.SUCCEEDED:
        return Health("done", "done", _result(job))
    if job.state is JobState.QUEUED and job.blocked:
        return Health("bad", "cannot run", job.reason)
    if job.state is JobState.QUEUED and 0 < facts.cpus < facts.min_workers:
        return _never(facts)
    waiting = {
        JobState.QUEUED: Health("wait", "waiting", job.reason or "waits for its turn"),
        JobState.STARTING: _no_workers(job) or Health("busy", "starting", "data is read and workers start"),
        JobState.PAUSED: Health("rest", "paused", job.reason or "paused by the user"),
        JobState.CANCELLED: Health("rest", "cancelled", job.reason or "cancelled by the user"),
    }
    return waiting[job.state]


def _never(facts: Facts) -> Health:
    if facts.may_grow:
        return Health(
            "bad", "cannot run", f"cannot run until the cluster has {facts.min_workers} CPUs; it has {facts.cpus}"
        )
    return Health(
        "bad",
        "cannot run",
        f"it needs {facts.min_workers} CPUs (cluster.min_workers) and the service has {facts.cpus}: "
        f"`chainrule scale` to {facts.cpus} or fewer lets it start",
    )


def _running(job: Job, facts: Facts) -> Health:
    if not job.workers:
        waits = "it has no worker at present: training goes on as soon as one joins"
        return _no_workers(job) or Health("wait", "waiting", waits)
    found = _diverging(facts) or _silent(job) or _layers(job.layers) or _stalled(facts) or _uninformed(job, facts)
    return found or _overfitting(facts) or _learning(facts.losses)


def _no_workers(job: Job) -> Health | None:
    """A job that holds its CPUs has a reason where its workers do not start."""
    return Health("warn", "no workers", job.reason) if job.reason else None


def _diverging(facts: Facts) -> Health | None:
    losses = facts.losses
    for which, values in (("loss", losses), ("validation loss", facts.validation[-1:])):
        if any(not math.isfinite(loss) for loss in values):
            return Health("bad", "diverging", f"the {which} is not a finite number: a smaller learning rate may help")
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


def _silent(job: Job) -> Health | None:
    """Return what is wrong where no weight has a gradient, unless nothing is left to learn."""
    train = job.metrics.get("train", {})
    if not job.layers or any(layer.gradient_norm != 0 for layer in job.layers):
        return None
    if abs(train.get("batch_loss", math.inf)) <= FITTED:
        return None
    dead = _named(job.layers, "dead")
    if dead:
        cause = f"the relus of {dead} give 0 for every row, so that no layer has a gradient"
        return Health("bad", "dead neurons", f"{cause}: a smaller learning rate or leaky_relu may help")
    at = f" and the loss is {_number(train['loss'])}" if "loss" in train else ""
    return Health(
        "bad", "not learning", f"the gradient is 0 in every layer{at}: a smaller learning rate or leaky_relu may help"
    )


def _layers(layers: Sequence[LayerFigures]) -> Health | None:
    for diagnosis, (level, word, advice) in LAYER_WORDS.items():
        named = _named(layers, diagnosis)
        if named:
            cut = _named(layers, NO_GRADIENT) if diagnosis == "dead" else ""
            because = f"; because of it there is no gradient in {cut}" if cut else ""
            return Health(level, word, f"in {named}{because}: {advice}")
    return None


def _named(layers: Sequence[LayerFigures], diagnosis: str) -> str:
    """Return the layers with a diagnosis: `layer 1`, `layers 1, 2`; nothing where there is none."""
    numbers = [str(layer.layer) for layer in layers if layer.diagnosis == diagnosis]
    return f"layer{'s' if len(numbers) > 1 else ''} {', '.join(numbers)}" if numbers else ""


def _uninformed(job: Job, facts: Facts) -> Health | None:
    reason = no_better(facts.evaluations, facts.class_weights)
    return Health("warn", "not learning", f"after {job.epoch} epochs {reason}") if reason else None


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
                value = percent(metrics[metric]) if metric == "accuracy" else _number(metrics[metric])
                return f"{'validation' if split == 'validation' else 'training'} {words} {value}"
    return job.reason or "all steps are done"


def _number(value: float) -> str:
    return f"{value:.3g}"
