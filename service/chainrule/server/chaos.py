"""`chainrule chaos`: a job on a service of its own, whose processes are killed and stalled by a seeded plan."""

import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from chainrule.client.client import Client
from chainrule.client.job_file import read_job
from chainrule.client.local_service import SERVE, local_service
from chainrule.server.processes import Processes
from chainrule.server.verify import Verdict, verify
from chainrule.wire.errors import ChainruleError
from chainrule.wire.faults import VARIABLE
from chainrule.wire.job import JobEvent, JobState
from chainrule.wire.validation import parse_spec

STALL_SECONDS = 7.0
"""Longer than a lease."""
PATIENCE_SECONDS = 120.0
"""Training that does not go on within so long after a fault is lost."""
NOTICE_SECONDS = 15.0
"""What has not been noticed by then has harmed nothing: a push that came twice."""
SETTLED_SECONDS = 3.0
CALM_SECONDS = (1.0, 6.0)
"""The time between a recovery and the next fault."""


class Following:
    """Knows how far a job is; a thread of its own follows the events."""

    def __init__(self, client: Client, job: str) -> None:
        self._changed = threading.Condition()
        self.steps = self.troubles = self._version = 0
        self.state = JobState.QUEUED
        self._error: ChainruleError | None = None
        self._thread = threading.Thread(target=self._follow, args=(client, job), name="follow", daemon=True)
        self._thread.start()

    def _follow(self, client: Client, job: str) -> None:
        try:
            for event in client.watch(job):
                self._take(event)
        except ChainruleError as error:
            with self._changed:
                self._error = error
                self._changed.notify_all()

    def _take(self, event: JobEvent) -> None:
        with self._changed:
            self.state = event.job.state
            self.troubles += event.kind in ("state", "workers", "warning")
            self.steps += event.job.version != self._version  # a server that starts again goes back
            self._version = event.job.version
            self._changed.notify_all()

    def wait(self, seconds: float | None, until: Callable[[], bool] = lambda: False) -> bool:
        """Wait until the job has ended or something is the case; return whether that was in time.

        Raises ChainruleError where the service is gone for good.
        """
        with self._changed:

            def over() -> bool:
                return self.state.final or self._error is not None or until()

            happened = self._changed.wait_for(over, seconds)
            if self._error is not None:
                raise self._error
            return happened

    def wait_for_steps(self, seconds: float) -> bool:
        """Wait until the job has been told twice to be at another step, or has ended."""
        goal = self.steps + 2
        return self.wait(seconds, lambda: self.steps >= goal)


