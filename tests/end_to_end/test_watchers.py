"""Three hundred who watch one job at once, half by the page's events and half over gRPC."""

import json
import signal
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.soak
WATCHERS = Path(__file__).with_name("watchers.py")
MANY, ROUNDS, SECONDS = 300, 3, 10.0
DELAY, SLOWDOWN = 0.5, 0.05


@pytest.fixture
def own(tmp_path, service_class):
    service = service_class(tmp_path / "data")
    service.start("--num-cpus", "1")
    yield service
    service.end(signal.SIGTERM)


@pytest.fixture
def job(own, job_file):
    """A job whose steps take some milliseconds, on one worker."""
    network = {"layers": [{"units": 512}, {"units": 512}, {}]}
    job = own.submit(job_file("watched", network=network, training={"epochs": 10**6}, cluster={"max_workers": 1}))
    until_running = (event for event in own.follow(job) if event["job"]["version"] > 50)
    next(until_running)
    until_running.close()
    return job


def steps_in(service, job, seconds):
    """Steps a second, over so many seconds."""
    first, began = service.json("show", job)["version"], time.monotonic()
    time.sleep(seconds)  # what is measured
    return (service.json("show", job)["version"] - first) / (time.monotonic() - began)


def watch(service, job, seconds):
    """Let many watch; return steps a second meanwhile, and what each has seen."""
    command = [sys.executable, str(WATCHERS), service.address, service.http, job, str(MANY)]
    watchers = subprocess.Popen(["nice", *command], stdout=subprocess.PIPE, text=True)
    assert watchers.stdout.readline() == "ready\n"
    time.sleep(3)  # what has happened before has been sent
    return steps_in(service, job, seconds), watchers


def test_no_event_is_lost_or_late_and_training_is_not_held_up(own, job, record_testsuite_property):
    ratios = []
    for round_ in range(ROUNDS):
        alone = steps_in(own, job, SECONDS)
        since = time.time()
        watched, watchers = watch(own, job, SECONDS)
        ratios.append(watched / alone)
        if round_ + 1 < ROUNDS:
            watchers.kill()
            watchers.wait()
            watchers.stdout.close()
    until = time.time()
    own.run("cancel", job)
    found = json.loads(watchers.communicate(timeout=60)[0])
    last = own.json("show", job)
    numbers = [[number for number, _, _ in each] for each in found]
    assert len(numbers) == MANY
    assert all(each == list(range(1, len(numbers[0]) + 1)) for each in numbers), last
    delays = [
        came - datetime.fromisoformat(told).timestamp()
        for each in found
        for _, came, told in each
        if since + 5 < datetime.fromisoformat(told).timestamp() < until
    ]
    late = float(np.quantile(delays, 0.99))
    record_testsuite_property("p99 delay, s", late)
    record_testsuite_property("training, watched to alone", ratios)
    assert late <= DELAY
    assert np.median(ratios) >= 1 - SLOWDOWN, ratios
