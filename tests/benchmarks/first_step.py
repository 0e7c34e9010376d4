"""How soon a warm service, whose workers are kept ready, takes the first step of a job: on the demo's digits."""

import threading
import time
from contextlib import suppress
from pathlib import Path

from chainrule.client import Client
from chainrule.client.demo import write_files
from chainrule.client.local_service import local_service
from chainrule.server.processes import Processes
from chainrule.wire.errors import JobNotRunning

WORKERS = 2


def first_steps(folder: Path, jobs: int) -> list[float]:
    """Return the seconds from the submission of each of some jobs behind each other to its first step."""
    write_files(folder)
    seconds = []
    with local_service(folder) as service, Client(service.address) as client:
        processes, pause = Processes(service.pid), threading.Event()
        for _ in range(jobs):
            while len(processes.of("waiting worker")) < WORKERS:
                pause.wait(0.1)  # Ray tells nobody
            began = time.perf_counter()
            job = client.submit(folder / "digits.toml")
            next(event for event in client.watch(job) if event.job.version > 0)
            seconds.append(time.perf_counter() - began)
            with suppress(JobNotRunning):  # it may have ended by now
                client.cancel(job)
    return seconds
