"""Jobs as the page reads them: plain documents."""

import math
from typing import Any

from chainrule.client.documents import job_document, plain
from chainrule.data.dataset import DatasetSummary
from chainrule.server.store import Row
from chainrule.wire.job import Health, Job
from chainrule.wire.spec import JobSpec
from chainrule.wire.validation import parse_spec

_HEAVY = ("confusion", "layers")


def job_view(job: Job, health: Health, losses: list[float] | None = None) -> dict[str, Any]:
    """Return a job for the list; `losses` are a few along the way, where they are at hand."""
    document = {key: value for key, value in job_document(job).items() if key not in _HEAVY}
    document |= {"samples_per_second": job.samples_per_second, "events": job.events, "reason": job.reason}
    document["health"] = {"level": health.level, "word": health.word, "sentence": health.sentence}
    document["not_finite"] = [
        split for split in ("train", "validation") if _unreal(job.metrics.get(split, {}).get("loss"))
    ]
    if losses is not None:
        document["losses"] = plain(losses)
    return document


def details(job: Job, row: Row) -> dict[str, Any]:
    """Return what the page of one job shows beside that: specification, network, data, workers, phases."""
    spec = parse_spec(row["spec"])
    summary = None if row["data"] is None else DatasetSummary.from_document(row["data"])
    found: dict[str, Any] = plain(
        {
            "spec": spec.document(),
            "network": _network(spec, summary),
            "data": None if summary is None else _data(summary, spec),
            "figures": dict(row["figures"]),
            "layers": [layer.document() for layer in job.layers],
            "faults": dict(row["faults"]),
            "machines": list(row["machines"]),
            "confusion": dict(row["confusion"]),
            "generation": row["generation"],
        }
    )
    return found


def _network(spec: JobSpec, summary: DatasetSummary | None) -> dict[str, Any]:
    """Return the layers with their shapes; sizes that the data gives are None until it has been read."""
    units = [layer.units for layer in spec.network.layers]
    sizes: list[int | None] = [None, *units] if summary is None else [*summary.network(spec).sizes]
    dropout = [layer.dropout or 0.0 for layer in spec.network.layers]
    layers = [
        {"layer": L, "units": sizes[L], "activation": activation, "dropout": dropout[L - 1]}
        for L, activation in enumerate(spec.network.activations, 1)
    ]
    return {"inputs": sizes[0], "layers": layers, "loss": spec.network.loss}


def _data(summary: DatasetSummary, spec: JobSpec) -> dict[str, Any]:
    return {
        "sha256": summary.sha256,
        "columns": len(summary.columns),
        "classes": list(summary.classes),
        "rows": sum(summary.rows_of_shards),
        "validation_rows": summary.validation_rows,
        "shards": len(summary.rows_of_shards),
        "steps_per_epoch": summary.steps_per_epoch(spec),
    }


def _unreal(value: float | None) -> bool:
    return value is not None and not math.isfinite(value)
