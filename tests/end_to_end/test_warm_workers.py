"""Workers that wait for a job, so that it begins at once."""

import threading
import time
from contextlib import suppress

import psutil

from chainrule.server.processes import Processes

WAITING = "ray::WorkerActor"  # without the name of a method
SECONDS = 60.0


def waiting_workers(service):
    """Wait until two workers wait, and return their process ids."""
    end, pause = time.monotonic() + SECONDS, threading.Event()
    while time.monotonic() < end:
        waiting = set()
        for process in psutil.Process(service.process.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                if process.name() == WAITING:
                    waiting.add(process.pid)
        if len(waiting) == 2:
            return waiting
        pause.wait(0.1)  # Ray tells nobody
    raise AssertionError(f"after {SECONDS} s these wait: {waiting}")


def test_a_job_gets_the_workers_that_wait_and_others_wait_for_the_next(service, job_file):
    waiting = waiting_workers(service)
    job = service.submit(job_file("warm", training={"epochs": 100_000}))
    next(event for event in service.follow(job) if event["job"]["workers"] == 2)
    assert {process.pid for process in Processes(service.process.pid).of("worker")} == waiting
    service.run("cancel", job)
    assert waiting_workers(service).isdisjoint(waiting)
