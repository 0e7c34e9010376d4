"""All jobs as the page shows them, and what changes of them: one answer for however many look."""

import asyncio
import json
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from chainrule.server.answers import Answers
from chainrule.server.board import Board
from chainrule.server.health import Facts, verdict
from chainrule.server.history import History
from chainrule.server.views import job_view
from chainrule.wire.errors import JobNotFound
from chainrule.wire.job import Health, Job, JobState

FINISHED_SHOWN = 1000
"""Jobs that have ended, on the page: the newest ones. Jobs that have not ended are always there."""
PACE_SECONDS = 0.5
"""The shortest time between two tellings of what has changed."""
ALIVE_SECONDS = 10.0
"""The longest time between two: the cluster may change though no job does."""
KEPT_VERDICTS = 256

Cpus = Callable[[], tuple[int, int]]
Trouble = Callable[[], str | None]


@dataclass(frozen=True)
class _Known:
    """What was found out of a job; it is at this version since then."""

    job: Job
    since: float
    health: Health
    losses: list[float]


class Fleet:
    """Reads jobs with their health; `cpus` gives those that jobs hold and those that there are.

    A cluster that `may_grow` can get more of them while the service runs. `trouble` says why the service as a whole
    trains nothing, None where it can.
    """

    def __init__(
        self,
        board: Board,
        history: History,
        cpus: Cpus,
        clock: Callable[[], float] = time.monotonic,
        *,
        may_grow: bool = False,
        trouble: Trouble = lambda: None,
    ) -> None:
        self._board, self._history, self._cpus, self._clock = board, history, cpus, clock
        self._may_grow, self._trouble = may_grow, trouble
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._answers = Answers(clock)

    async def everything(self) -> dict[str, Any]:
        """Return the list of jobs, the newest first, with the mark of this moment."""
        mark = self._board.changes.mark
        jobs = await self._board.all_jobs()
        shown = newest(jobs)
        views = [await self.view(job) for job in shown]
        return {"mark": mark, "jobs": views, "hidden": len(jobs) - len(shown)} | await self._cluster()

    async def changes(self, mark: str) -> AsyncGenerator[tuple[str, bytes], None]:
        """Yield (mark, document) whenever jobs have changed since the last one; a document with all where need be."""
        while True:
            news = self._board.changes.news
            now = self._board.changes.mark
            yield now, await self._answers.get((mark, now), partial(self._since, mark, now))
            mark = now
            await asyncio.sleep(PACE_SECONDS)
            try:
                await asyncio.wait_for(news.wait(), ALIVE_SECONDS)
            except TimeoutError:
                continue

    async def _since(self, mark: str, now: str) -> bytes:
        """Return what has changed between two marks; all jobs where that is not known."""
        changed = self._board.changes.since(mark)
        if changed is None:
            document = await self.everything()
        else:
            views = [await self._changed(job_id) for job_id in changed]
            document = {"mark": now, "changed": views} | await self._cluster()
        return json.dumps(document, allow_nan=False).encode()

    async def _changed(self, job_id: str) -> dict[str, Any]:
        try:
            return await self.view(await self._board.read(self._board.store.job, job_id))
        except JobNotFound:
            return {"id": job_id, "deleted": True}

    async def _cluster(self) -> dict[str, Any]:
        used, total = self._cpus()
        waiting = await self._history.read(self._history.queue, total)
        return {"cpus": {"used": used, "total": total}, "queue": waiting} | self.trouble()

    def trouble(self) -> dict[str, str]:
        """Return why the service as a whole trains nothing, as a field of a document; no field where it can."""
        trouble = self._trouble()
        return {} if trouble is None else {"trouble": trouble}

    async def view(self, job: Job) -> dict[str, Any]:
        """Return a job with its health; the losses of one that has ended are asked for where they are looked at."""
        health, losses = await self.health(job)
        return job_view(job, health, None if job.state.final else losses)

    async def health(self, job: Job) -> tuple[Health, list[float]]:
        """Return how a job is, and a few losses along the way; it is looked at again when it changes."""
        if job.state is not JobState.RUNNING:
            losses = [] if job.state.final or not job.version else await self.losses(job)
            _, cpus = self._cpus()
            facts = Facts(losses, cpus=cpus, min_workers=job.min_workers, may_grow=self._may_grow)
            return verdict(job, facts), losses
        now, known = self._clock(), self._known.get(job.id)
        since = known.since if known is not None and known.job.version == job.version else now
        if known is None or known.job != job or now - since > ALIVE_SECONDS:
            facts = await self._facts(job, now - since)
            known = _Known(job, since, verdict(job, facts), list(facts.losses))
            self._known[job.id] = known
            self._known.move_to_end(job.id)
            if len(self._known) > KEPT_VERDICTS:
                self._known.popitem(last=False)
        return known.health, known.losses

    async def losses(self, job: Job) -> list[float]:
        """Return a few losses along the way."""
        return await self._history.read(self._history.sketch, job.id, job.version)

    async def _facts(self, job: Job, since_step: float) -> Facts:
        recent = await self._history.read(self._history.recent, job.id)
        return Facts(
            await self.losses(job),
            [evaluation["loss"] for evaluation in recent.evaluations],
            since_step,
            recent.step_seconds,
            recent.evaluations,
            recent.class_weights,
        )


def newest(jobs: Sequence[Job], finished: int = FINISHED_SHOWN) -> list[Job]:
    """Sort jobs, newest first, and leave out all but the newest `finished` of those that have ended."""
    ordered = sorted(jobs, key=lambda job: job.created, reverse=True)
    kept = {job.id for job in [job for job in ordered if job.state.final][:finished]}
    return [job for job in ordered if not job.state.final or job.id in kept]
