"""What everybody reads and writes of jobs: the store off the event loop, live figures, and news for those who watch."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, ParamSpec, TypeVar

from chainrule.server.changes import Changes
from chainrule.server.feed import Feed
from chainrule.server.jobs import Move
from chainrule.server.live import Ended, LiveJob, Waiting
from chainrule.server.store import History, Store
from chainrule.wire.job import Job, JobState
from chainrule.wire.layers import LayerFigures

P = ParamSpec("P")
T = TypeVar("T")


class Board:
    """The jobs. Every change goes through here, is on disk when the call returns, and is told to whoever watches."""

    def __init__(self, store: Store, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.store, self.now = store, now
        # One thread: the store has one connection, and its calls keep their order.
        self._executor = ThreadPoolExecutor(1, "store")
        self._feeds: dict[str, Feed] = {}
        self.changes = Changes()
        self.live: dict[str, LiveJob] = {}
        self.ended, self.waiting = Ended(), Waiting()
        for row in store.rows_in(JobState.QUEUED):
            self.waiting.note(row["id"], True)
        self.states: Counter[JobState] = store.count_states()

    async def read(self, query: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return a query of the store."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, lambda: query(*args, **kwargs))

    async def all_jobs(self) -> list[Job]:
        """Return every job, in order of arrival."""
        return [job for _, job in await self.read(self.store.jobs_behind, 0, None)]

    async def create(self, spec: dict[str, Any], request_id: str | None) -> Job:
        """Accept a job, or return the one that this request id has made. Raises InvalidJob."""
        job, _ = await self.read(self.store.create, spec, request_id, self.now())
        return await self._tell(job)

    async def move(self, job_id: str, move: Move, reason: str = "") -> Job:
        """Move a job to its next state, also when the caller leaves. Raises JobNotRunning, JobNotFound."""
        return await asyncio.shield(asyncio.ensure_future(self._move(job_id, move, reason)))

    async def _move(self, job_id: str, move: Move, reason: str) -> Job:
        return await self._tell(await self.read(self.store.move, job_id, move, self.now(), reason))

    async def scale(self, job_id: str, workers: int) -> Job:
        """Let so many workers at most take part in a job. Raises JobNotRunning, JobNotFound."""
        return await self._tell(await self.read(self.store.scale, job_id, self.now(), workers))

    async def explain(self, job_id: str, reason: str, blocked: bool | None = None) -> None:
        """Say why a job waits, if it does still, and whether it is blocked; None: only if it is not.

        Raises JobNotFound.
        """
        await self._tell(await self.read(self.store.explain, job_id, self.now(), reason, blocked))

    async def update(
        self,
        job_id: str,
        changes: dict[str, Any],
        event: tuple[str, str] | None = None,
        history: History | None = None,
    ) -> Job:
        """Change what is known of a job, with an event (kind, message) where it is worth one."""

        def change() -> Job:
            return self.store.update(job_id, self.now(), changes, event=event, history=history)

        return await self._tell(await self.read(change))

    def remember(self, job_id: str, changes: dict[str, Any]) -> None:
        """Let the live figures of a job be up to date though the store is not."""
        known = {field.name for field in fields(Job)}
        live = self.live[job_id]
        if "layers" in changes:
            changes = changes | {"layers": tuple(map(LayerFigures.from_document, changes["layers"]))}
        live.job = replace(live.job, **{name: value for name, value in changes.items() if name in known})

    async def add_checkpoint(self, job_id: str, checkpoint: dict[str, Any], keep: int) -> list[str]:
        """Record a checkpoint; return the paths of those that are not needed any more."""
        now = self.now()
        old = await self.read(self.store.add_checkpoint, job_id, now, checkpoint, keep)
        if job_id in self.live:
            self.live[job_id].observe_checkpoint(checkpoint["version"], now.timestamp())
        self._wake(job_id)
        return old

    async def delete(self, job_id: str) -> None:
        """Forget a job that has ended. Raises JobNotFinished, JobNotFound."""
        await self.read(self.store.delete, job_id)
        self.ended.forget(job_id)
        self.states = await self.read(self.store.count_states)
        self._wake(job_id)

    async def watch(self, job_id: str, after: int) -> AsyncGenerator[bytes, None]:
        """Yield events after+1, after+2, ... serialised, as they happen; end behind the event of a final state."""
        feed = self._feeds.setdefault(job_id, Feed(partial(self._look, job_id)))
        feed.watchers += 1
        try:
            while True:
                news = feed.news
                ended, events = await feed.behind(after)
                for event in events:
                    yield event
                after += len(events)
                if ended:
                    return
                if not events:
                    await news.wait()
        finally:
            feed.watchers -= 1
            if not feed.watchers and self._feeds.get(job_id) is feed:
                del self._feeds[job_id]

    async def _look(self, job_id: str, after: int, limit: int) -> tuple[bool, list[bytes]]:
        """Return whether a job has ended, and then its events: none comes after those."""
        job = await self.read(self.store.job, job_id)
        return job.state.final, await self.read(self.store.events_behind, job_id, after, limit)

    async def _tell(self, job: Job) -> Job:
        if job.state in (JobState.STARTING, JobState.RUNNING):
            self.live.setdefault(job.id, LiveJob(job)).job = job
        elif (live := self.live.pop(job.id, None)) and job.state.final:
            live.job = job
            self.ended.add(live)
        self.waiting.note(job.id, job.state is JobState.QUEUED)
        self.states = await self.read(self.store.count_states)
        self._wake(job.id)
        return job

    def _wake(self, job_id: str) -> None:
        """Wake those who watch a job, or all jobs; each waits for the event that he found before he looked."""
        self.changes.note(job_id)
        if job_id in self._feeds:
            self._feeds[job_id].wake()

    def close(self) -> None:
        """Finish what is under way and close the store."""
        self._executor.shutdown()
        self.store.close()
