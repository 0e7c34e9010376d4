"""The scheduler: starts the jobs that the policy chooses, lets them grow, and sees to what becomes of them."""

import asyncio
import logging
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from chainrule.server import backlog
from chainrule.server.backlog import until_written
from chainrule.server.board import Board
from chainrule.server.checks import Checks
from chainrule.server.jobs import Move
from chainrule.server.launcher import Launcher
from chainrule.server.policy import Demand, allocate
from chainrule.server.run import Run
from chainrule.server.store import Row
from chainrule.wire.errors import InvalidJob, JobNotFound, JobNotRunning, TooMuch, Violation
from chainrule.wire.job import Job, JobState
from chainrule.wire.validation import parse_spec

logger = logging.getLogger(__name__)
ATTEMPTS = 3
"""So often a job may be interrupted at the same version before it fails."""
STOP_SECONDS, KILL_SECONDS = 20.0, 2.0
"""The time that running jobs have for their checkpoint when the service ends, and then to be put into the queue."""


@dataclass
class _Running:
    run: Run
    task: asyncio.Task[None]
    demand: Demand


class Scheduler:
    """Owns the runs of all jobs."""

    def __init__(self, board: Board, launcher: Launcher, folder: Path, checks: Checks | None = None) -> None:
        self._board, self._launcher, self._folder, self._checks = board, launcher, folder, checks
        self._running: dict[str, _Running] = {}
        self._interruptions: dict[str, tuple[int, int]] = {}
        self._wake = asyncio.Event()
        self._aside: set[str] = set()
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._orders: set[asyncio.Task[Job]] = set()
        self._stopping = False

    @property
    def cpus(self) -> tuple[int, int]:
        """The CPUs that jobs hold, and those that there are."""
        return sum(each.run.held for each in self._running.values()), self._launcher.cpus

    @property
    def trouble(self) -> str | None:
        """Why no job can have workers at present; None while they can."""
        told = (each.run.trouble for each in self._running.values() if each.run.trouble is not None)
        return self._launcher.trouble or next(told, None)

    async def recover(self) -> None:
        """Put the jobs that an earlier service left in the middle back into the queue."""
        for row in await self._board.read(self._board.store.rows_in, JobState.STARTING, JobState.RUNNING):
            await self._board.move(row["id"], Move.INTERRUPT, "the service was started again")

    def wake(self) -> None:
        """Look again: a job has come, or gone, or the cluster has changed."""
        self._wake.set()

    async def serve(self) -> None:
        """Schedule for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._schedule()
            except TooMuch as error:
                logger.error("nothing can be scheduled, and is tried again: %s", error)
                await asyncio.sleep(backlog.STORE_SECONDS)
                self.wake()

    async def _schedule(self) -> None:
        waiting = await self._board.read(self._board.store.rows_in, JobState.QUEUED)
        taken = self._aside | set(self._running)
        queued = {row["id"]: _demand(row) for row in waiting if row["id"] not in taken and not row["blocked"]}
        running = [replace(each.demand, workers=each.run.held) for each in self._running.values()]
        grants = {} if self._stopping else allocate(self._launcher.cpus, running, list(queued.values()))
        for job_id, workers in grants.items():
            if job_id in queued:
                self._start(queued[job_id], workers)
            else:
                await self._grow(job_id, workers)
        for row in waiting:
            if row["id"] in queued and row["id"] not in grants:
                await self._explain(row, queued[row["id"]])
        if self._checks is not None:
            self._checks.offer([row for row in waiting if row["id"] not in taken and row["id"] not in grants])

    def _start(self, demand: Demand, workers: int) -> None:
        run = Run(demand.job_id, self._board, self._launcher, self._folder / demand.job_id, workers)
        task = asyncio.create_task(self._execute(run), name=f"job {demand.job_id}")
        self._running[demand.job_id] = _Running(run, task, demand)
        task.add_done_callback(lambda _: self._forget(demand.job_id))

    def _forget(self, job_id: str) -> None:
        """Take a run's CPUs back; also when it was cancelled before its first line."""
        del self._running[job_id]
        self.wake()

    async def _grow(self, job_id: str, cpus: int) -> None:
        """Let a job hold more CPUs, unless it has ended or has been scaled since the scheduler has looked."""
        running = self._running.get(job_id)
        if running is not None:
            leaving = running.run.held - running.run.workers
            await running.run.resize(min(cpus - leaving, running.demand.max_workers))

    async def _execute(self, run: Run) -> None:
        try:
            await run.execute()
            await self._give_up_on_repetition(run.job_id)
        except TooMuch as error:
            logger.error("job %s: %s", run.job_id, error)
            await asyncio.sleep(backlog.STORE_SECONDS)
            await self._settle(run.job_id, Move.INTERRUPT, str(error))
        except JobNotFound:
            logger.info("job %s was deleted as soon as it had ended", run.job_id)
        except Exception as error:
            logger.exception("job %s", run.job_id)
            await self._settle(run.job_id, Move.FAIL, f"the service has met an error of its own: {error!r}")

    async def _settle(self, job_id: str, move: Move, reason: str) -> None:
        """Write down how a run has ended."""
        with suppress(JobNotRunning):  # it had ended already
            await self._write_down(job_id, move, reason)

    async def _write_down(self, job_id: str, move: Move, reason: str) -> Job:
        """Move a job that has no run any more, as soon as the store can be written. Raises JobNotRunning."""
        return await until_written(lambda: self._board.move(job_id, move, reason), f"job {job_id}")

    async def _give_up_on_repetition(self, job_id: str) -> None:
        """Fail a job that is interrupted again and again and gets no further."""
        job = await self._board.read(self._board.store.job, job_id)
        if job.state is not JobState.QUEUED or self._stopping or not self._launcher.ready.is_set():
            return
        version, count = self._interruptions.get(job_id, (-1, 0))
        self._interruptions[job_id] = (job.version, count + 1 if version == job.version else 1)
        if self._interruptions[job_id][1] >= ATTEMPTS:
            reason = f"{ATTEMPTS} attempts in a row have got no further than step {job.version}: {job.reason}"
            await self._board.move(job_id, Move.FAIL, reason)

    async def _explain(self, row: Row, demand: Demand) -> None:
        cpus = self._launcher.cpus
        if not self._launcher.ready.is_set():
            reason = f"waits for Ray: {self._launcher.trouble}" if self._launcher.trouble else "waits for Ray"
        elif demand.min_workers > cpus:
            reason = f"waits for {demand.min_workers} CPUs (cluster.min_workers); the cluster has {cpus}"
        else:
            reason = f"waits for its turn: {cpus} CPUs are shared, first come first served"
        if row["reason"] != reason:
            with suppress(JobNotFound):  # it was cancelled and deleted since the scheduler has looked
                await self._board.explain(row["id"], reason)

    async def cancel(self, job_id: str) -> Job:
        """End a job. Raises JobNotFound, JobNotRunning."""
        return await self._carry_out(self._cancel(job_id))

    async def pause(self, job_id: str) -> Job:
        """Bring a job to a checkpoint, where it stays until it is resumed. Raises JobNotFound, JobNotRunning."""
        return await self._carry_out(self._pause(job_id))

    async def resume(self, job_id: str) -> Job:
        """Put a job that is paused back into the queue, in its old place. Raises JobNotFound, JobNotRunning."""
        return await self._carry_out(self._resume(job_id))

    async def scale(self, job_id: str, workers: int) -> Job:
        """Let so many workers at most take part from now on. Raises JobNotFound, JobNotRunning, InvalidJob."""
        return await self._carry_out(self._scale(job_id, workers))

    async def _carry_out(self, order: Coroutine[Any, Any, Job]) -> Job:
        """Do what a user asks for, also when the caller leaves meanwhile."""
        task = asyncio.create_task(order)
        self._orders.add(task)
        task.add_done_callback(self._orders.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(_log_failure)
            raise

    async def _cancel(self, job_id: str) -> Job:
        with self._set_aside(job_id):
            if job_id in self._running:
                task = self._running[job_id].task
                task.cancel()
                await asyncio.wait({task})
            return await self._write_down(job_id, Move.CANCEL, "cancelled by the user")

    async def _pause(self, job_id: str) -> Job:
        async with self._turn(job_id):
            with self._set_aside(job_id):
                if job_id in self._running:
                    await self._bring_to_a_checkpoint(self._running[job_id])
                job = await self._board.read(self._board.store.job, job_id)
                self._interruptions.pop(job_id, None)  # attempts on both sides of a pause are not in a row
                return await self._write_down(job_id, Move.PAUSE, f"paused by the user at step {job.version}")

    async def _bring_to_a_checkpoint(self, running: _Running) -> None:
        """End a run; one whose training has not begun has nothing to keep."""
        if not await running.run.stop(hold=True):
            running.task.cancel()
        await asyncio.wait({running.task})

    async def _resume(self, job_id: str) -> Job:
        async with self._turn(job_id):
            job = await self._board.move(job_id, Move.RESUME, "resumed by the user")
            if self._checks is not None:
                self._checks.again(job_id)
        self.wake()
        return job

    async def _scale(self, job_id: str, workers: int) -> Job:
        row = await self._board.read(self._board.store.row, job_id)
        _check_workers(workers, parse_spec(row["spec"]).shards)
        job = await self._board.scale(job_id, workers)
        if job_id in self._running:
            running = self._running[job_id]
            running.demand = replace(running.demand, max_workers=workers)
            await running.run.resize(min(workers, running.run.workers))
        self.wake()
        return job

    def _turn(self, job_id: str) -> asyncio.Lock:
        """Return what makes a resume wait for the end of a pause that was asked for before it."""
        return self._turns.setdefault(job_id, asyncio.Lock())

    @contextmanager
    def _set_aside(self, job_id: str) -> Iterator[None]:
        """Start no run of a job meanwhile."""
        self._aside.add(job_id)
        try:
            yield
        finally:
            self._aside.discard(job_id)
            self.wake()

    async def stop(self) -> None:
        """Bring every running job to a checkpoint and back into the queue; one that starts, `recover` finds."""
        self._stopping = True
        running = list(self._running.values())
        for each in running:
            if not await each.run.stop():
                each.task.cancel()
        ending: set[asyncio.Task[Any]] = {*(each.task for each in running), *self._orders}
        if ending:
            _, late = await asyncio.wait(ending, timeout=STOP_SECONDS)
            if late:
                for each in running:
                    each.run.kill()
                _, late = await asyncio.wait(late, timeout=KILL_SECONDS)
            for task in late:
                task.cancel()


def _demand(row: Row) -> Demand:
    low, high = parse_spec(row["spec"]).cluster.min_workers, row["max_workers"]
    return Demand(row["id"], 0, min(low, high), high)


def _log_failure(order: asyncio.Task[Job]) -> None:
    if not order.cancelled() and (error := order.exception()) is not None:
        logger.info("what a user has asked for, and has not waited for, is not done: %s", error)


def _check_workers(workers: int, shards: int) -> None:
    if workers < 1:
        raise InvalidJob([Violation("workers", "must be >= 1: `chainrule pause` lets a job rest")])
    if workers > shards:
        raise InvalidJob([Violation("workers", f"must be <= {shards}, the job's shards: a worker needs a shard")])
