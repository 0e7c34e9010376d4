"""Running figures of jobs: of those that train, of those that have ended a moment ago, and of those that wait."""

import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from chainrule.wire.job import Job

# fmt: off
STEP_BUCKETS: tuple[float, ...] = (
    0.0005,
    0.001, 0.0025, 0.005,
    0.01, 0.025, 0.05,
    0.1, 0.25, 0.5,
    1.0, 2.5, 5.0,
    10.0, 25.0, 50.0,
    100.0,
)
# fmt: on
"""Upper bounds of chainrule_step_seconds, in seconds."""
KEPT_SECONDS = 300.0
"""So long the figures of a job that has ended are kept: Prometheus reads its last ones, and why it has failed."""


@dataclass(frozen=True)
class Durations:
    """A histogram: how many steps fell into each of STEP_BUCKETS and beyond the last, and the seconds of them all."""

    counts: tuple[int, ...] = (0,) * (len(STEP_BUCKETS) + 1)
    total: float = 0.0

    def plus(self, seconds: float) -> "Durations":
        """Give the histogram with one step more."""
        i = bisect_left(STEP_BUCKETS, seconds)
        counts = (*self.counts[:i], self.counts[i] + 1, *self.counts[i + 1 :])
        return Durations(counts, self.total + seconds)

    def cumulative(self) -> Sequence[tuple[str, float]]:
        """Pair each bound, as Prometheus writes it, with the number of steps up to it."""
        return list(zip((*map(repr, STEP_BUCKETS), "+Inf"), accumulate(self.counts), strict=True))


@dataclass
class LiveJob:
    """Running figures of one job. One thread updates them; `durations` and `job` are replaced, never changed.

    Moments are seconds since 1970, for Prometheus compares them with its own.
    """

    job: Job
    samples: int = 0
    pushes: dict[str, int] = field(default_factory=dict)
    durations: Durations = field(default_factory=Durations)
    phases: dict[str, float] = field(default_factory=dict)
    last_step: float | None = None
    staleness: int = 0
    leases_ended: int = 0
    checkpoints: int = 0
    checkpoint_version: int | None = None
    checkpoint_moment: float | None = None
    checkpoint_seconds: float | None = None
    """How often the job asks for one."""
    left_out: set[str] = field(default_factory=set)
    """What of it has been counted as left out of the metrics."""

    def observe_step(self, seconds: float, rows: int) -> None:
        """Count one step: how long it took, and the rows that it saw."""
        self.durations = self.durations.plus(seconds)
        self.samples += rows

    def observe_phases(self, phases: dict[str, float]) -> None:
        """Add the seconds of some steps' phases: compute, serialise, wire, wait, average, apply."""
        self.phases = {phase: self.phases.get(phase, 0.0) + seconds for phase, seconds in phases.items()}

    def observe_push(self, outcome: str, count: int = 1) -> None:
        """Count pushes that ended in `outcome`: applied, duplicate, stale, ..."""
        self.pushes[outcome] = self.pushes.get(outcome, 0) + count

    def observe_checkpoint(self, version: int, moment: float) -> None:
        """Count a checkpoint."""
        self.checkpoints += 1
        self.checkpoint_version, self.checkpoint_moment = version, moment


class Ended:
    """The figures of jobs that have ended, for KEPT_SECONDS. Any thread may read them, the latest first."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._jobs: dict[str, tuple[float, LiveJob]] = {}

    def __iter__(self) -> Iterator[LiveJob]:
        now = self._clock()
        return iter([live for end, live in reversed(self._jobs.copy().values()) if end > now])

    def add(self, live: LiveJob) -> None:
        """Keep the figures of a job that has just ended; others have had their time."""
        now = self._clock()
        kept = {job_id: entry for job_id, entry in self._jobs.items() if entry[0] > now}
        self._jobs = kept | {live.job.id: (now + KEPT_SECONDS, live)}

    def forget(self, job_id: str) -> None:
        """Drop a job that was deleted."""
        self._jobs = {other: entry for other, entry in self._jobs.items() if other != job_id}


class Waiting:
    """Since when jobs wait in the queue; of one that waited before the service was started, since then."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._since)

    def note(self, job_id: str, waits: bool) -> None:
        """Say whether a job waits."""
        if waits:
            self._since.setdefault(job_id, self._clock())
        else:
            self._since.pop(job_id, None)

    def longest(self) -> float:
        """Return the seconds that the first of them has waited."""
        first = min(self._since.copy().values(), default=None)
        return 0.0 if first is None else self._clock() - first  # read last, so that no job has come after it
