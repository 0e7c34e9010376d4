"""What Prometheus sees: figures of jobs, read when they are asked for. A job takes its series along when it goes.

At most JOBS jobs are shown and LAYERS layers of each; what is left out is counted. No label is a worker or a step.
"""

import platform
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.metadata import version
from itertools import islice
from typing import TypeAlias

import numpy as np
from prometheus_client import CollectorRegistry, Histogram, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from chainrule.server.diagnosis import WORDS
from chainrule.server.live import LiveJob, Waiting
from chainrule.wire.job import Job, JobState
from chainrule.wire.layers import LayerFigures

Registry: TypeAlias = CollectorRegistry
JOBS, LAYERS = 50, 32
SHOWN_STATES = (JobState.STARTING, JobState.RUNNING, JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED)
RPC_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)

GAUGES: Mapping[str, tuple[str, Callable[[LiveJob], float | None]]] = {
    "job_step": ("Optimizer updates so far.", lambda live: live.job.version),
    "job_planned_steps": ("Optimizer updates at the end.", lambda live: live.job.steps or None),
    "job_epoch": ("Epochs that are complete.", lambda live: live.job.epoch),
    "job_workers": ("Workers that hold a lease.", lambda live: live.job.workers),
    "job_samples_per_second": ("Training rows seen in a second.", lambda live: live.job.samples_per_second),
    "job_last_step_timestamp_seconds": ("When the last optimizer update was told.", lambda live: live.last_step),
    "worker_staleness_versions": ("Versions that the slowest worker is behind.", lambda live: live.staleness),
    "checkpoint_step": ("Optimizer updates that are in the last checkpoint.", lambda live: live.checkpoint_version),
    "checkpoint_timestamp_seconds": (
        "When the last checkpoint was written, or training began.",
        lambda live: live.checkpoint_moment,
    ),
    "checkpoint_interval_seconds": ("How often a checkpoint is asked for.", lambda live: live.checkpoint_seconds),
}
"""Behind chainrule_, by job: what it is, and where it comes from."""
COUNTERS: Mapping[str, tuple[str, Callable[[LiveJob], float]]] = {
    "job_samples_total": ("Training rows seen.", lambda live: live.samples),
    "lease_expirations_total": ("Workers that were silent for too long.", lambda live: live.leases_ended),
    "checkpoints_total": ("Checkpoints written.", lambda live: live.checkpoints),
}
SPLITS = ("train", "validation")
TRAINING_LOSSES = {
    "epoch_loss": "Mean training loss over the steps of the last whole epoch.",
    "batch_loss": "Training loss of the last step's batch alone.",
}
"""Behind chainrule_job_, by job."""
LAYER_GAUGES: Mapping[str, tuple[str, Callable[[LayerFigures], float | None]]] = {
    "weight_norm": ("Length of the weights.", lambda layer: layer.weight_norm),
    "update_ratio": ("Length of a step, of the length of the weights.", lambda layer: layer.update_ratio),
    "dead_ratio": ("Share of relus that give 0 for every row.", lambda layer: layer.dead_ratio),
    "saturation_ratio": ("Share of activations at an end of their range.", lambda layer: layer.saturation),
}
"""Behind chainrule_layer_, by job and layer."""


class JobCollector(Collector):
    """Reads jobs, queue and cluster whenever Prometheus asks, from any thread."""

    def __init__(
        self,
        live: Callable[[], Iterable[LiveJob]],
        states: Callable[[], Mapping[JobState, int]],
        ended: Iterable[LiveJob] = (),
        waiting: Waiting | None = None,
        cpus: Callable[[], int] = lambda: 0,
    ) -> None:
        self._live, self._states, self._ended = live, states, ended
        self._waiting, self._cpus = Waiting() if waiting is None else waiting, cpus
        self._left_out = Counter(job=0, layer=0)

    def collect(self) -> Iterator[Metric]:
        """Yield every metric family, at one moment."""
        live = tuple(self._live())
        everyone = (*live, *self._ended)
        shown = everyone[:JOBS]
        self._count_what_is_left_out(everyone)
        yield from self._service(live)
        yield from _jobs(shown)
        yield from _training(shown)
        yield from _layers(shown)
        text = "Jobs, and layers of jobs that are shown, for which there was no room here."
        yield _counter("metrics_left_out_total", text, ["kind"], (((kind,), n) for kind, n in self._left_out.items()))

    def _service(self, live: Iterable[LiveJob]) -> Iterator[Metric]:
        states = self._states()
        counts = (((state.value,), states.get(state, 0)) for state in JobState)
        yield _gauge("jobs", "Jobs, by state.", ["state"], counts)
        for name, text, value in (
            ("queue_jobs", "Jobs that wait in the queue.", len(self._waiting)),
            ("queue_longest_wait_seconds", "How long one of them has waited.", self._waiting.longest()),
            ("cluster_cpus", "CPUs that workers may use.", self._cpus()),
            ("cluster_cpus_in_use", "CPUs that workers use.", sum(each.job.workers for each in live)),
        ):
            yield _gauge(name, text, [], [((), value)])
        software = {"version": version("chainrule"), "python": platform.python_version(), "numpy": np.__version__}
        yield InfoMetricFamily("chainrule_build", "The service's software.", software)

    def _count_what_is_left_out(self, everyone: tuple[LiveJob, ...]) -> None:
        for i, each in enumerate(everyone):
            kind, number = ("job", 1) if i >= JOBS else ("layer", len(each.job.layers) - LAYERS)
            if number > 0 and kind not in each.left_out:
                each.left_out.add(kind)
                self._left_out[kind] += number


