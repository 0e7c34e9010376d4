"""What Prometheus sees: figures of live jobs, read when they are asked for. A job that ends takes its series along."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TypeAlias

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from chainrule.wire.job import Job, JobState

Registry: TypeAlias = CollectorRegistry

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
    """Running figures of one live job. One thread updates them; `durations` and `job` are replaced, never changed."""

    job: Job
    samples: int = 0
    pushes: dict[str, int] = field(default_factory=dict)
    durations: Durations = field(default_factory=Durations)
    phases: dict[str, float] = field(default_factory=dict)

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


class JobCollector(Collector):
    """Reads live jobs and the number of jobs in each state, whenever Prometheus asks, from any thread."""

    def __init__(self, live: Callable[[], Iterable[LiveJob]], states: Callable[[], Mapping[JobState, int]]) -> None:
        self._live = live
        self._states = states

    def collect(self) -> Iterator[Metric]:
        """Yield every metric family, at one moment."""
        live = tuple(self._live())
        jobs = tuple(figures.job for figures in live)
        yield _split_gauge("loss", "Loss, by split of the data.", jobs)
        yield _split_gauge("accuracy", "Share of rows that are classified right, by split of the data.", jobs)
        yield _gauge("step", "Optimizer updates so far.", ((job.id, job.version) for job in jobs))
        yield _gauge("epoch", "Epochs that are complete.", ((job.id, job.epoch) for job in jobs))
        yield _gauge("workers", "Workers that hold a lease.", ((job.id, job.workers) for job in jobs))
        yield _jobs(self._states())
        yield _samples(live)
        yield _pushes(live)
        yield _step_seconds(live)
        yield _phases(live)


def exposition(registry: Registry, accept: str = "") -> tuple[bytes, str]:
    """Write a registry as an HTTP client's Accept header wants it; gives the bytes and their content type."""
    encoder, content_type = choose_encoder(accept)
    return encoder(registry), content_type


def _gauge(name: str, text: str, values: Iterable[tuple[str, float]]) -> Metric:
    family = GaugeMetricFamily(f"chainrule_job_{name}", text, labels=["job"])
    for job, value in values:
        family.add_metric([job], value)
    return family


def _split_gauge(metric: str, text: str, jobs: Iterable[Job]) -> Metric:
    family = GaugeMetricFamily(f"chainrule_job_{metric}", text, labels=["job", "split"])
    for job in jobs:
        for split, values in job.metrics.items():
            if metric in values:
                family.add_metric([job.id, split], values[metric])
    return family


def _jobs(states: Mapping[JobState, int]) -> Metric:
    family = GaugeMetricFamily("chainrule_jobs", "Jobs, by state.", labels=["state"])
    for state in JobState:
        family.add_metric([state.value], states.get(state, 0))
    return family


def _samples(live: Iterable[LiveJob]) -> Metric:
    family = CounterMetricFamily("chainrule_job_samples_total", "Training rows seen.", labels=["job"])
    for figures in live:
        family.add_metric([figures.job.id], figures.samples)
    return family


def _pushes(live: Iterable[LiveJob]) -> Metric:
    family = CounterMetricFamily("chainrule_pushes_total", "Partials pushed, by outcome.", labels=["job", "outcome"])
    for figures in live:
        for outcome, count in sorted(figures.pushes.copy().items()):
            family.add_metric([figures.job.id, outcome], count)
    return family


def _step_seconds(live: Iterable[LiveJob]) -> Metric:
    family = HistogramMetricFamily("chainrule_step_seconds", "Time of one optimizer update.", labels=["job"])
    for figures in live:
        durations = figures.durations
        family.add_metric([figures.job.id], durations.cumulative(), durations.total)
    return family


def _phases(live: Iterable[LiveJob]) -> Metric:
    text = "Time of optimizer updates, by what it is spent on; the first four phases are means over the workers."
    family = SummaryMetricFamily("chainrule_step_phase_seconds", text, labels=["job", "phase"])
    for figures in live:
        for phase, seconds in figures.phases.items():
            family.add_metric([figures.job.id, phase], sum(figures.durations.counts), seconds)
    return family
