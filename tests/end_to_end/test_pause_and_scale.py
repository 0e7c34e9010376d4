"""Pause, resume and scale, from the outside: they act at a version's boundary and change no bit."""

import signal
import socket
from concurrent.futures import ThreadPoolExecutor

from chainrule.client import Client
from chainrule.wire.errors import ServiceUnavailable
from chainrule.wire.job import JobState

TRAINING = {"epochs": 200, "checkpoint_seconds": 2.0}


def until(service, job, condition):
    """Watch a job until it fulfils a condition."""
    with Client(service.address) as client:
        next(event for event in client.watch(job, after=client.get(job).events - 1) if condition(event.job))


def trains_with(workers):
    return lambda job: job.state is JobState.RUNNING and job.workers == workers


def words(service, *arguments):
    """What a command says, in one line."""
    out = service.run(*arguments).stdout
    assert out.count("\n") == 1
    return out.strip()


def told(service, job_id):
    """The messages of a job's events that a user has caused. Four workers on two processors may be slow besides."""
    with Client(service.address) as client:
        return [event.message for event in client.watch(job_id) if "by the user" in event.message]


def test_a_job_that_is_paused_resumed_and_scaled_has_the_weights_of_a_quiet_one(service, job_file):
    job = service.submit(job_file("restless", training=TRAINING))
    until(service, job, lambda job: job.version > 100)
    step = paused(service, job)
    another_has_all_cpus(service, job_file)
    assert words(service, "resume", job).startswith(f"{job} is queued at step {step:,}")
    until(service, job, trains_with(2))
    assert words(service, "scale", job, "--workers", "4") == f"{job} has at most 4 workers from now on"
    until(service, job, trains_with(4))
    with Client(service.address) as client:
        assert client.resume(job).state is JobState.RUNNING
        assert client.scale(job, 1).max_workers == 1
    until(service, job, trains_with(1))
    the_service_dies_in_a_pause(service, job)
    shown = service.json("show", job)
    assert shown["version"] < shown["steps"]
    assert shown["max_workers"] == 1

    service.run("resume", job)
    done = service.finish(job)
    assert (done["state"], done["version"]) == ("SUCCEEDED", done["steps"])
    verdict = service.json("verify", job)  # trains it once more, on one processor
    assert (verdict["same"], verdict["weights_sha256"]) == (True, done["weights_sha256"])
    assert told(service, job)[:4] == [
        f"paused by the user at step {step}",
        "queued: resumed by the user",
        "scaled to 4 workers by the user",
        "scaled to 1 worker by the user",
    ]


def paused(service, job):
    """Pause the job, twice, and return the step at which it stays, whatever happens to the service."""
    said = words(service, "pause", job)
    shown = service.json("show", job)
    assert (shown["state"], shown["workers"]) == ("PAUSED", 0)
    assert shown["reason"] == f"paused by the user at step {shown['version']}"
    assert said == f"{job} is paused at step {shown['version']:,}; `chainrule resume {job}` goes on"
    assert shown["weights_sha256"] is not None
    assert service.json("pause", job) == {name: value for name, value in shown.items() if name != "spec"}
    assert 'chainrule_jobs{state="PAUSED"} 1.0' in service.metrics()
    assert f'job="{job}"' not in service.metrics()
    service.end(signal.SIGKILL)
    service.start("--num-cpus", "4")
    assert service.json("show", job) == shown
    return shown["version"]


def another_has_all_cpus(service, job_file):
    cluster = {"min_workers": 4, "max_workers": 4}
    assert (
        service.finish(service.submit(job_file("other", training={"epochs": 3}, cluster=cluster)))["state"]
        == "SUCCEEDED"
    )


def the_service_dies_in_a_pause(service, job):
    """Its workers have gone, and whether the job is called PAUSED already depends on the moment."""
    with Client(service.address) as client, ThreadPoolExecutor(1) as thread:
        pausing = thread.submit(client.pause, job)
        until(service, job, lambda job: job.workers == 0)
        service.end(signal.SIGKILL)
        assert isinstance(pausing.exception(60), ServiceUnavailable | type(None))
    service.start("--num-cpus", "4")


def test_a_job_whose_data_is_being_read_is_paused(service, job_file):
    """A read that takes its time: the file stands on a server that does not answer."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        train = f"s3://bucket/rows.csv?endpoint_override=127.0.0.1:{silent.getsockname()[1]}&scheme=http"
        job = service.submit(job_file("slow", data={"train": train}))
        until(service, job, lambda job: job.state is JobState.STARTING)
        assert words(service, "pause", job) == f"{job} is paused at step 0; `chainrule resume {job}` goes on"
        assert service.json("scale", job, "--workers", "3")["max_workers"] == 3
        service.run("cancel", job)


def test_what_cannot_be_is_refused_in_a_sentence(service, job_file):
    ended = service.submit(job_file("ended", training={"epochs": 1}))
    service.finish(ended)
    for name, *options in (["pause"], ["resume"], ["scale", "--workers", "2"]):
        refused = f"Error: the job is SUCCEEDED: it is too late to {name} it\n"
        assert service.run(name, ended, *options, code=2).stderr == refused
        unknown = "Error: there is no job 'nobody': `chainrule list` shows all\n"
        assert service.run(name, "nobody", *options, code=2).stderr == unknown


def test_more_workers_than_shards_are_refused_with_the_limit(service, job_file):
    giant = {"min_workers": 64, "max_workers": 64}
    job = service.submit(job_file("waiting", training={"shards": 64}, cluster=giant))
    refused = "Error: workers must be <= 64, the job's shards: a worker needs a shard\n"
    assert service.run("scale", job, "--workers", "65", code=2).stderr == refused
    assert words(service, "scale", job, "--workers", "2") == f"{job} has at most 2 workers from now on"
    assert service.finish(job)["state"] == "SUCCEEDED"
