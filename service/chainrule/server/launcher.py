"""The service's side of the launcher process: it is started, used and, when it ends, started again."""

import asyncio
import logging
import os
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from chainrule.data.dataset import DatasetSummary
from chainrule.server.child import Child
from chainrule.wire.dataset import told
from chainrule.wire.errors import DatasetNotFound, InvalidData, LaunchFailed
from chainrule.wire.spec import JobSpec

logger = logging.getLogger(__name__)
START_SECONDS, STOP_SECONDS, EXPLAIN_SECONDS = 60.0, 10.0, 10.0
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
"""Seconds between two starts: doubled while they fail."""

WorkerEnded = Callable[[str, str | None], None]
"""Called with a worker's name and, unless it ended well, why."""


class Launcher:
    """Prepares data and starts workers on Ray. `cpus` is 0 while there is no Ray, and `trouble` says why it is away."""

    def __init__(
        self,
        log: Path,
        ray_address: str | None,
        num_cpus: int | None,
        changed: Callable[[], None],
        start_seconds: float = START_SECONDS,
        data_roots: Sequence[str] | None = None,
        locate: Callable[[JobSpec], JobSpec] = lambda spec: spec,
        warm_workers: int = 0,
    ) -> None:
        self._log, self._locate = log, locate
        self._settings: dict[str, Any] = {
            "ray_address": ray_address,
            "num_cpus": num_cpus,
            "data_roots": data_roots,
            "warm_workers": warm_workers,
        }
        self._changed, self._start_seconds = changed, start_seconds
        self.cpus, self.node = 0, "127.0.0.1"
        self.trouble: str | None = None
        self._explained: asyncio.Future[str] | None = None
        self._child: Child | None = None
        self._stopping = False
        self._prepared: dict[str, asyncio.Future[DatasetSummary]] = {}
        self._watchers: dict[str, WorkerEnded] = {}
        self.ready = asyncio.Event()
        self.lost = asyncio.Event()

    async def start(self) -> None:
        """Start the process and wait until Ray is there. Raises LaunchFailed."""
        child = await Child.start("chainrule.worker", self._log, self._environment())
        events = child.events()
        try:
            await child.send(**self._settings)
            ended = {"event": "failed", "reason": f"the launcher has ended, see {self._log}"}
            first = await asyncio.wait_for(anext(events, ended), self._start_seconds)
        except TimeoutError:
            first = {"event": "failed", "reason": f"Ray has not come up within {self._start_seconds:.0f} s"}
        except asyncio.CancelledError:
            await child.stop(STOP_SECONDS)  # it ends what it has started of Ray
            raise
        if first["event"] != "ready":
            await child.stop(STOP_SECONDS)
            raise LaunchFailed(first["reason"])
        for note in first["notes"]:
            logger.warning("%s", note)
        if self._settings["ray_address"]:
            self.node = first["node"]
        self._child, self.lost, self.trouble = child, asyncio.Event(), None
        self.ready.set()
        self._following = asyncio.create_task(self._follow(child))

    def _environment(self) -> dict[str, str]:
        """Close the embedded Ray to other users of this machine; a joined cluster has the user's own settings."""
        if self._settings["ray_address"] or "RAY_AUTH_MODE" in os.environ:
            return {}
        return {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}

    async def keep_alive(self) -> None:
        """Start the process again whenever it ends."""
        pause = FIRST_PAUSE
        while True:
            await self.lost.wait()
            try:
                await self.start()
                pause = FIRST_PAUSE
            except (LaunchFailed, OSError) as error:
                logger.warning("%s; the next try is in %.0f s", error, pause)
                self.trouble = f"Ray has ended and cannot be started again: {error}"
                self._changed()
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)

    async def prepare(self, job_id: str, spec: JobSpec, ended: WorkerEnded) -> DatasetSummary:
        """Read a job's data and put its shards into the object store. Raises InvalidData, LaunchFailed."""
        try:
            located = self._locate(spec)
        except DatasetNotFound as error:
            raise InvalidData(str(error)) from None
        if not self.ready.is_set():
            raise LaunchFailed("there is no Ray at present")
        self._watchers[job_id] = ended
        self._prepared[job_id] = asyncio.get_running_loop().create_future()
        await self._send(command="prepare", job_id=job_id, spec=located.document())
        try:
            return await self._prepared[job_id]
        except InvalidData as error:
            names = {located.data.train: spec.data.train, located.data.validation or "": spec.data.validation or ""}
            raise InvalidData(told(str(error), names)) from None

    async def start_worker(self, job_id: str, worker: str, address: str) -> None:
        """Start one worker of a prepared job."""
        await self._send(command="start", job_id=job_id, worker=worker, address=address)

    async def release(self, job_id: str) -> None:
        """End a job's workers and forget its shards."""
        self._watchers.pop(job_id, None)
        self._prepared.pop(job_id, None)
        await self._send(command="release", job_id=job_id)

    async def obstacle(self) -> str:
        """Return why Ray starts no worker, as far as it tells."""
        if self._child is None:
            return self.trouble or "there is no Ray at present"
        if self._explained is None or self._explained.done():
            self._explained = asyncio.get_running_loop().create_future()
            await self._send(command="explain")
        try:
            return await asyncio.wait_for(asyncio.shield(self._explained), EXPLAIN_SECONDS)
        except TimeoutError:
            return f"Ray does not answer (see {self._log})"

    async def stop(self) -> None:
        """End the process, and with it the embedded Ray."""
        self._stopping = True
        if self._child is not None:
            await self._child.stop(STOP_SECONDS)

    async def _send(self, **command: Any) -> None:
        if self._child is not None:
            await self._child.send(**command)

    async def _follow(self, child: Child) -> None:
        try:
            async for event in child.events():
                self._take(event)
        finally:
            self._child = None
            self.cpus = 0
            self.ready.clear()
            self.lost.set()
            for prepared in self._prepared.values():
                if not prepared.done():
                    prepared.set_exception(LaunchFailed("Ray has ended while the data was read"))
            self._changed()
        code = await child.stop(STOP_SECONDS)
        if not self._stopping:
            logger.warning("the launcher has ended with code %s, see %s", code, self._log)

    def _take(self, event: dict[str, Any]) -> None:
        match event:
            case {"event": "cluster", "cpus": cpus}:
                self.cpus = cpus
                self._changed()
            case {"event": "prepared", "job_id": job_id, "data": data} if self._awaits(job_id):
                self._prepared[job_id].set_result(DatasetSummary.from_document(data))
            case {"event": "refused", "job_id": job_id, "reason": reason} if self._awaits(job_id):
                self._prepared[job_id].set_exception(InvalidData(reason))
            case {"event": "explained", "reason": reason} if self._explained and not self._explained.done():
                self._explained.set_result(reason)
            case {"event": "worker_ended", "job_id": job_id, "worker": worker, "reason": reason}:
                if job_id in self._watchers:
                    self._watchers[job_id](worker, reason)
                    self._changed()  # a CPU is free

    def _awaits(self, job_id: str) -> bool:
        """Whether somebody still waits for a job's data: a cancelled job does not."""
        return job_id in self._prepared and not self._prepared[job_id].done()
