"""How a job is, in a few words that its own figures say. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from chainrule.wire.job import Job, JobState
from chainrule.wire.layers import LayerFigures

STYLES = {"good": "green", "waits": "yellow", "sick": "bold red", "done": "dim"}
"""How the kinds of words are drawn; the words stand there as well."""
_PLAIN = {
    JobState.STARTING: ("waits", "starting"),
    JobState.PAUSED: ("waits", "paused"),
    JobState.SUCCEEDED: ("done", "done"),
    JobState.CANCELLED: ("done", "cancelled"),
}


@dataclass(frozen=True)
class Condition:
    """The kind is one of STYLES."""

    kind: str
    words: str


def condition(job: Job) -> Condition:
    """Return how a job is: a failure, what it waits for, a loss or a layer that is not well, or that all is well."""
    if job.state in _PLAIN:
        return Condition(*_PLAIN[job.state])
    if job.state is JobState.FAILED:
        return Condition("sick", job.reason or "failed")
    if job.state is JobState.QUEUED:
        return Condition("waits", job.reason or "waits for its turn")
    if not all(math.isfinite(values.get("loss", 0.0)) for values in job.metrics.values()):
        return Condition("sick", "diverging: the loss is not finite")
    if words := layer_words(job.layers):
        return Condition("sick", words)
    return Condition("good", "healthy") if job.workers else Condition("waits", "waits for workers")


def layer_words(layers: Sequence[LayerFigures]) -> str:
    """Return the layers that do not learn: `layers 1-3 vanishing, layer 5 dead`; nothing where all do."""
    found: dict[str, list[int]] = {}
    for layer in layers:
        if layer.diagnosis:
            found.setdefault(layer.diagnosis, []).append(layer.layer)
    return ", ".join(f"{_ranges(numbers)} {word}" for word, numbers in found.items())


def _ranges(numbers: Sequence[int]) -> str:
    """Return rising numbers as a person writes them: `layers 1-3, 7`, `layer 2`."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    spans = ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)
    return f"layer{'s' if len(numbers) > 1 else ''} {spans}"
