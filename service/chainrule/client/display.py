"""What a person sees of a job that is watched: a live bar in a terminal, lines in a pipe."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace

from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.text import Text

from chainrule.client.layers import layer_words, layers_table
from chainrule.client.measures import kept_step, training_text, validation_text
from chainrule.wire.job import Job, JobEvent, JobState
from chainrule.wire.layers import LayerFigures

Show = Callable[[JobEvent], None]
_PIPE_WIDTH = 4096  # where nobody looks at columns, nothing is cut


def open_console(*, stderr: bool = False) -> Console:
    """Return a console on stdout or stderr that takes text as it is: no markup, nothing wrapped or cut in a pipe."""
    terminal = (sys.stderr if stderr else sys.stdout).isatty()
    width = None if terminal else _PIPE_WIDTH
    return Console(
        stderr=stderr,
        force_terminal=terminal,
        width=width,
        soft_wrap=not terminal,
        markup=False,
        emoji=False,
        highlight=False,
    )


def follow(
    events: Iterable[JobEvent], console: Console, layers: Callable[[], tuple[LayerFigures, ...]] = tuple
) -> Job | None:
    """Show the events as they come, then a summary, and return the job as it was last: live in a terminal, or lines.

    `layers` tells how the layers learn now, which events do not.
    """
    job = None
    with _display(console) as show:
        for event in events:
            job = replace(event.job, layers=layers())
            show(replace(event, job=job))
    if job:
        console.print(summary(job))
    return job


def state_text(job: Job) -> str:
    """Return the state with its reason: `QUEUED: waits for Ray`, `PAUSED by the user at step 120`."""
    word = job.state.lower()
    if job.reason.startswith(word):
        return job.state + job.reason.removeprefix(word)
    return f"{job.state}: {job.reason}" if job.reason else job.state


def progress_text(job: Job) -> str:
    """Return the job's numbers: `step 120 of 240, epoch 5, loss 0.2141 (mean of 24 steps), ..., 2 workers`."""
    return f"step {job.version:,}" + (f" of {job.steps:,}" if job.steps else "") + f", {_numbers(job)}"


def _numbers(job: Job) -> str:
    speed = f"{job.samples_per_second:,.0f} samples/s" if job.samples_per_second else ""
    workers = f"{job.workers} worker{'' if job.workers == 1 else 's'}"
    return ", ".join(filter(None, [f"epoch {job.epoch}", measures_text(job), speed, workers]))


def measures_text(job: Job) -> str:
    """Return the training loss and what is known from validation, all of one step.

    `loss 0.2141 (mean of 100 steps), epoch 0.2203, validation accuracy 96.1 %`.
    """
    text = ", ".join(filter(None, [training_text(job), validation_text(job)]))
    kept = kept_step(job)
    return f"{text} (of step {kept:,}, whose weights are kept)" if text and kept is not None else text


def event_line(event: JobEvent) -> str:
    """Return the line of an event: `14:02:11 progress   step 120 of 240, ...`."""
    text = progress_text(event.job) if event.kind == "progress" else event.message or event.job.state
    return f"{event.time.astimezone():%H:%M:%S} {event.kind:<10} {text}"


def summary(job: Job) -> str:
    """Return the sentence that ends a watch."""
    words = f"{job.name} {job.state} at step {job.version:,} of {job.steps:,}"
    if job.started and job.finished:
        words += f" after {(job.finished - job.started).total_seconds():.1f} s"
    told = [
        job.reason,
        layer_words(job.layers),
        "" if job.reason and job.state is not JobState.SUCCEEDED else measures_text(job),
    ]
    return f"{words}: {'; '.join(filter(None, told))}".rstrip(": ")


@contextmanager
def transfer_bar(console: Console) -> Iterator[Callable[[str, int, int], None]]:
    """Give a function that draws how many bytes of a stage are done; in a pipe nothing is drawn."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_interactive) as bar:
        stages: dict[str, TaskID] = {}

        def show(stage: str, done: int, size: int) -> None:
            if stage not in stages:
                stages[stage] = bar.add_task(stage, total=size)
            bar.update(stages[stage], completed=done)

        yield show


def _display(console: Console) -> AbstractContextManager[Show]:
    return _bar(console) if console.is_interactive else _lines(console)


@contextmanager
def _lines(console: Console) -> Iterator[Show]:
    """Give a line for each event, and one whenever other layers do not learn than before."""
    told = ""

    def show(event: JobEvent) -> None:
        nonlocal told
        console.print(event_line(event), soft_wrap=True)
        if (words := layer_words(event.job.layers)) != told:
            told = words
            console.print(event_line(replace(event, kind="layers", message=words or "all learn again")), soft_wrap=True)

    yield show


@contextmanager
def _bar(console: Console) -> Iterator[Show]:
    with _JobProgress(console=console, transient=True) as bar:
        yield bar.show


class _JobProgress(Progress):
    """A bar of steps, the job's numbers, and a line for each layer; events other than progress become lines above."""

    def __init__(self, console: Console, transient: bool) -> None:
        self._job: Job | None = None
        state = TextColumn("{task.description}", markup=False)
        columns = (state, BarColumn(None), MofNCompleteColumn(), TimeRemainingColumn())
        super().__init__(*columns, console=console, transient=transient, expand=True)

    def show(self, event: JobEvent) -> None:
        """Draw the job as the event tells it; a progress event waits for the next of ten drawings a second."""
        self._job = job = event.job
        progress = event.kind == "progress"
        total = job.steps or None
        if not self.tasks:  # the speed, and so the time left, is measured from here
            self.add_task("", completed=job.version, total=total)
        words = state_text(job)
        self.update(self.task_ids[0], description=words, completed=job.version, total=total, refresh=not progress)
        if not progress:
            self.console.print(event_line(event))

    def get_renderables(self) -> Iterator[RenderableType]:
        """Yield the bar, the line of numbers and the layers."""
        yield self.make_tasks_table(self.tasks)
        if self._job:
            yield Text(_numbers(self._job), style="dim")
            if self._job.layers:
                yield layers_table(self._job.layers)
