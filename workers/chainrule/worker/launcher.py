"""The launcher: the only Ray driver. It puts data shards into the object store and starts, watches and stops workers.

Commands (chainrule.wire.control): prepare, start, release. Events: ready, cluster, prepared, refused, worker_ended.
"""

import asyncio
import logging
import os
import queue
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ray

import chainrule.nn
import chainrule.v1
from chainrule.data.dataset import load_dataset
from chainrule.data.shards import Shard
from chainrule.wire.control import Control
from chainrule.wire.errors import ChainruleError, LaunchFailed
from chainrule.wire.validation import parse_spec
from chainrule.worker.actor import WorkerActor

CONNECT_SECONDS = 5.0
CLUSTER_SECONDS = 5.0
"""How often a joined cluster is asked for its size."""


@dataclass
class _JobOnRay:
    references: "list[ray.ObjectRef[Shard]]" = field(default_factory=list)
    actors: dict[str, Any] = field(default_factory=dict)


class Launcher:
    """Carries out the service's commands on Ray."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._jobs: dict[str, _JobOnRay] = {}

    async def prepare(self, job_id: str, spec: dict[str, Any]) -> None:
        """Read the job's data and put its shards into the object store."""
        try:
            summary, shards = await asyncio.to_thread(load_dataset, parse_spec(spec))
        except ChainruleError as error:
            self._control.send("refused", job_id=job_id, reason=str(error))
            return
        self._jobs[job_id] = _JobOnRay([ray.put(shard) for shard in shards])
        self._control.send("prepared", job_id=job_id, data=summary.document())

    async def start(self, job_id: str, worker: str, address: str) -> None:
        """Run one worker to its end."""
        job = self._jobs[job_id]
        actor = job.actors[worker] = WorkerActor.remote()  # type: ignore[attr-defined]
        reason = None
        try:
            await actor.run.remote(address, job_id, worker, job.references)
        except ray.exceptions.RayTaskError as error:
            reason = str(error.cause)
        except ray.exceptions.RayError as error:
            reason = str(error).splitlines()[0]
        if job.actors.pop(worker, None) is not None:
            ray.kill(actor)
            self._control.send("worker_ended", job_id=job_id, worker=worker, reason=reason)

    async def release(self, job_id: str) -> None:
        """End the job's workers and forget its shards."""
        job = self._jobs.pop(job_id, _JobOnRay())
        actors, job.actors = job.actors, {}
        for actor in actors.values():
            ray.kill(actor)

    async def watch_cluster(self) -> None:
        """Tell the service when the number of CPUs changes."""
        known = None
        while True:
            cpus = int(ray.cluster_resources().get("CPU", 0))
            if cpus != known:
                self._control.send("cluster", cpus=cpus)
                known = cpus
            await asyncio.sleep(CLUSTER_SECONDS)


def connect(address: str | None, num_cpus: int | None) -> None:
    """Start a local Ray, or join the cluster at an address. Raises LaunchFailed."""
    if address is not None:
        _check_answers(address)
    try:
        ray.init(
            address=address or "local",
            num_cpus=None if address else num_cpus,
            include_dashboard=None if address else False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            runtime_env={
                "py_modules": sorted({str(Path(module.__path__[0]).parent) for module in (chainrule.nn, chainrule.v1)}),
                "env_vars": {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
            },
        )
    except (ConnectionError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        where = f"Ray at {address} cannot be joined" if address else "a local Ray cannot be started"
        raise LaunchFailed(f"{where}: {str(error).splitlines()[0]}") from None


def _check_answers(address: str) -> None:
    """Ask for a plain connection first: Ray itself needs half a minute to find out that nobody is there."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), CONNECT_SECONDS).close()
    except (OSError, ValueError) as error:
        raise LaunchFailed(f"no Ray answers at {address} ({error}); give the HOST:PORT of a Ray head") from None


def main() -> None:
    """Run the process."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    control = Control()
    commands = control.commands()
    settings = next(commands)
    inbox: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
    connected = threading.Event()
    threading.Thread(target=_follow, args=(commands, inbox, connected), name="commands", daemon=True).start()
    try:
        connect(settings["ray_address"], settings["num_cpus"])
    except ChainruleError as error:
        control.send("failed", reason=str(error))
        return
    connected.set()
    try:
        asyncio.run(_serve(control, inbox))
    finally:
        ray.shutdown()


def _follow(
    commands: Iterator[dict[str, Any]], inbox: "queue.SimpleQueue[dict[str, Any] | None]", connected: threading.Event
) -> None:
    """Pass on the service's commands, and None when it has ended."""
    for command in commands:
        inbox.put(command)
    if not connected.is_set():
        os._exit(1)  # Nothing else ends a ray.init() that waits for a cluster.
    inbox.put(None)


async def _serve(control: Control, inbox: "queue.SimpleQueue[dict[str, Any] | None]") -> None:
    launcher = Launcher(control)
    control.send("ready", node=ray.util.get_node_ip_address())
    tasks = {asyncio.create_task(launcher.watch_cluster())}
    while (command := await asyncio.to_thread(inbox.get)) is not None:
        task = asyncio.create_task(getattr(launcher, command.pop("command"))(**command))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
