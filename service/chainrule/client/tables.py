"""Jobs as tables for a person to read."""

from collections.abc import Iterable
from datetime import datetime

from rich.table import Table

from chainrule.client.display import progress_text, state_text
from chainrule.client.documents import in_order
from chainrule.client.measures import all_training_text, all_validation_text, best_text
from chainrule.wire.dataset import Dataset
from chainrule.wire.job import Job

_COLUMNS = ("ID", "NAME", "STATE", "STEP", "LOSS", "ACCURACY", "WORKERS", "REASON")
_NUMBERS = ("STEP", "LOSS", "ACCURACY", "WORKERS")


def job_table(job: Job) -> Table:
    """Return one job as names and values; losses and metrics say what they are of."""
    table = Table.grid(padding=(0, 2))
    rows = {
        "id": job.id,
        "name": job.name,
        "state": state_text(job),
        "progress": progress_text(job),
        "max workers": str(job.max_workers),
        "training": all_training_text(job),
        "validation": all_validation_text(job),
        "best step": best_text(job),
        "loss unit": job.loss_unit,
        "weights": job.weights_sha256 or "",
        **{name: _moment(getattr(job, name)) for name in ("created", "started", "finished")},
    }
    for name, value in rows.items():
        if value:
            table.add_row(name, value)
    return table


def confusion_table(job: Job) -> Table:
    """Return how many validation rows of each class were taken for which, a line for each right class."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    names = in_order(job.confusion)
    table.add_column("CLASS")
    for name in names:
        table.add_column(f"AS {name}", justify="right")
    for right in names:
        table.add_row(right, *(f"{job.confusion[right].get(name, 0):g}" for name in names))
    return table


def jobs_table(jobs: Iterable[Job]) -> Table:
    """Return jobs as one line each, with the training loss and the validation accuracy."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in _COLUMNS:
        table.add_column(name, justify="right" if name in _NUMBERS else "left", no_wrap=name == "ID")
    for job in jobs:
        table.add_row(*_cells(job))
    return table


def datasets_table(datasets: Iterable[Dataset]) -> Table:
    """Return data sets as one line each."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("NAME", "BYTES", "UPLOADED", "SHA256"):
        table.add_column(name, justify="right" if name == "BYTES" else "left", no_wrap=True)
    for dataset in datasets:
        table.add_row(dataset.name, f"{dataset.size:,}", _moment(dataset.uploaded), dataset.sha256)
    return table


def _cells(job: Job) -> tuple[str, ...]:
    loss, accuracy = (job.metrics.get(s, {}).get(m) for s, m in (("train", "loss"), ("validation", "accuracy")))
    return (
        *(job.id, job.name, job.state, f"{job.version}/{job.steps}" if job.steps else "-"),
        *("-" if loss is None else f"{loss:.4f}", "-" if accuracy is None else f"{accuracy:.1%}"),
        *(str(job.workers), job.reason),
    )


def _moment(moment: datetime | None) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S}" if moment else ""
