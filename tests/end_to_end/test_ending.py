"""A service that is told to end does so in a bounded time, whatever its processes do."""

import signal
import time

import psutil
import pytest

from chainrule.server.scheduler import STOP_SECONDS
from chainrule.server.service import END_SECONDS
from chainrule.server.store import Store
from chainrule.wire.job import JobState


@pytest.fixture
def training(service_class, job_file, tmp_path):
    """A service of its own that trains a job, and the job's id."""
    service = service_class(tmp_path / "own" / "data")
    service.data_dir.mkdir(parents=True)
    service.start("--num-cpus", "2")
    job_id = service.submit(job_file(training={"epochs": 1_000_000}))
    next(event for event in service.follow(job_id) if event["job"]["version"] > 0)
    yield service, job_id
    if service.process.poll() is None:
        service.end(signal.SIGKILL)


def seconds_to_end(service):
    begin = time.monotonic()
    assert service.end(signal.SIGTERM) == 0
    return time.monotonic() - begin


def state_of(service, job_id):
    store = Store(service.data_dir / "chainrule.sqlite3")
    job, checkpoints = store.job(job_id), store.checkpoints(job_id)
    store.close()
    return job.state, len(checkpoints)


def test_with_a_running_job_it_ends_at_a_checkpoint(training):
    service, job_id = training
    assert seconds_to_end(service) < STOP_SECONDS
    state, checkpoints = state_of(service, job_id)
    assert state is JobState.QUEUED
    assert checkpoints


def test_with_a_parameter_server_that_does_not_answer_it_ends_too(training):
    service, job_id = training
    children = psutil.Process(service.process.pid).children()
    [server] = [child for child in children if "chainrule.parameter_server" in child.cmdline()]
    server.suspend()
    assert seconds_to_end(service) < END_SECONDS
    assert not server.is_running()
    assert state_of(service, job_id)[0] is JobState.QUEUED
