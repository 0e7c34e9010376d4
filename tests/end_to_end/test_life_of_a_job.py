"""What a user does with a job: list, watch, queue, cancel, delete; and what happens when processes die."""

import json
import signal
import socket
import threading
from contextlib import suppress

import grpc
import psutil
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from chainrule.client import Client
from chainrule.server.processes import Processes
from chainrule.wire.errors import JobNotFound, JobNotRunning

LONG = {"epochs": 100_000}


def until(service, job_id, **figures):
    """Follow a job until it has these figures, and return the event."""
    return next(
        event for event in service.follow(job_id) if all(event["job"][name] == value for name, value in figures.items())
    )


def trained_a_while(service, job_id):
    """Follow a running job until two progress events have come, and return the second."""
    progress = (event for event in service.follow(job_id) if event["kind"] == "progress")
    return [next(progress), next(progress)][1]


def children_of(service, module):
    processes = psutil.Process(service.process.pid).children()
    return [process for process in processes if process.cmdline()[-1:] == [module]]


@pytest.fixture
def running(service, job_file):
    """A job that trains for longer than any test; cancelled at the end."""
    job_id = service.submit(job_file("running", training=LONG | {"checkpoint_seconds": 0.5}))
    until(service, job_id, workers=2)
    yield job_id
    with Client(service.address) as client, suppress(JobNotFound, JobNotRunning):
        client.cancel(job_id)


@pytest.fixture
def disturbed(service, running):
    """The job that trains, for a test in which processes die. In the end each of its steps is computed once more."""
    yield running
    service.run("cancel", running)
    assert service.json("verify", running)["same"]


def test_show_has_the_fields_that_programs_rely_on(service, job_file):
    done = service.finish(service.submit(job_file("fields", training={"epochs": 2})))
    assert set(done) == {
        *("id", "name", "state", "reason", "version", "steps", "epoch", "workers", "min_workers", "max_workers"),
        *(
            "metrics",
            "loss_unit",
            "labels",
            "confusion",
            "samples_per_second",
            "events",
            "blocked",
            "spec",
            "weights_sha256",
            "created",
            "started",
            "finished",
            "layers",
            "health",
        ),
    }
    assert set(done["metrics"]["train"]) == {"loss", "epoch_loss", "batch_loss", "loss_steps", "step"}
    assert set(done["metrics"]["best"]) == {*done["metrics"]["validation"], "step", "train_loss"}
    assert done["loss_unit"] == "cross-entropy, nats"
    assert set(done["metrics"]["validation"]) == {"loss", "accuracy", "balanced_accuracy", "f1", "log_loss"}
    assert sum(count for row in done["confusion"].values() for count in row.values()) == 359
    assert done["created"] <= done["started"] <= done["finished"]
    assert {name: value for name, value in done.items() if name != "spec"} in service.json("list")


def test_the_same_request_id_gives_the_same_job(service, job_file):
    path = job_file("once", training={"epochs": 1})
    job_id = service.submit(path, "--request-id", "r-1")
    assert service.submit(path, "--request-id", "r-1") == job_id
    other = job_file("other", training={"epochs": 2})
    assert "has been used for another job" in service.run("submit", other, "--request-id", "r-1", code=2).stderr
    service.finish(job_id)


def test_events_are_numbered_without_a_gap_from_wherever_one_starts(service, job_file):
    job_id = service.submit(job_file("numbers", training={"epochs": 30}))
    with Client(service.address) as client:
        events = list(client.watch(job_id))
        live = [event.number for event in events]
        assert live == list(range(1, len(live) + 1))
        assert [event.message for event in events if event.kind == "warning"] == []
        assert [event.number for event in client.watch(job_id, after=3)] == live[3:]


def test_jobs_are_listed_in_pages(service, job_file):
    with Client(service.address) as client:
        ids = [client.submit(job_file(f"page-{i}", training={"epochs": 1})) for i in range(3)]
        assert [job.id for job in client.list()][-3:] == ids
        for job_id in ids:
            assert list(client.watch(job_id))[-1].job.state == "SUCCEEDED"


