"""The launcher: the only Ray driver. It puts data shards into the object store and starts, watches and stops workers.

Commands (chainrule.wire.control): prepare, start, release, explain. Events: ready, cluster, prepared, refused,
worker_ended, explained.
"""

import asyncio
import logging
import os
import queue
import shlex
import socket
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import psutil
import ray

import chainrule.nn
import chainrule.v1
from chainrule.data.dataset import DatasetSummary, load_dataset
from chainrule.data.files import Roots
from chainrule.data.shards import Shard
from chainrule.data.sources import look_up
from chainrule.data.streams import packing
from chainrule.wire.control import Control
from chainrule.wire.errors import ChainruleError, LaunchFailed
from chainrule.wire.spec import JobSpec
from chainrule.wire.threads import in_thread
from chainrule.wire.validation import parse_spec
from chainrule.worker.actor import RayTasks, Spares
from chainrule.worker.descendants import adopt_orphans, end_descendants
from chainrule.worker.obstacles import obstacle
from chainrule.worker.ray_folder import RayFolder, claim_folder, places

logger = logging.getLogger(__name__)
_Inbox: TypeAlias = "queue.SimpleQueue[dict[str, Any] | None]"
CONNECT_SECONDS = 5.0
LITTLE_BYTES, PACKED = 32 << 20, 10
"""So much data is read in the launcher itself; a packed file counts as if it were so many times as long."""
CLUSTER_SECONDS = 5.0
"""How often a joined cluster is asked for its size."""
RAY_SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_prestart_worker_first_driver": "0",  # it would wait for workers that lack our code, and that nobody uses
}


@dataclass
class _JobOnRay:
    references: "list[ray.ObjectRef[Shard]]" = field(default_factory=list)
    actors: dict[str, Any] = field(default_factory=dict)


class Launcher:
    """Carries out the service's commands on Ray."""

    def __init__(
        self, control: Control, roots: Roots = None, warm_workers: int = 0, ray_logs: Path | None = None
    ) -> None:
        self._control, self._roots, self._spares = control, roots, Spares(warm_workers)
        self._ray_logs = ray_logs
        self._jobs: dict[str, _JobOnRay] = {}
        self._cpus = 0

    async def prepare(self, job_id: str, spec: dict[str, Any]) -> None:
        """Read the job's data and put its shards into the object store."""
        job = self._jobs[job_id] = _JobOnRay()
        try:
            summary, job.references = await in_thread(lambda: _store_shards(parse_spec(spec), self._roots))
            answer: dict[str, Any] = {"event": "prepared", "data": summary.document()}
        except ChainruleError as error:
            answer = {"event": "refused", "reason": str(error)}
        except Exception as error:  # noqa: BLE001 - the service waits for an answer, whatever has happened
            answer = {"event": "refused", "reason": f"the data cannot be prepared: {error!r}"}
        if self._jobs.get(job_id) is job:  # it has not been released meanwhile
            self._control.send(job_id=job_id, **answer)

    async def start(self, job_id: str, worker: str, address: str) -> None:
        """Run one worker to its end."""
        job = self._jobs.get(job_id)
        if job is None:
            return
        actor = job.actors[worker] = self._spares.take()
        reason = None
        try:
            await actor.run.remote(address, job_id, worker, job.references)
        except ray.exceptions.RayTaskError as error:
            reason = str(error.cause)
        except Exception as error:  # noqa: BLE001 - the service waits for a word, whatever has happened
            reason = str(error).partition("\n")[0]
        if job.actors.pop(worker, None) is not None:
            ray.kill(actor)
            self._control.send("worker_ended", job_id=job_id, worker=worker, reason=reason)
            self._fill()

    async def release(self, job_id: str) -> None:
        """End the job's workers and forget its shards."""
        job = self._jobs.pop(job_id, _JobOnRay())
        actors, job.actors = job.actors, {}
        for actor in actors.values():
            ray.kill(actor)
        self._fill()

    async def explain(self) -> None:
        """Tell the service why Ray starts no worker."""

        def look() -> str:
            return obstacle(self._ray_logs, ray.available_resources().get("CPU", 0.0), self._cpus)

        self._control.send("explained", reason=await in_thread(look))

    def _fill(self) -> None:
        """Make workers ready for the next job, with the CPUs that no worker holds."""
        self._spares.fill(self._cpus - sum(len(job.actors) for job in self._jobs.values()))

    async def watch_cluster(self) -> None:
        """Tell the service when the number of CPUs changes."""
        while True:
            cpus = int(ray.cluster_resources().get("CPU", 0))
            if cpus != self._cpus:
                self._control.send("cluster", cpus=cpus)
                self._cpus = cpus
                self._fill()
            await asyncio.sleep(CLUSTER_SECONDS)


