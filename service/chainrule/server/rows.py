"""Rows of the store -> jobs."""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from chainrule.wire.job import Job, JobState
from chainrule.wire.layers import LayerFigures
from chainrule.wire.units import labels, loss_unit

_PLAIN = (
    *("id", "name", "reason", "version", "steps", "epoch", "workers", "max_workers", "metrics"),
    *("confusion", "weights_sha256", "samples_per_second", "events"),
)


def job_of(row: sa.RowMapping) -> Job:
    """Return the job of a row."""
    moments = {key: _moment(row[key]) for key in ("created", "started", "finished")}
    return Job(
        state=JobState(row["state"]),
        layers=tuple(map(LayerFigures.from_document, row["layers"])),
        min_workers=min_workers(row),
        loss_unit=loss_unit(row["spec"]),
        labels=labels(row["spec"]),
        **{key: row[key] for key in _PLAIN} | moments,
    )


def min_workers(row: sa.RowMapping) -> int:
    """Return the CPUs that a job waits for: scaling it to fewer workers lowers them."""
    spec: dict[str, Any] = row["spec"]
    return min(int(spec.get("cluster", {}).get("min_workers", 1)), int(row["max_workers"]))


def measured(loss: float, accuracy: float | None, metrics: dict[str, float]) -> dict[str, float]:
    """Return the metrics of an evaluation; a store of the first versions has the two by themselves alone."""
    known = {"loss": loss, "accuracy": accuracy, **metrics}
    return {name: value for name, value in known.items() if value is not None}


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
