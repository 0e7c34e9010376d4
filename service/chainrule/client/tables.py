"""Jobs as tables for a person to read."""

from collections.abc import Iterable
from datetime import datetime

from rich.table import Table
from rich.text import Text

from chainrule.client.display import progress_text, state_text
from chainrule.client.documents import in_order
from chainrule.client.measures import all_training_text, all_validation_text, best_text
from chainrule.wire.dataset import Dataset
from chainrule.wire.job import Job, percent

_COLUMNS = ("ID", "NAME", "STATE", "STEP", "LOSS", "ACCURACY", "WORKERS", "REASON")
_FITTED = ("ID", "NAME", "STATE", "DONE", "LOSS", "ACCURACY", "W", "REASON")
_NUMBERS = ("STEP", "DONE", "LOSS", "ACCURACY", "WORKERS", "W")

UNCUT = 4096
"""The width of a console that cuts nothing."""


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


def jobs_table(jobs: Iterable[Job], *, fitted: bool = False) -> Table:
    """Return jobs as one line each, with the training loss and the validation accuracy.

    It is as wide as it takes; fitted, as wide as the terminal: names and reasons are cut then, and the steps done are
    a share.
    """
    columns = _FITTED if fitted else _COLUMNS
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold", expand=fitted)
    for name in columns:
        table.add_column(
            name,
            justify="right" if name in _NUMBERS else "left",
            no_wrap=True,
            overflow="ellipsis",
            ratio={"NAME": 2, "REASON": 3}.get(name) if fitted else None,
        )
    for job in jobs:
        cells = _cells(job, fitted=fitted)
        table.add_row(*(cells[name] for name in columns))
    return table


def datasets_table(datasets: Iterable[Dataset]) -> Table:
    """Return data sets as one line each."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("NAME", "BYTES", "UPLOADED", "SHA256"):
        table.add_column(name, justify="right" if name == "BYTES" else "left", no_wrap=True)
    for dataset in datasets:
        table.add_row(dataset.name, f"{dataset.size:,}", _moment(dataset.uploaded), dataset.sha256)
    return table


def _cells(job: Job, *, fitted: bool) -> dict[str, Text]:
    """Return what is in each column; a reason of several lines becomes one."""
    loss, accuracy = (job.metrics.get(s, {}).get(m) for s, m in (("train", "loss"), ("validation", "accuracy")))
    cells = {
        "ID": job.id,
        "NAME": job.name,
        "STATE": job.state,
        "STEP": f"{job.version}/{job.steps}" if job.steps else "-",
        "DONE": percent(job.version, job.steps) if job.steps else "-",
        "LOSS": "-" if loss is None else f"{loss:.4g}" if fitted else f"{loss:.4f}",
        "ACCURACY": "-" if accuracy is None else percent(accuracy),
        "WORKERS": str(job.workers),
        "W": str(job.workers),
        "REASON": " ".join((f"cannot run: {job.reason}" if job.blocked else job.reason).split()),
    }
    return {name: Text(text) for name, text in cells.items()}


def _moment(moment: datetime | None) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S}" if moment else ""