@dataclass
class Chaos:
    """A service, a job, and what is done to them. Every random choice comes from the seed.

    Where `pushes`, those of the workers are disturbed too.
    """

    folder: Path
    seed: int
    console: Console
    pushes: bool = True
    client: Client = field(init=False)
    job: str = field(init=False, default="")
    recoveries: list[tuple[str, float]] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311 - not for secrets
        self._port = _free_port()
        self._service = ExitStack()
        self._cpus: int
        self._processes: Processes
        self._following: Following

    def run(self, job_file: Path, minutes: float) -> Verdict:
        """Train, disturb for so long, let the job end, and compare. Raises ChainruleError where training is lost."""
        with self.training(job_file):
            self.console.print(f"job {self.job}, seed {self.seed}, {minutes:g} minutes")
            end = time.monotonic() + 60 * minutes
            while not self._following.wait(min(self._random.uniform(*CALM_SECONDS), max(0.0, end - time.monotonic()))):
                if time.monotonic() >= end:
                    break
                self.let_happen(self._random.choice(sorted(FAULTS)))
            self._following.wait(None)
            if self._following.state is not JobState.SUCCEEDED:
                raise ChainruleError(f"the job has {self._following.state}: {self.client.get(self.job).reason}")
            return verify(self.client, self.job, 0, None, None, self.console)

    @contextmanager
    def training(self, job_file: Path) -> Iterator[None]:
        """Serve and train a job."""
        spec = parse_spec(read_job(job_file))
        self._cpus = spec.cluster.max_workers
        self.folder.mkdir(parents=True, exist_ok=True)
        self.start_service()
        with self._service, Client(f"127.0.0.1:{self._port}", timeout=PATIENCE_SECONDS) as self.client:
            self.job = self.client.submit(spec)
            self._following = Following(self.client, self.job)
            if not self._following.wait_for_steps(PATIENCE_SECONDS):
                raise ChainruleError(f"training has not begun within {PATIENCE_SECONDS:g} s")
            yield

    def start_service(self) -> None:
        """Start the service; where pushes are disturbed, each worker pushes something twice and falls asleep once."""
        twice, asleep = self._random.randrange(3, 30), self._random.randrange(30, 300)
        faults = f"{VARIABLE}=worker.after_push:{twice}=twice,worker.before_push:{asleep}=delay"
        command = (
            "env",
            *([faults] if self.pushes else []),
            *SERVE,
            "--port",
            str(self._port),
            "--num-cpus",
            str(self._cpus),
        )
        service = self._service.enter_context(local_service(self.folder, command))
        self._processes = Processes(service.pid)

    def let_happen(self, name: str) -> None:
        """Do what FAULTS says, and wait until training goes on. Raises ChainruleError where it does not."""
        began, known = time.monotonic(), self._following.troubles
        FAULTS[name](self)
        felt = self._trouble_within(NOTICE_SECONDS, known) and not self._following.state.final
        if not felt:
            began = time.monotonic()
        while True:  # until it goes on for good: a fault may be felt bit by bit
            known = self._following.troubles
            if not self._following.wait_for_steps(PATIENCE_SECONDS):
                raise ChainruleError(f"training has not gone on within {PATIENCE_SECONDS:g} s after: {name}")
            took = time.monotonic() - began
            if not self._trouble_within(SETTLED_SECONDS, known):
                break
        if self._following.state.final and not felt:
            return
        self.recoveries.append((name, took))
        self.console.print(f"{name}: training goes on after {self.recoveries[-1][1]:.1f} s")

    def _trouble_within(self, seconds: float, known: int) -> bool:
        """Wait for more trouble than what is known; there is none where the job has ended meanwhile."""
        self._following.wait(seconds, lambda: self._following.troubles > known)
        return self._following.troubles > known

    def kill(self, kind: str, *, all_of_them: bool = False) -> None:
        """Kill a process of a kind, or all."""
        found = self._processes.of(kind)
        for process in found if all_of_them else self._random.sample(found, min(1, len(found))):
            process.kill()

    def stall_a_worker(self) -> None:
        """Stop a worker for longer than its lease; then it goes on, late."""
        found = self._processes.of("worker")
        for process in self._random.sample(found, min(1, len(found))):
            process.suspend()
            time.sleep(STALL_SECONDS)
            process.resume()

    def restart_service(self, *, gently: bool) -> None:
        """End the service, and start it again in the same folder."""
        (self._processes.terminate if gently else self._processes.kill)()
        self.start_service()

    def damage_checkpoint(self) -> None:
        """Flip a bit in the newest checkpoint, then kill the parameter server."""
        files = sorted((self.folder / "service" / "jobs" / self.job).glob("[0-9]*/model.safetensors"))
        for path in files[-1:]:
            content = bytearray(path.read_bytes())
            content[self._random.randrange(len(content))] ^= 1
            path.write_bytes(content)
        self.kill("parameter server")


FAULTS: dict[str, Callable[[Chaos], Any]] = {
    "a worker is killed": lambda chaos: chaos.kill("worker"),
    "all workers are killed": lambda chaos: chaos.kill("worker", all_of_them=True),
    "a worker is stalled": Chaos.stall_a_worker,
    "the parameter server is killed": lambda chaos: chaos.kill("parameter server"),
    "the launcher is killed": lambda chaos: chaos.kill("launcher"),
    "the raylet is killed": lambda chaos: chaos.kill("raylet"),
    "the Ray head is killed": lambda chaos: chaos.kill("Ray head"),
    "the service is killed": lambda chaos: chaos.restart_service(gently=False),
    "the service is told to end": lambda chaos: chaos.restart_service(gently=True),
    "a checkpoint is damaged": Chaos.damage_checkpoint,
}
"""What may happen, by the words in which it is told."""


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