class Calls:
    """How long calls of the service take."""

    def __init__(self, registry: Registry) -> None:
        text = "Time of calls, to the end of their stream."
        labels = ["method", "code"]
        self._seconds = Histogram("chainrule_rpc_seconds", text, labels, registry=registry, buckets=RPC_BUCKETS)

    def observe(self, method: str, code: str, seconds: float) -> None:
        """Count a call that has ended."""
        self._seconds.labels(method, code).observe(seconds)


def new_registry(jobs: JobCollector) -> Registry:
    """Return all that the service shows, but for its calls."""
    registry = Registry()
    registry.register(jobs)
    ProcessCollector(registry=registry)
    return registry


def exposition(registry: Registry, accept: str = "") -> tuple[bytes, str]:
    """Write a registry as an HTTP client's Accept header wants it; gives the bytes and their content type."""
    encoder, content_type = choose_encoder(accept)
    return encoder(registry), content_type


Labelled: TypeAlias = Iterable[tuple[tuple[str, ...], float | None]]


def _filled(family: GaugeMetricFamily | CounterMetricFamily, values: Labelled) -> Metric:
    for labels, value in values:
        if value is not None:
            family.add_metric(labels, value)
    return family


def _gauge(name: str, text: str, labels: list[str], values: Labelled) -> Metric:
    return _filled(GaugeMetricFamily(f"chainrule_{name}", text, labels=labels), values)


def _counter(name: str, text: str, labels: list[str], values: Labelled) -> Metric:
    return _filled(CounterMetricFamily(f"chainrule_{name}", text, labels=labels), values)


def _jobs(shown: tuple[LiveJob, ...]) -> Iterator[Metric]:
    jobs = [each.job for each in shown]
    names = (((job.id, job.name), 1) for job in jobs)
    yield _gauge("job_info", "Jobs and their names.", ["job", "name"], names)
    states = (((job.id, state.value), job.state is state) for job in jobs for state in SHOWN_STATES)
    yield _gauge("job_state", "1 for the state that a job is in.", ["job", "state"], states)
    text = 'Loss: split="train" is the mean over the last steps, those of an epoch, at least 10 and at most 100.'
    yield _split("loss", text, jobs)
    for name, text in TRAINING_LOSSES.items():
        yield _gauge(f"job_{name}", text, ["job"], (((j.id,), j.metrics.get("train", {}).get(name)) for j in jobs))
    yield _split("accuracy", "Share of rows that are classified right, by split of the data.", jobs)
    for metric in sorted({metric for job in jobs for metric in job.metrics.get("validation", {})}):
        if re.fullmatch(r"[a-z][a-z0-9_]*", metric):
            values = (((job.id,), job.metrics.get("validation", {}).get(metric)) for job in jobs)
            yield _gauge(f"job_validation_{metric}", "A metric of the validation rows.", ["job"], values)


def _split(metric: str, text: str, jobs: Iterable[Job]) -> Metric:
    splits = ((job.id, split, job.metrics.get(split, {})) for job in jobs for split in SPLITS)
    return _gauge(f"job_{metric}", text, ["job", "split"], (((id, split), v.get(metric)) for id, split, v in splits))


def _training(shown: tuple[LiveJob, ...]) -> Iterator[Metric]:
    for name, (text, value) in GAUGES.items():
        yield _gauge(name, text, ["job"], [((each.job.id,), value(each)) for each in shown])
    for name, (text, value) in COUNTERS.items():
        yield _counter(name, text, ["job"], [((each.job.id,), value(each)) for each in shown])
    pushes = (
        ((each.job.id, outcome), n) for each in shown for outcome, n in sorted({"applied": 0, **each.pushes}.items())
    )
    yield _counter("pushes_total", "Partials pushed, by outcome.", ["job", "outcome"], pushes)
    seconds = HistogramMetricFamily("chainrule_step_seconds", "Time of one optimizer update.", labels=["job"])
    for each in shown:
        durations = each.durations
        seconds.add_metric([each.job.id], durations.cumulative(), durations.total)
    yield seconds
    yield _phases(shown)


def _phases(shown: tuple[LiveJob, ...]) -> Metric:
    text = "Time of optimizer updates, by what it is spent on; the first four phases are means over the workers."
    family = SummaryMetricFamily("chainrule_step_phase_seconds", text, labels=["job", "phase"])
    for each in shown:
        for phase, seconds in each.phases.items():
            family.add_metric([each.job.id, phase], sum(each.durations.counts), seconds)
    return family


def _layers(shown: tuple[LiveJob, ...]) -> Iterator[Metric]:
    layers = [(each.job.id, str(layer.layer), layer) for each in shown for layer in _ends(each.job.layers)]
    slopes = (
        ((job, L, kind), value)
        for job, L, layer in layers
        for kind, value in (("weight", layer.gradient_norm), ("bias", layer.bias_gradient_norm))
    )
    yield _gauge("layer_gradient_norm", "Length of the mean gradient.", ["job", "layer", "kind"], slopes)
    for name, (text, value) in LAYER_GAUGES.items():
        yield _gauge(f"layer_{name}", text, ["job", "layer"], [((job, L), value(layer)) for job, L, layer in layers])
    words = (((job, L, word), layer.diagnosis == word) for job, L, layer in layers for word in WORDS)
    yield _gauge("layer_diagnosis", "1 where this is wrong.", ["job", "layer", "diagnosis"], words)


def _ends(layers: tuple[LayerFigures, ...]) -> Iterable[LayerFigures]:
    """Return the first and the last layers, where gradients vanish and where they begin."""
    if len(layers) <= LAYERS:
        return layers
    return (*islice(layers, LAYERS // 2), *layers[-LAYERS // 2 :])