def test_a_job_waits_for_its_turn_and_says_so(service, job_file, running):
    waiting = service.submit(job_file("waiting", training={"epochs": 1}, cluster={"min_workers": 3, "max_workers": 4}))
    behind = service.submit(job_file("behind", training={"epochs": 1}))
    giant = service.submit(job_file("giant", training={"shards": 64}, cluster={"min_workers": 64, "max_workers": 64}))
    reason = until(service, giant, state="QUEUED", reason="waits for 64 CPUs (cluster.min_workers); the cluster has 4")
    assert reason["job"]["workers"] == 0
    assert "waits for its turn" in until(service, waiting, state="QUEUED")["job"]["reason"]
    assert service.json("show", behind)["state"] == "QUEUED"  # first come, first served
    service.run("cancel", running)
    assert service.finish(waiting)["state"] == "SUCCEEDED"
    assert service.finish(behind)["state"] == "SUCCEEDED"
    service.run("cancel", giant)


def test_a_job_grows_when_others_leave(service, job_file, running):
    growing = service.submit(job_file("growing", training=LONG, cluster={"min_workers": 1, "max_workers": 4}))
    until(service, growing, workers=2)
    service.run("cancel", running)
    until(service, growing, workers=4)
    service.run("cancel", growing)


def test_cancel_and_delete(service, running):
    assert "cancel it before you delete it" in service.run("delete", running, code=2).stderr
    assert json.loads(service.run("cancel", running, "--json").stdout)["state"] == "CANCELLED"
    assert "it is too late to cancel it" in service.run("cancel", running, code=2).stderr
    assert f'chainrule_job_state{{job="{running}",state="CANCELLED"}} 1.0' in service.metrics()
    folder = service.data_dir / "jobs" / running
    assert folder.exists()
    others = [job for job in service.json("list") if job["id"] != running]
    service.run("delete", running)
    assert not folder.exists()
    assert f'job="{running}"' not in service.metrics()
    assert "there is no job" in service.run("show", running, code=2).stderr
    assert service.json("list") == others


def test_training_goes_on_after_the_parameter_server_is_killed(service, disturbed):
    until_checkpoint = next(event for event in service.follow(disturbed) if event["kind"] == "checkpoint")
    children_of(service, "chainrule.parameter_server")[0].kill()
    until(service, disturbed, state="RUNNING", workers=2)
    assert trained_a_while(service, disturbed)["job"]["version"] >= int(until_checkpoint["message"].split()[-1])


def test_training_goes_on_after_a_worker_is_killed(service, disturbed):
    workers = Processes(service.process.pid).of("worker")
    assert len(workers) == 2
    with Client(service.address) as client:
        seen = client.get(disturbed).events
        workers[0].kill()
        warning = next(event for event in client.watch(disturbed, after=seen) if event.kind == "warning")
    assert "is replaced" in warning.message
    until(service, disturbed, workers=2)
    trained_a_while(service, disturbed)


@pytest.mark.parametrize("more_seconds", [0.0, pytest.param(25.0, marks=pytest.mark.soak)])
def test_training_goes_on_without_a_worker_that_is_stopped_beyond_its_lease(service, disturbed, more_seconds):
    stopped = Processes(service.process.pid).of("worker")[0]
    stopped.suspend()
    with Client(service.address) as client:
        events = client.watch(disturbed, after=client.get(disturbed).events - 1)
        next(event for event in events if "has been silent for too long" in event.message)
        trained_a_while(service, disturbed)
        threading.Event().wait(more_seconds)
        stopped.resume()
        warning = next(event for event in events if "is replaced" in event.message)
    assert "no lease (any more)" in warning.message
    until(service, disturbed, workers=2)


def test_a_whole_ray_is_started_after_a_part_of_it_is_killed(service, disturbed):
    """The parameter server keeps the weights meanwhile."""
    processes = Processes(service.process.pid)
    server = processes.of("parameter server")
    for kind in ("launcher", "raylet", "Ray head"):
        before = processes.of("worker")
        (killed,) = processes.of(kind)
        killed.kill()
        _, alive = psutil.wait_procs(before, timeout=60)
        assert alive == []
        for event in service.follow(disturbed):
            if event["job"]["workers"] == 2 and len(processes.of("worker")) == 2:
                break
    trained_a_while(service, disturbed)
    assert processes.of("parameter server") == server


