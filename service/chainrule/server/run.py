"""One attempt to train one job: its data, its parameter server, its workers; from QUEUED to the end or back."""

import asyncio
import itertools
import logging
from contextlib import suppress
from pathlib import Path
from typing import Any

from chainrule.data.dataset import RULES, DatasetSummary
from chainrule.server.absence import PATIENCE_SECONDS, Absence
from chainrule.server.backlog import until_written
from chainrule.server.board import Board
from chainrule.server.child import Child
from chainrule.server.jobs import Move
from chainrule.server.launcher import Launcher
from chainrule.server.progress import Progress
from chainrule.wire.errors import InvalidData, LaunchFailed, TrainingFailed
from chainrule.wire.spec import JobSpec
from chainrule.wire.validation import parse_spec

logger = logging.getLogger(__name__)
STOP_SECONDS = 20.0
WORKER_FAILURES = 5
"""So often each worker may fail without any step between the failures before the job fails."""


class Run:
    """Trains one job with `workers` workers. `execute` does it all; the rest tells it what has changed meanwhile."""

    def __init__(
        self,
        job_id: str,
        board: Board,
        launcher: Launcher,
        folder: Path,
        workers: int,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self.job_id, self.workers = job_id, workers
        self._board, self._launcher, self._folder = board, launcher, folder
        self._server: Child | None = None
        self._address: str | None = None
        self._numbers = itertools.count(1)
        self._names: list[str] = []  # of those who are to take part, the oldest first
        self._leaving: set[str] = set()
        self._on_ray = self._ended = self._on_hold = False
        self._failures, self._failure_version = 0, -1
        self._kept: int | None = None
        self._failed: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._tasks: set[asyncio.Task[None]] = set()
        self._progress: Progress
        self._joined = 0
        self._absence = Absence(launcher.obstacle, self._warn_of_absence, patience)

    @property
    def trouble(self) -> str | None:
        """Why no worker of the job could be started; None while there is one, or one may still come."""
        return self._absence.trouble

    async def _warn_of_absence(self, warning: str, none: bool) -> None:
        await self._progress.warn(warning, warning if none else None)

    async def _count_workers(self) -> None:
        if self._absence.note(self._joined, len(self._names)):
            await self._progress.explain("")

    async def execute(self) -> None:
        """Train until the job succeeds or fails; when a process or Ray dies, put it back into the queue."""
        job = await self._board.move(self.job_id, Move.START)
        try:
            await self._train()
        except (InvalidData, TrainingFailed) as error:
            self._ended = True
            await self._move(Move.FAIL, str(error))
        except LaunchFailed as error:
            logger.warning("job %s (%s): %s", job.id, job.name, error)
            await self._move(Move.INTERRUPT, str(error))
        finally:
            await self._clean_up()

    async def _move(self, move: Move, reason: str) -> None:
        await until_written(lambda: self._board.move(self.job_id, move, reason), f"job {self.job_id}")

    async def _train(self) -> None:
        row = await self._board.read(self._board.store.row, self.job_id)
        spec = parse_spec(row["spec"])
        _check_rules(row["data"])
        summary = await self._prepare(spec, row["data"] and row["data"]["sha256"])
        self._progress = Progress(self.job_id, self._board, spec, summary)
        events = (await self._start_server(spec, summary, row["generation"])).events()
        on_ray = asyncio.create_task(self._stay_on_ray(spec, summary.sha256))
        try:
            while True:
                event = asyncio.ensure_future(anext(events, {"event": "died"}))
                awaited: list[asyncio.Future[Any]] = [event, on_ray, self._failed]
                await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
                if self._failed.done():
                    raise TrainingFailed(self._failed.result())
                if on_ray.done():
                    on_ray.result()
                if await self._take(event.result()):
                    return
        finally:
            on_ray.cancel()
            event.cancel()

    async def _prepare(self, spec: JobSpec, sha256: str | None) -> DatasetSummary:
        summary = await self._launcher.prepare(self.job_id, spec, self._worker_ended)
        if sha256 not in (None, summary.sha256):
            raise InvalidData("the data file is not the one that training began with, so it cannot go on from there")
        self._on_ray = True
        return summary

    async def _stay_on_ray(self, spec: JobSpec, sha256: str) -> None:
        """Whenever Ray has ended and is back, give it the data and workers again. Raises InvalidData.

        The parameter server keeps the weights meanwhile.
        """
        while True:
            await self._launcher.lost.wait()
            self._on_ray = False
            self._names.clear()
            self._leaving.clear()
            await self._count_workers()
            await self._progress.survive("ray_lost", "Ray has ended; training goes on as soon as it is back")
            await self._launcher.ready.wait()
            with suppress(LaunchFailed):  # it has ended once more
                await self._prepare(spec, sha256)
                if self._address is not None:
                    await self._start_workers()

    async def _start_server(self, spec: JobSpec, summary: DatasetSummary, generation: int) -> Child:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._server = await Child.start("chainrule.parameter_server", self._folder / "parameter_server.log")
        known = await self._board.read(self._board.store.checkpoints, self.job_id)
        await self._server.send(
            job_id=self.job_id,
            generation=generation,
            host=self._launcher.node,
            folder=str(self._folder),
            spec=spec.document(),
            data=summary.document(),
            checkpoints=known,
        )
        return self._server

    async def _take(self, event: dict[str, Any]) -> bool:
        """Act on an event of the parameter server; return whether it was the last."""
        match event:
            case {"event": "listening", "address": address, "version": version}:
                self._address = address
                await self._progress.begin(version)
                await self._start_workers()
            case {"event": "report", "ended": ended}:
                self._ended = ended
                await self._progress.take(event)
                self._joined = event["workers"]
                await self._count_workers()
            case {"event": "checkpoint", **checkpoint}:
                await self._progress.checkpoint(checkpoint)
            case {"event": "kept", "version": version}:
                self._kept = version
            case {"event": "ended", "complete": complete, "reason": reason}:
                await self._progress.finish()
                if complete:
                    await self._progress.conclude(self._kept)
                if complete or not self._on_hold:
                    await self._move(Move.SUCCEED if complete else Move.INTERRUPT, reason)
                return True
            case {"event": "failed", "reason": reason}:
                raise TrainingFailed(reason)
            case {"event": "died"}:
                raise LaunchFailed("the parameter server has died; training goes on from the last checkpoint")
        return False

    @property
    def held(self) -> int:
        """The CPUs that the job holds: one for each of its workers, and for each that has not left yet."""
        return self.workers + len(self._leaving)

    async def resize(self, workers: int) -> None:
        """Train with another number of workers from the next version on; the youngest leave."""
        self.workers = workers
        if self._address is None or self._server is None:
            return
        surplus = self._names[workers:]
        del self._names[workers:]
        self._leaving.update(surplus)
        if surplus:
            await self._server.send(command="dismiss", workers=surplus)
        await self._start_workers()

    async def _start_workers(self) -> None:
        """Start who is missing; while Ray is away nobody, for all are missing when it is back."""
        assert self._address is not None  # noqa: S101
        while self._on_ray and len(self._names) < self.workers:
            self._names.append(f"w{next(self._numbers)}")
            await self._launcher.start_worker(self.job_id, self._names[-1], self._address)
        await self._count_workers()

    def _worker_ended(self, name: str, reason: str | None) -> None:
        if name in self._leaving:
            self._leaving.remove(name)
        elif reason is not None and not self._ended:
            self._names.remove(name)
            task = asyncio.create_task(self._replace(name, reason))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _replace(self, name: str, reason: str) -> None:
        """Start a worker in the place of one that has failed, unless workers fail again and again."""
        self._failures = self._failures + 1 if self._progress.version == self._failure_version else 1
        self._failure_version = self._progress.version
        if self._failures > WORKER_FAILURES * self.workers:
            if not self._failed.done():
                self._failed.set_result(f"{self._failures} workers in a row have failed, the last one so: {reason}")
            return
        await self._start_workers()
        await self._progress.survive("workers_replaced", f"worker {name} has ended and is replaced: {reason}")

    async def stop(self, *, hold: bool = False) -> bool:
        """Ask for a checkpoint and the end, whereupon `execute` returns; False where training has not begun.

        The job goes back into the queue; on hold it stays as it is, for the caller to move.
        """
        self._on_hold |= hold
        if self._address is None or self._server is None:
            return False
        await self._server.send(command="stop")
        return True

    def kill(self) -> None:
        """End training at once, as when the parameter server dies: the job goes on from its last checkpoint."""
        if self._server is not None:
            self._server.kill()

    async def _clean_up(self) -> None:
        self._ended = True
        self._absence.stop()
        for task in self._tasks:
            task.cancel()
        await self._launcher.release(self.job_id)
        if self._server is not None:
            await self._server.stop(STOP_SECONDS)


def _check_rules(data: dict[str, Any] | None) -> None:
    """Raise TrainingFailed where training began by other rules, which a job would not end with the bits of."""
    if data is not None and data.get("rules", "") != RULES:
        raise TrainingFailed(
            "training began with another version of Chainrule, which trains to other bits: submit the job again "
            "(`chainrule show JOB --json | jq .spec` prints its job file), or go on with the version that it began with"
        )
