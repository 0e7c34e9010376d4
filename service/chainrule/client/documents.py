"""Jobs and events -> plain data for JSON."""

import math
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from chainrule.wire.dataset import Dataset
from chainrule.wire.job import Job, JobEvent

_KEYS = (
    *("id", "name", "state", "reason", "version", "steps", "epoch", "workers", "min_workers", "max_workers"),
    *("metrics", "loss_unit", "labels", "confusion", "samples_per_second", "events", "blocked", "weights_sha256"),
    *("created", "started", "finished"),
)
_COUNTS = ("step", "loss_steps")
"""Metrics that are whole numbers."""


def job_document(job: Job) -> dict[str, Any]:
    """Return what `show --json` prints: nothing and NaN become null, times are ISO 8601 in UTC.

    `spec` is the job file, where it is known: `list` does not ask for it.
    """
    layers = [plain(layer.document()) for layer in job.layers]
    document = _status(job) | {"layers": layers, "health": None if job.health is None else asdict(job.health)}
    return document | ({} if job.spec is None else {"spec": job.spec.document()})


def _status(job: Job) -> dict[str, Any]:
    metrics = {
        split: {name: int(value) if name in _COUNTS else value for name, value in found.items()}
        for split, found in job.metrics.items()
    }
    return {key: plain(metrics if key == "metrics" else getattr(job, key)) for key in _KEYS}


def dataset_document(dataset: Dataset) -> dict[str, Any]:
    """Return what `datasets --json` prints for one."""
    document: dict[str, Any] = plain(asdict(dataset))
    return document


def event_document(event: JobEvent) -> dict[str, Any]:
    """Return what `watch --json` prints for an event."""
    document = {"number": event.number, "time": plain(event.time), "kind": event.kind, "message": event.message}
    return document | {"job": _status(event.job)}


def in_order(names: Iterable[str]) -> list[str]:
    """Return the names of classes in their order: by number where all are numbers."""
    try:
        return sorted(names, key=float)
    except ValueError:
        return sorted(names)


def plain(value: Any) -> Any:
    """Return the value as JSON knows it."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
    if value == "" or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return value