def test_sigterm_takes_a_checkpoint_ends_everything_and_the_job_goes_on_later(service, disturbed):
    trained_a_while(service, disturbed)
    processes = psutil.Process(service.process.pid).children(recursive=True)
    assert service.end(signal.SIGTERM) == 0
    _, alive = psutil.wait_procs(processes, timeout=10)
    assert alive == []
    service.start("--num-cpus", "4")
    until(service, disturbed, state="RUNNING", workers=2)
    assert trained_a_while(service, disturbed)["job"]["version"] > 0


def test_health_and_reflection_answer(service):
    with grpc.insecure_channel(service.address) as channel:
        for name in ("", "chainrule.v1.TrainingService"):
            request = health_pb2.HealthCheckRequest(service=name)
            answer = health_pb2_grpc.HealthStub(channel).Check(request, timeout=10)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
        question = reflection_pb2.ServerReflectionRequest(list_services="")
        answers = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(iter([question]), timeout=10)
        names = {found.name for found in next(answers).list_services_response.service}
        assert {"chainrule.v1.TrainingService", "grpc.health.v1.Health"} <= names


def test_the_page_lists_the_jobs(service, job_file):
    from urllib.request import urlopen

    job_id = service.submit(job_file("<script>", training={"epochs": 1}))
    service.finish(job_id)
    assert b'<script type="module"' in urlopen(service.http, timeout=10).read()
    [listed] = [job for job in json.load(urlopen(f"{service.http}/api/jobs"))["jobs"] if job["id"] == job_id]
    assert (listed["name"], listed["state"]) == ("<script>", "SUCCEEDED")
    [told] = [job for job in service.json("top") if job["id"] == job_id]
    assert (told["health"]["word"], told["health"]) == ("done", listed["health"])
    assert urlopen(f"{service.http}/healthz", timeout=10).read() == b"ok"


def test_a_job_that_is_still_being_read_can_be_cancelled(service, job_file, tmp_path):
    """A read that takes its time: the file stands on a server that does not answer."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        train = f"s3://bucket/rows.csv?endpoint_override=127.0.0.1:{silent.getsockname()[1]}&scheme=http"
        job_id = service.submit(job_file("slow", data={"train": train}))
        until(service, job_id, state="STARTING")
        assert json.loads(service.run("cancel", job_id, "--json").stdout)["state"] == "CANCELLED"
        assert service.finish(service.submit(job_file("next", training={"epochs": 1})))["state"] == "SUCCEEDED"


def test_numbers_are_predicted_without_validation(service, job_file, tmp_path):
    rows = [f"{i % 10},{i % 7},{2 * (i % 10) - (i % 7)}" for i in range(300)]
    (tmp_path / "rows.csv").write_text("\n".join(["a,b,target", *rows]) + "\n")
    job = job_file(
        "regression",
        data={"train": str(tmp_path / "rows.csv"), "label": "target", "validation_fraction": 0},
        network={"loss": "mse", "layers": [{"units": 16}, {}]},
        optimizer={"name": "adam", "learning_rate": 0.02},
        training={"epochs": 60, "batch_size": 60},
    )
    job_id = service.submit(job)
    done = service.finish(job_id)
    assert done["state"] == "SUCCEEDED"
    assert set(done["metrics"]) == {"train"}
    predicted = service.json("predict", job_id, tmp_path / "rows.csv")
    errors = [abs(ours - (2 * (i % 10) - (i % 7))) for i, ours in enumerate(predicted)]
    assert len(predicted) == 300
    assert sum(errors) / 300 < 0.5


def test_rows_that_cannot_be_predicted_are_named(service, job_file, digits_csv, tmp_path):
    job_id = service.submit(job_file("rows", training={"epochs": 1}))
    service.finish(job_id)
    lines = digits_csv.read_text().splitlines()
    lines[1501] = "x" + lines[1501][1:]
    (tmp_path / "rows.csv").write_text("\n".join(lines))
    assert "row 1501, column 'p0' is 'x" in service.run("predict", job_id, tmp_path / "rows.csv", code=2).stderr
    (tmp_path / "rows.csv").write_text("a,b\n1,2\n")
    assert "no column 'p0'" in service.run("predict", job_id, tmp_path / "rows.csv", code=2).stderr