def _store_shards(spec: JobSpec, roots: Roots) -> "tuple[DatasetSummary, list[ray.ObjectRef[Shard]]]":
    """Little data is read here, sooner than a task begins; of more, no process holds all."""
    files = [file for source in (spec.data.train, spec.data.validation) if source for file in look_up(source, roots)]
    if sum(file.size * (PACKED if packing(file.name) else 1) for file in files) > LITTLE_BYTES:
        local = any(file.local for file in files)
        cpus = (os.cpu_count() if local else int(ray.cluster_resources().get("CPU", 0))) or 1
        return load_dataset(spec, RayTasks(cpus, here=local), roots)
    summary, shards = load_dataset(spec, roots=roots)
    return summary, [ray.put(shard) for shard in shards]


def connect(address: str | None, num_cpus: int | None, folder: Path | None = None) -> None:
    """Start a local Ray with its files in `folder`, or join the cluster at an address. Raises LaunchFailed."""
    if address is not None:
        _check_answers(address)
    environment: dict[str, Any] = {
        "py_modules": sorted({str(Path(module.__path__[0]).parent) for module in (chainrule.nn, chainrule.v1)}),
        "env_vars": {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
    }
    if address is None:  # Ray puts this into a shell's command line as it is; a cluster's nodes have their own Python
        environment["py_executable"] = shlex.quote(sys.executable)
    try:
        ray.init(
            address=address or "local",
            num_cpus=None if address else num_cpus,
            include_dashboard=None if address else False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            runtime_env=environment,
            _temp_dir=None if folder is None else str(folder),
        )
    except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        where = f"Ray at {address} cannot be joined" if address else f"a local Ray cannot be started in {folder}"
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
    os.environ |= RAY_SETTINGS
    control = Control()
    commands = control.commands()
    settings = next(commands, None)
    if settings is None:  # the service has ended already
        return
    adopt_orphans()
    try:
        folder = None if settings["ray_address"] else claim_folder(places(os.environ))
    except ChainruleError as error:
        control.send("failed", reason=str(error))
        return
    inbox: _Inbox = queue.SimpleQueue()
    connected = threading.Event()
    follower = threading.Thread(target=_follow, args=(commands, inbox, connected, folder), name="commands", daemon=True)
    follower.start()
    leaving = threading.Event()
    try:
        connect(settings["ray_address"], settings["num_cpus"], folder.path if folder else None)
        connected.set()
        for process in [] if settings["ray_address"] else _heart_of_ray():
            threading.Thread(target=_end_with, args=(process, leaving), name="Ray", daemon=True).start()
        asyncio.run(_serve(control, inbox, settings, folder))
    except LaunchFailed as error:
        control.send("failed", reason=str(error))
    finally:
        leaving.set()
        ray.shutdown()
        _clear(folder)


def _clear(folder: RayFolder | None) -> None:
    """Leave nothing of the embedded Ray: neither processes nor files."""
    for process in end_descendants():
        logger.error("process %s of Ray does not end", process.pid)
    if folder is not None:
        folder.remove()


def _heart_of_ray() -> list[psutil.Process]:
    """Return the processes without which the embedded Ray starts no worker: its head and the raylet."""
    return [process for process in psutil.Process().children() if process.name() in ("gcs_server", "raylet")]


def _end_with(process: psutil.Process, leaving: threading.Event) -> None:
    """End when a process does, for the service to start a whole Ray again: Ray itself gives up after a minute."""
    name = process.name()
    process.wait()
    if not leaving.is_set():
        logger.error("%s has ended, and with it this Ray", name)
        os._exit(1)  # the system ends what is left of it, and the next launcher deletes its folder


def _follow(
    commands: Iterator[dict[str, Any]], inbox: _Inbox, connected: threading.Event, folder: RayFolder | None
) -> None:
    """Pass on the service's commands, and None when it has ended."""
    for command in commands:
        inbox.put(command)
    if not connected.is_set():
        _clear(folder)
        os._exit(1)  # Nothing else ends a ray.init() that waits for a cluster.
    inbox.put(None)


async def _serve(control: Control, inbox: _Inbox, settings: dict[str, Any], folder: RayFolder | None) -> None:
    logs, notes = (folder.logs, folder.notes) if folder is not None else (None, ())
    launcher = Launcher(control, settings.get("data_roots"), settings.get("warm_workers", 0), logs)
    control.send("ready", node=ray.util.get_node_ip_address(), notes=list(notes))
    tasks = {asyncio.create_task(launcher.watch_cluster())}
    while (command := await in_thread(inbox.get)) is not None:
        task = asyncio.create_task(getattr(launcher, command.pop("command"))(**command))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
