"""From the parameter server's reports to what is known of a job: history, metrics, events."""

import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from chainrule.data.dataset import DatasetSummary
from chainrule.server.backlog import Backlog, until_written
from chainrule.server.board import Board
from chainrule.server.diagnosis import diagnose
from chainrule.server.jobs import Move
from chainrule.server.recall import new_losses, recall
from chainrule.server.store import HISTORY
from chainrule.wire.advice import advice
from chainrule.wire.errors import TooMuch
from chainrule.wire.job import JobState
from chainrule.wire.layers import LayerFigures
from chainrule.wire.spec import JobSpec

EVENT_SECONDS = 0.5
"""The shortest time between two progress events."""
RATE_SECONDS = 2.0
"""Samples a second are counted over at least so long."""


class Progress:
    """Follows one job. Everything goes into the history; events are told at a pace that a person can follow."""

    def __init__(
        self,
        job_id: str,
        board: Board,
        spec: JobSpec,
        summary: DatasetSummary,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._job_id, self._board, self._spec, self._summary, self._clock = job_id, board, spec, summary, clock
        self.version = 0
        self._workers = 0
        self._told = float("-inf")
        self._rate = Rate(clock())
        self._losses = new_losses(spec, summary)
        self._backlog = Backlog(job_id, board)
        self._machines: list[dict[str, str]] = []
        self._faults: Counter[str] = Counter()
        self._phases: Counter[str] = Counter()
        self._phased = 0  # steps that these are the seconds of
        self._members: list[dict[str, Any]] = []

    async def begin(self, version: int) -> None:
        """Note what the data has told, and the version that training goes on from."""
        self.version = version
        row = await self._board.read(self._board.store.row, self._job_id)
        self._machines, self._faults = list(row["machines"]), Counter(row["faults"])
        self._phases, self._phased = Counter(row["figures"].get("phases", {})), row["figures"].get("steps", 0)
        self._losses = await recall(self._board, self._job_id, self._spec, self._summary, version)
        live = self._board.live[self._job_id]
        live.checkpoint_moment = live.last_step = self._board.now().timestamp()
        live.checkpoint_seconds = self._spec.training.checkpoint_seconds
        changes = {
            "data": self._summary.document(),
            "steps": self._summary.steps(self._spec),
            "version": version,
            "epoch": self._epoch(version),
            "metrics": self._losses.metrics(),
        }
        first = row["data"] is None
        for note in self._summary.notes if first else ():
            await self._backlog.write({}, ("data", f"{self._spec.data.train}: {note}"))
        for warning in (*advice(self._spec), *self._summary.warnings) if first else ():
            await self._backlog.write({}, ("warning", warning))
        await self._backlog.write(changes)

    async def take(self, report: dict[str, Any]) -> None:
        """Record a report."""
        job = self._board.live[self._job_id].job
        if job.state is JobState.STARTING and report["workers"]:
            with suppress(TooMuch):  # the next report tries again
                await self._board.move(self._job_id, Move.RUN)
        for warning in report["warnings"]:
            await self._backlog.write({}, ("warning", warning))
        self._count(report)
        changes = self._changes(report) | self._figures(report)
        event = self._event(report)
        await self._backlog.write(changes, event, {name: report[name] for name in HISTORY})

    async def checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Record a checkpoint."""
        await self._backlog.add_checkpoint(checkpoint)

    async def finish(self) -> None:
        """Wait until all is on disk."""
        await until_written(self._backlog.flush, f"job {self._job_id}")

    async def conclude(self, kept: int | None) -> None:
        """Let all metrics be those of the version whose weights were kept, None: of the last one."""
        changes: dict[str, Any] = {}
        if kept is not None:
            losses = await recall(self._board, self._job_id, self._spec, self._summary, kept)
            changes["metrics"] = losses.metrics() | {"best": losses.at(kept)}
        evaluation = await self._board.read(self._board.store.evaluation, self._job_id, kept)
        if evaluation is not None:
            changes["confusion"] = evaluation["confusion"]
        if changes:
            await self._backlog.write(changes)
            await self.finish()

    async def survive(self, fault: str, warning: str) -> None:
        """Count a fault that training goes on from, and warn of it."""
        self._faults[fault] += 1
        await self._backlog.write({"faults": dict(+self._faults)}, ("warning", warning))

    async def warn(self, warning: str, reason: str | None = None) -> None:
        """Warn of something, which is also the reason of the job's state where one is given."""
        await self._backlog.write({} if reason is None else {"reason": reason}, ("warning", warning))

    async def explain(self, reason: str) -> None:
        """Say why the job is in its state, without an event."""
        await self._backlog.write({"reason": reason})

    def _epoch(self, version: int) -> int:
        return version // self._summary.steps_per_epoch(self._spec)

    def _count(self, report: dict[str, Any]) -> None:
        live = self._board.live[self._job_id]
        for _, _, rows, seconds in report["steps"]:
            live.observe_step(seconds, rows)
        if report["steps"]:
            live.last_step = self._board.now().timestamp()
        live.observe_phases(report["phases"])
        live.staleness, live.leases_ended = report["staleness"], live.leases_ended + report["leases_ended"]
        for outcome, count in report["pushes"].items():
            live.observe_push(outcome, count)
        refused = {f"pushes_{outcome}": count for outcome, count in report["pushes"].items() if outcome != "applied"}
        self._faults.update(refused, leases_ended=report["leases_ended"])
        self._machines += [machine for machine in report["machines"] if machine not in self._machines]

    def _figures(self, report: dict[str, Any]) -> dict[str, Any]:
        """Return how training goes as the page shows it, when there is more to tell than numbers that grow."""
        self._phases.update(report["phases"])
        self._phased += len(report["steps"])
        if "members" in report:
            self._members = report["members"]
        elif not report["ended"]:
            return {}
        return {"figures": {"phases": dict(self._phases), "steps": self._phased, "members": self._members}}

    def _changes(self, report: dict[str, Any]) -> dict[str, Any]:
        self.version = report["version"]
        evaluations = [(version, measured) for version, _, _, measured, _ in report["evaluations"]]
        self._losses.take([(version, loss, rows) for version, loss, rows, _ in report["steps"]], evaluations)
        layers = diagnose([LayerFigures.from_document(layer) for layer in report["layers"]])
        return {
            **({"layers": [layer.document() for layer in layers]} if layers else {}),
            "version": self.version,
            "epoch": self._epoch(self.version),
            "workers": report["workers"],
            "metrics": self._losses.metrics(),
            "machines": self._machines,
            "faults": dict(+self._faults),
            "samples_per_second": self._rate.add(self._clock(), sum(step[2] for step in report["steps"])),
        }

    def _event(self, report: dict[str, Any]) -> tuple[str, str] | None:
        """Return the event that the report is worth: other workers always, progress now and then and at the end."""
        if report["workers"] != self._workers and not report["ended"]:
            self._workers = report["workers"]
            return "workers", f"{self._workers} {'worker' if self._workers == 1 else 'workers'}"
        now = self._clock()
        if report["ended"] or now - self._told >= EVENT_SECONDS:
            self._told = now
            return "progress", f"step {self.version}"
        return None


class Rate:
    """Samples a second over the last few seconds."""

    def __init__(self, now: float) -> None:
        self._since, self._samples, self._rate = now, 0, 0.0

    def add(self, now: float, samples: int) -> float:
        """Count samples and return the rate of the last full span, or of the one that has begun where there is none."""
        self._samples += samples
        span = now - self._since
        if span >= RATE_SECONDS or not self._rate:
            self._rate = self._samples / span if span > 0 else 0.0
        if span >= RATE_SECONDS:
            self._since, self._samples = now, 0
        return self._rate
