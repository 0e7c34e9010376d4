"""Workers that wait for a job, so that it begins at once."""

import signal
import threading
import time

import pytest

from chainrule.server.processes import Processes

SECONDS = 60.0
pytestmark = pytest.mark.xdist_group("warm")


@pytest.fixture(scope="module")
def own(tmp_path_factory, service_class):
    """A service without the workers of earlier jobs, which would be about to end."""
    service = service_class(tmp_path_factory.mktemp("warm") / "data")
    service.start("--num-cpus", "4")
    yield service
    service.end(signal.SIGTERM)


def waiting_workers(processes, but=frozenset()):
    """Wait until two workers wait, but for those of a job before, and return them."""
    end, pause = time.monotonic() + SECONDS, threading.Event()
    while time.monotonic() < end:
        waiting = set(processes.of("waiting worker")) - but
        if len(waiting) == 2:
            return waiting
        pause.wait(0.1)  # Ray tells nobody
    raise AssertionError(f"after {SECONDS} s these wait: {waiting}")


def test_ray_starts_no_worker_that_nobody_uses(own):
    processes = Processes(own.process.pid)
    waiting = waiting_workers(processes)
    (raylet,) = processes.of("raylet")
    of_ray = [process for process in raylet.children() if process.name().startswith("ray::")]
    assert {process for process in of_ray if "Agent" not in process.name()} == waiting


def test_a_job_gets_the_workers_that_wait_and_others_wait_for_the_next(own, job_file):
    processes = Processes(own.process.pid)
    waiting = waiting_workers(processes)
    job = own.submit(job_file("warm", training={"epochs": 100_000}))
    next(event for event in own.follow(job) if event["job"]["workers"] == 2)
    assert set(processes.of("worker")) == waiting
    own.run("cancel", job)
    waiting_workers(processes, but=waiting)
