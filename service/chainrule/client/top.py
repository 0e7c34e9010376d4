"""All jobs in one table, live: `chainrule top`."""

import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import click
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from chainrule.client import options
from chainrule.client.client import Client
from chainrule.client.display import open_console
from chainrule.client.documents import job_document
from chainrule.wire.errors import DeadlineExceeded, ServiceUnavailable
from chainrule.wire.job import Health, Job, JobState, percent

_ORDER = (
    *(JobState.RUNNING, JobState.STARTING, JobState.QUEUED, JobState.PAUSED),
    *(JobState.FAILED, JobState.SUCCEEDED, JobState.CANCELLED),
)
STYLES = {"good": "green", "busy": "cyan", "wait": "yellow", "warn": "bold yellow", "bad": "bold red", "done": "dim"}
"""How the levels of health are drawn; the words stand there as well."""
LEGEND = "AGE: since submission"
_SHORT = ("good", "busy", "done", "rest")
_LEFT = ("ID", "NAME", "STATE", "HEALTH")


def progress(job: Job) -> float | None:
    """Return the share of its steps that a job has done; None until its data has been read."""
    return job.version / job.steps if job.steps else None


def loss(job: Job) -> float | None:
    """Return the training loss."""
    return job.metrics.get("train", {}).get("loss")


def age(job: Job, now: datetime) -> float:
    """Return the seconds since a job was submitted."""
    return max(0.0, (now - job.created).total_seconds())


def _urgency(job: Job) -> tuple[int, float]:
    """Order by state: those that train, those that will, those that have ended; the newest first."""
    return _ORDER.index(job.state), -job.created.timestamp()


def _loss_rank(value: float | None) -> float:
    """Let losses that are not finite come first, and those that are not known last."""
    return math.inf if value is None else value if math.isfinite(value) else -math.inf


SORTS: dict[str, Callable[[Job], Any]] = {
    "state": _urgency,
    "name": lambda job: job.name,
    "progress": lambda job: -(progress(job) or 0.0),
    "loss": lambda job: _loss_rank(loss(job)),
    "speed": lambda job: -job.samples_per_second,
    "workers": lambda job: -job.workers,
    "age": lambda job: -job.created.timestamp(),
}


def arranged(jobs: Sequence[Job], by: str, most: int | None) -> list[Job]:
    """Return jobs in an order; where there is no room for all, the oldest of those that have ended are left out."""
    kept = sorted(jobs, key=_urgency)[:most]
    return sorted(kept, key=SORTS[by])


def jobs_table(jobs: Sequence[Job], now: datetime, *, fitted: bool = False) -> Table:
    """Return jobs as one line each, as wide as it takes, or fitted to the terminal: names and words are cut then."""
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold", expand=fitted)
    for name in ("ID", "NAME", "STATE", "DONE", "LOSS", "ROWS/S", "W", "AGE", "HEALTH"):
        table.add_column(
            name,
            justify="left" if name in _LEFT else "right",
            no_wrap=True,
            overflow="ellipsis",
            ratio={"NAME": 2, "HEALTH": 5}.get(name) if fitted else None,
        )
    for job in jobs:
        table.add_row(*_cells(job, now))
    return table


def _cells(job: Job, now: datetime) -> tuple[str | Text, ...]:
    training = loss(job)
    return (
        *(job.id, Text(job.name), job.state.lower(), percent(job.version, job.steps) if job.steps else "-"),
        *("-" if training is None else f"{training:.4g}", f"{job.samples_per_second:,.0f}" if job.workers else "-"),
        *(str(job.workers), _duration(age(job, now)), _health(job.health)),
    )


def _health(health: Health | None) -> Text:
    """Write a word alone where all is well, else with what it is read from."""
    if health is None:
        return Text("-")
    told = health.word if health.level in _SHORT else f"{health.word}: {health.sentence}"
    return Text(told, STYLES.get(health.level, ""))


def _duration(seconds: float) -> str:
    """Write the largest unit: 12s, 3m, 2h, 4d."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds / size:.0f}{unit}"
    return f"{seconds:.0f}s"


def headline(jobs: Sequence[Job], address: str) -> str:
    """Return how many jobs there are: `3 jobs train with 5 workers, 1 waits, 12 have ended`."""
    training = [job for job in jobs if job.state in (JobState.STARTING, JobState.RUNNING)]
    waiting = sum(job.state in (JobState.QUEUED, JobState.PAUSED) for job in jobs)
    workers = sum(job.workers for job in training)
    return f"{address}: {len(training)} training on {workers} workers, {waiting} waiting, " + (
        f"{len(jobs) - len(training) - waiting} ended"
    )


def document(job: Job, now: datetime) -> dict[str, Any]:
    """Return a job as `top --json` prints it."""
    more = {"progress": progress(job), "samples_per_second": job.samples_per_second, "age_seconds": age(job, now)}
    return job_document(job) | more


@click.command()
@click.option("--sort", type=click.Choice(list(SORTS)), default="state", show_default=True, help="What comes first.")
@click.option("--interval", type=click.FloatRange(0.2), default=2.0, show_default=True, help="Seconds between looks.")
@click.option("--once", is_flag=True, help="Print all jobs once, as in a pipe.")
@options.as_json
@options.server
def top(sort: str, interval: float, once: bool, as_json: bool) -> None:
    """Show all jobs live: state, share done, loss, rows a second, workers (W), age, and what is wrong.

    AGE is the time since a job was submitted. q or Ctrl-C ends it. In a pipe, with --once or with --json all jobs are
    printed once.

    \b
    chainrule top
    chainrule top --sort loss
    chainrule top --json | jq '.[] | select(.health.level == "bad") | .id'
    """
    console = open_console()
    with options.connect() as client:
        if as_json:
            options.print_json([document(job, _now()) for job in arranged(client.list(), sort, None)])
        elif once or not console.is_interactive:
            console.print(*_picture(client.list(), sort, client.address, None), sep="\n")
        else:
            _live(client, console, sort, interval)


def _now() -> datetime:
    return datetime.now(UTC)


def _picture(jobs: Sequence[Job], sort: str, address: str, most: int | None) -> tuple[RenderableType, ...]:
    table = jobs_table(arranged(jobs, sort, most), _now(), fitted=most is not None)
    head = headline(jobs, address)
    if most is None:
        return Text(f"{head}; {LEGEND}"), table
    return Text(head, no_wrap=True, overflow="ellipsis"), Text(f"{LEGEND}; q ends this", STYLES["done"]), table


def _live(client: Client, console: Console, sort: str, interval: float) -> None:
    """Draw until q or Ctrl-C. While the service is away the last picture stays, with a line that says so."""
    from chainrule.client.keys import keys  # only where there is a terminal as Unix knows it

    jobs, trouble = client.list(), ""
    live = Live(console=console, screen=True, auto_refresh=False)
    with suppress(KeyboardInterrupt), keys() as pressed, live:
        while True:
            picture = _picture(jobs, sort, client.address, console.height - 4)
            live.update(Group(*picture, Text(trouble, STYLES["bad"])), refresh=True)
            if pressed.pressed(b"q", interval):
                return
            try:
                jobs, trouble = client.list(), ""
            except (ServiceUnavailable, DeadlineExceeded) as error:
                trouble = f"This is how it was: {error}"
