"""How soon a warm service, whose workers are kept ready, takes the first step of a job: on the demo's digits."""

import threading
import time
from contextlib import suppress
from pathlib import Path

import psutil

from chainrule.client import Client
from chainrule.client.demo import write_files
from chainrule.client.local_service import local_service
from chainrule.server.processes import Processes
from chainrule.wire.errors import JobNotRunning

WORKERS = 2
READY_SECONDS = 60.0


def first_steps(folder: Path, jobs: int) -> list[float]:
    """Return the seconds from the submission of each of some jobs behind each other to its first step."""
    write_files(folder)
    seconds, ready = [], set[psutil.Process]()
    with local_service(folder) as service, Client(service.address) as client:
        processes = Processes(service.pid)
        for _ in range(jobs):
            ready = _waiting_workers(processes, but=ready)
            began = time.perf_counter()
            job = client.submit(folder / "digits.toml")
            next(event for event in client.watch(job) if event.job.version > 0)
            seconds.append(time.perf_counter() - began)
            with suppress(JobNotRunning):  # it may have ended by now
                client.cancel(job)
    return seconds


def _waiting_workers(processes: Processes, but: set[psutil.Process]) -> set[psutil.Process]:
    """Wait for workers that wait, but for those of the job before, which are about to end."""
    end, pause = time.monotonic() + READY_SECONDS, threading.Event()
    while len(waiting := set(processes.of("waiting worker")) - but) < WORKERS:
        if time.monotonic() > end:
            raise TimeoutError(f"no {WORKERS} workers have been ready for a job after {READY_SECONDS:.0f} s")
        pause.wait(0.1)  # Ray tells nobody
    return waiting
