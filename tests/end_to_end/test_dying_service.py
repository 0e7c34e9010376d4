"""A service that is killed at one named point after the other, while one job trains: it ends once, in the same bits."""

import signal
import time

import grpc
import psutil
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from chainrule.client import Client
from chainrule.server.processes import Processes
from chainrule.wire.faults import POINTS
from chainrule.wire.job import JobState

CPUS = ("--num-cpus", "2")
OF_THE_SERVICE = ("store.before_commit", "store.after_commit", "checkpoint.before_row")
"""Where the service comes by; to the others its parameter server does."""
EVERY = [point for point in POINTS if point.startswith(("store.", "checkpoint."))]


@pytest.fixture
def mortal(service_class, tmp_path):
    service = service_class(tmp_path / "data")
    yield service
    if service.process.poll() is None:
        service.end(signal.SIGTERM)


def start(service, point):
    """Start the service so that it, or its parameter server, does not get over a point in the midst of training."""
    action = "kill" if point in OF_THE_SERVICE else "stop"
    passes = 40 if point.startswith("store.") else 1
    service.start(*CPUS, fail_at=f"{point}:{passes}={action}")


def everything_dies_at(service, point):
    """Where only the parameter server comes by, it stands still there until all are killed."""
    if point not in OF_THE_SERVICE:
        server = standing_still(service)
        service.process.kill()
        server.kill()
    assert service.process.wait(60) == -signal.SIGKILL
    service.process.stdout.close()


def standing_still(service):
    """Wait for a parameter server that has stopped itself, of which the system tells nobody but its parent."""
    while True:
        for process in Processes(service.process.pid).of("parameter server"):
            if process.status() == psutil.STATUS_STOPPED:
                return process
        time.sleep(0.01)


def ends_at_once_at_a_second_signal(service, job):
    """Its parameter server stands still, so that the checkpoint of the first signal would take its time."""
    next(event for event in service.follow(job) if event["job"]["workers"] == 2)
    everyone = psutil.Process(service.process.pid).children(recursive=True)
    (server,) = Processes(service.process.pid).of("parameter server")
    server.suspend()
    with grpc.insecure_channel(service.address) as channel:
        answers = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), timeout=30)
        assert next(answers).status == health_pb2.HealthCheckResponse.SERVING
        service.process.terminate()
        assert next(answers).status == health_pb2.HealthCheckResponse.NOT_SERVING
        began = time.monotonic()
        assert service.end(signal.SIGTERM) == 1
        assert time.monotonic() - began < 10  # it would wait for 20
    server.resume()
    assert psutil.wait_procs(everyone, timeout=20)[1] == []


def submitted(service, path):
    """Submit the job as a client does who tries again; the same request makes no second one."""
    job = service.submit(path, "--request-id", "once")
    assert [known["id"] for known in service.json("list")] == [job]
    return job


@pytest.mark.parametrize(
    ("points", "epochs"),
    [
        (["store.before_commit", "checkpoint.before_rename"], 250),
        pytest.param(EVERY * 2, 2000, marks=pytest.mark.soak),
    ],
    ids=["two points", "every point"],
)
def test_a_job_ends_once_in_the_same_bits_wherever_the_service_dies(mortal, job_file, points, epochs):
    path = job_file("surviving", training={"epochs": epochs, "checkpoint_seconds": 0.5})
    for point in points:
        start(mortal, point)
        job = submitted(mortal, path)
        everything_dies_at(mortal, point)
    mortal.start(*CPUS)
    ends_at_once_at_a_second_signal(mortal, job)
    mortal.start(*CPUS)
    done = mortal.finish(submitted(mortal, path))
    assert (done["state"], done["version"]) == ("SUCCEEDED", 12 * epochs)
    assert mortal.json("verify", job)["same"]
    with Client(mortal.address) as client:
        ends = [event.job.state for event in client.watch(job) if event.kind == "state" and event.job.state.final]
    assert ends == [JobState.SUCCEEDED]


@pytest.mark.soak
def test_a_worker_dies_in_each_step_of_a_job(mortal, job_file):
    """Each ends the step in which the one before it has died, and dies in the next."""
    mortal.start(*CPUS, fail_at="worker.before_push:1=kill")
    job = mortal.submit(job_file("deadly", training={"epochs": 2}, cluster={"max_workers": 1}))
    done = mortal.finish(job)
    assert (done["state"], done["version"]) == ("SUCCEEDED", 24)
    assert mortal.json("verify", job)["same"]
    with Client(mortal.address) as client:
        warnings = [event for event in client.watch(job) if event.kind == "warning" and "is replaced" in event.message]
    assert len(warnings) >= 23
