"""What is known of a job: the words that client, service and wire share."""

import math
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from chainrule.wire.layers import LayerFigures
from chainrule.wire.spec import JobSpec


class JobState(StrEnum):
    """Where a job is. chainrule.server.jobs says which moves are legal."""

    QUEUED = "QUEUED"
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @property
    def final(self) -> bool:
        """Whether the job has ended."""
        return self in (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED)


@dataclass(frozen=True)
class Health:
    """Whether a job learns, in a word, and in a sentence that says what it is read from and what may help.

    The level is one of good, busy, wait, warn, bad, done, rest: it chooses a colour; the word stands beside it.
    """

    level: str
    word: str
    sentence: str


@dataclass(frozen=True)
class Job:
    """A job at one moment. `steps` is 0 until the data has been read; `metrics` is by split, then by metric.

    metrics["train"] has `loss` (mean of the last `loss_steps` steps, weighted by rows), `epoch_loss` (of the last whole
    epoch), `batch_loss` (of the last step) and `step`, the version that they lead to; metrics["validation"] is of the
    latest evaluation; metrics["best"] has the best evaluation's `step`, all its metrics, and the `train_loss` of the
    epoch that ended there. `loss_unit` is the unit of every loss, `labels` are the columns that are predicted.

    At the end `confusion` has the weight of the validation rows by right class, then by predicted class.

    Of at most `max_workers`, which the user may change, `workers` take part. `layers` are as they were measured last;
    an event has none, no `health` and no `spec`. A job that is `blocked` waits until its data can be read; `reason`
    says what is wrong with it.
    """

    id: str
    name: str
    state: JobState
    created: datetime
    reason: str = ""
    version: int = 0
    steps: int = 0
    epoch: int = 0
    workers: int = 0
    max_workers: int = 1
    min_workers: int = 1
    metrics: dict[str, dict[str, float]] = field(default_factory=dict)
    confusion: dict[str, dict[str, float]] = field(default_factory=dict)
    weights_sha256: str | None = None
    started: datetime | None = None
    finished: datetime | None = None
    samples_per_second: float = 0.0
    events: int = 0
    layers: tuple[LayerFigures, ...] = ()
    health: Health | None = None
    loss_unit: str = ""
    labels: tuple[str, ...] = ()
    blocked: bool = False
    spec: JobSpec | None = None


def percent(done: float, of: float = 1) -> str:
    """Return a share rounded down to one decimal, so that only a whole is 100%: `99.1%` for 595 of 600.

    The page has the same rule (static/format.js).
    """
    return f"{math.floor(1000 * done / of + 1e-9) / 10:.1f}%"


@dataclass(frozen=True)
class JobEvent:
    """Event `number` (1, 2, ...) of a job, with the job as it was then."""

    number: int
    time: datetime
    kind: str
    message: str
    job: Job
