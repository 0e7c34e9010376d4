"""Workers in processes of their own that are killed, stopped and slow: the bits and the losses stay the same."""

import re
import signal
import time

import psutil
import pytest
from server_process import EXIT_CODES, losses, run, start_worker


@pytest.fixture
def quiet(start, data):
    """What becomes of the job where nothing happens: (hash, losses)."""
    server = start(data(), "quiet")
    return run(server, 1)["weights_sha256"], losses(server)


def finish(server, steps=24):
    """Wait for the end of the job; return (hash, losses)."""
    assert server.until("ended")["complete"]
    told = [step[0] for report in server.all("report") for step in report["steps"]]
    assert told == list(range(steps))
    return server.all("checkpoint")[-1]["weights_sha256"], losses(server)


def stopped(worker):
    """Wait for a process that is about to stop itself."""
    process = psutil.Process(worker.pid)
    while process.status() != psutil.STATUS_STOPPED:  # the system tells it to nobody but the parent
        time.sleep(0.01)
    return process


def go_on(worker):
    """Let a process go on that has stopped itself, or is about to."""
    stopped(worker).resume()


def outcomes(server, outcome):
    return sum(report["pushes"].get(outcome, 0) for report in server.all("report"))


def test_a_worker_dies_in_each_of_twenty_steps_in_a_row(start, data, quiet):
    """Each ends the step in which the one before it has died, and dies in the next."""
    server = start(data())
    address = server.until("listening")["address"]
    for number in range(20):
        worker = start_worker(server, address, f"w{number}", "worker.before_push:1=kill")
        worker.join()
        assert worker.exitcode == -signal.SIGKILL
    assert server.until("report", lambda report: report["version"] == 20)["workers"] <= 1
    start_worker(server, address, "steady")
    assert finish(server) == quiet
    assert outcomes(server, "applied") == 25  # one for each step, and the last evaluation


def test_a_worker_that_is_stopped_beyond_its_lease_is_fenced_when_it_goes_on(start, data, quiet):
    server = start(data())
    address = server.until("listening")["address"]
    late = start_worker(server, address, "late", "worker.before_push:5=stop")
    assert server.until("report", lambda report: report["leases_ended"])["version"] <= 5
    go_on(late)
    late.join()
    assert late.exitcode == EXIT_CODES["Fenced"]
    start_worker(server, address, "another")
    assert finish(server) == quiet
    assert outcomes(server, "applied") == 25
    assert sum(report["leases_ended"] for report in server.all("report")) == 1


def test_nobody_waits_for_a_worker_that_is_slow_and_its_late_push_is_refused_and_counted(start, data, quiet):
    """The fast one waits for a signal twice: until the slow one has come, and when it has done its work."""
    server = start(data(sections={"cluster": {"max_workers": 3, "shared_memory": False}}))  # each step by the server
    address = server.until("listening")["address"]
    fast = start_worker(server, address, "fast", "worker.before_push:2=stop,worker.after_push:5=stop")
    server.until("report", lambda report: report["version"] == 2)
    slow = start_worker(server, address, "slow", "worker.before_push:0=stop")
    server.until("report", lambda report: report["workers"] == 2)
    go_on(fast)
    server.until("report", lambda report: report["version"] > 3)
    go_on(slow)
    server.until("report", lambda report: "stale" in report["pushes"])
    go_on(fast)
    assert finish(server) == quiet
    warnings = [warning for report in server.all("report") for warning in report["warnings"]]
    assert any("its shards are computed elsewhere too" in warning for warning in warnings)
    assert sum(report["leases_ended"] for report in server.all("report")) == 0


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("point", ["worker.before_push:4", "stretch.before_apply:2", "stretch.after_apply:2"])
def test_a_worker_that_dies_in_a_stretch_changes_no_bit(start, data, point, optimizer):
    """The other one waits for it, and goes on alone."""
    job = data(optimizer=optimizer)
    quiet = start(job, "quiet")
    expected = run(quiet, 1)["weights_sha256"], losses(quiet)
    server = start(job)
    address = server.until("listening")["address"]
    steady = start_worker(server, address, "steady", "worker.before_push:0=stop")
    stopped(steady)
    mortal = start_worker(server, address, "mortal", f"{point}=kill")
    server.until("report", lambda report: report["workers"] == 2)
    go_on(steady)
    assert finish(server) == expected
    mortal.join()
    assert mortal.exitcode == -signal.SIGKILL


@pytest.mark.parametrize("point", ["stretch.before_apply:2", "stretch.after_apply:2"])
def test_a_worker_that_goes_on_late_with_a_stretch_writes_where_nobody_reads(start, data, point):
    job, steps = data(epochs=300), 6 * 300
    quiet = start(job, "quiet")
    expected = run(quiet, 1)["weights_sha256"], losses(quiet)
    server = start(job)
    address = server.until("listening")["address"]
    late = start_worker(server, address, "late", f"{point}=stop")
    stopped(late)
    steady = start_worker(server, address, "steady")
    server.until("report", lambda report: report["version"] >= 100)
    go_on(late)
    assert finish(server, steps) == expected
    for worker in (late, steady):
        worker.join()
        assert worker.exitcode in (0, EXIT_CODES["Fenced"])


@pytest.mark.parametrize("rate", [1e3, 20.0])
def test_a_job_that_diverges_fails_at_the_same_step_whoever_takes_it(start, data, rate):
    relu, steps = {"units": 5, "activation": "relu"}, set()
    for shared in (True, False):
        sections = {
            "network": {"layers": [relu, relu, {}], "loss": "mse"},
            "optimizer": {"name": "sgd", "learning_rate": rate},
            "cluster": {"max_workers": 2, "shared_memory": shared},
        }
        server = start(data(sections=sections, epochs=50), f"shared-{shared}")
        address = server.until("listening")["address"]
        workers = [start_worker(server, address, f"w{k}") for k in range(2)]
        steps.add(re.search(r"not finite at step (\d+): ", server.until("failed")["reason"])[1])
        for worker in workers:
            worker.join()
    assert len(steps) == 1
    assert int(*steps) > 0
