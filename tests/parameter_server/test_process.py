import hashlib
import json
import signal
from pathlib import Path

import pytest
from server_process import known, losses, run

from chainrule.data.model import Model
from chainrule.data.shards import Shard
from chainrule.wire import faults


def test_a_job_runs_to_its_end_with_the_same_bits_for_one_worker_and_three(start, data):
    job = data()
    checkpoints = [run(start(job, f"run{workers}"), workers) for workers in (1, 3)]
    assert [checkpoint["version"] for checkpoint in checkpoints] == [24, 24]
    assert checkpoints[0]["weights_sha256"] == checkpoints[1]["weights_sha256"]


def test_the_reports_tell_every_step_and_evaluation_once_and_the_model_has_learnt(start, data):
    job = data()
    server = start(job)
    checkpoint = run(server, 2)
    reports = server.all("report")
    steps = [step for report in reports for step in report["steps"]]
    evaluations = [evaluation for report in reports for evaluation in report["evaluations"]]
    assert [step[0] for step in steps] == list(range(24))
    assert sum(step[2] for step in steps) == 4 * 96
    assert [evaluation[0] for evaluation in evaluations] == [6, 12, 18, 24]
    assert steps[-1][1] < 0.7 * steps[0][1]
    first, last = next(report["layers"] for report in reports if report["layers"])
    assert (first["layer"], last["layer"]) == (1, 2)
    assert min(first["gradient_norm"], first["weight_norm"], last["bias_gradient_norm"], last["update_ratio"]) > 0
    assert evaluations[-1][2] > 0.8
    assert [report["ended"] for report in reports] == [False] * (len(reports) - 1) + [True]
    model = Model.load(Path(checkpoint["path"]) / "model.safetensors")
    assert model.version == 24
    assert hashlib.sha256(model.parameters.flat.tobytes()).hexdigest() == checkpoint["weights_sha256"]


def test_a_process_that_has_ended_exits_without_a_word_of_complaint(start, data, tmp_path):
    server = start(data(epochs=1))
    run(server, 1)
    assert server.process.wait(20) == 0
    assert (tmp_path / "log").read_text() == ""


def test_a_job_that_is_stopped_goes_on_in_another_process_with_the_same_bits(start, data):
    undisturbed = run(start(data(epochs=60), "whole"), 1)
    server = start(data(epochs=60))
    server.work(2)
    server.until("report", lambda report: report["version"] > 0)
    server.send(command="stop")
    assert server.until("ended") == {"event": "ended", "complete": False, "reason": ""}
    checkpoint = server.all("checkpoint")[-1]
    assert 0 < checkpoint["version"] < undisturbed["version"] == 360
    second = start(data(epochs=60), generation=2, checkpoints=[known(checkpoint)])
    final = run(second, 3)
    assert second.all("listening")[0]["version"] == checkpoint["version"]
    assert second.all("report")[0]["version"] >= checkpoint["version"]
    assert (final["version"], final["weights_sha256"]) == (360, undisturbed["weights_sha256"])


def test_workers_come_and_are_dismissed_and_the_bits_are_the_same(start, data):
    undisturbed = run(start(data(shards=16, epochs=60), "whole"), 1)
    server = start(data(shards=16, epochs=60, max_workers=1))
    server.work(16)  # one for each shard, whatever the job said when it was submitted
    server.until("report", lambda report: report["workers"] == 16)
    server.send(command="dismiss", workers=[f"w{i}" for i in range(1, 16)])
    server.until("report", lambda report: report["workers"] == 1)
    assert server.until("ended") == {"event": "ended", "complete": True, "reason": ""}
    warnings = [warning for report in server.all("report") for warning in report["warnings"]]
    assert [warning for warning in warnings if "elsewhere" not in warning] == []  # which a busy machine may cause
    assert server.all("checkpoint")[-1]["weights_sha256"] == undisturbed["weights_sha256"]
    assert server.process.wait(20) == 0
    server.close()


def test_a_damaged_checkpoint_is_warned_of_and_the_bits_are_the_same(start, data):
    undisturbed = run(start(data()), 1)
    (Path(undisturbed["path"]) / "optimizer.safetensors").write_bytes(b"")
    server = start(data(), generation=2, checkpoints=[known(undisturbed)])
    final = run(server, 2)
    assert server.all("listening")[0]["version"] == 0
    assert any("damaged" in warning for report in server.all("report") for warning in report["warnings"])
    assert final["weights_sha256"] == undisturbed["weights_sha256"]


def test_checkpoints_are_written_from_time_to_time(start, data):
    server = start(data(epochs=2000, checkpoint_seconds=0.05))
    server.work(1)
    versions = [server.until("checkpoint")["version"] for _ in range(2)]
    assert versions[0] < versions[1]
    server.send(command="stop")
    server.until("ended")


def test_a_checkpoint_is_told_of_after_all_steps_that_led_to_it(start, data):
    server = start(data(epochs=2000, checkpoint_seconds=0.02))
    server.work(1)
    for _ in range(10):
        server.until("checkpoint")
    server.send(command="stop")
    server.until("ended")
    told = 0
    for event in server.seen:
        if event["event"] == "report":
            told += len(event["steps"])
        elif event["event"] == "checkpoint":
            assert told >= event["version"]


def test_the_end_of_stdin_ends_the_process(start, data):
    server = start(data())
    server.until("listening")
    server.process.stdin.close()
    assert server.process.wait(20) == 1
    assert "checkpoint" not in [json.loads(line)["event"] for line in server.process.stdout]


def test_numbers_that_are_not_finite_fail_the_job_with_advice(start, data):
    job = data()
    nan = {i: Shard(s.X * float("nan"), s.Y, s.validation_X, s.validation_Y) for i, s in job.shards.items()}
    server = start(job)
    server.job.shards = nan
    server.work(1)
    assert "learning_rate may help" in server.until("failed")["reason"]


def test_a_network_that_does_not_fit_in_memory_fails_with_a_reason(start, data):
    server = start(data(units=2**31 - 1))
    assert "weights and biases" in server.until("failed")["reason"]
    assert server.process.wait(20) == 0


def test_a_checkpoint_that_cannot_be_written_fails_the_job_with_a_reason(start, data, tmp_path):
    (tmp_path / "run").write_text("a file where the folder should be")
    server = start(data(epochs=1))
    server.work(1)
    assert "the trained model could not be written" in server.until("failed")["reason"]


@pytest.mark.parametrize(
    "point",
    [
        "server.before_apply:9",
        "server.after_apply:9",
        "stretch.before_commit:9",
        "stretch.after_commit:9",
        "checkpoint.before_write:1",
        "checkpoint.before_fsync:5",
        "checkpoint.before_rename:1",
        "checkpoint.after_rename:1",
    ],
)
def test_wherever_the_process_is_killed_another_one_goes_on_with_the_same_bits_and_losses(start, data, point):
    job = data(epochs=20, checkpoint_seconds=0.02)
    quiet = start(job, "quiet")
    expected = run(quiet, 1)
    killed = start(job, fail_at=f"{point}=kill")
    killed.work(2)
    killed.seen += map(json.loads, killed.process.stdout)
    assert killed.process.wait(20) == -signal.SIGKILL
    checkpoints = [known(checkpoint) for checkpoint in reversed(killed.all("checkpoint"))]
    after = start(job, generation=2, checkpoints=checkpoints)
    assert run(after, 2)["weights_sha256"] == expected["weights_sha256"]
    assert losses(killed) | losses(after) == losses(quiet)
    assert losses(after).items() <= losses(quiet).items()


@pytest.mark.parametrize(
    "fault",
    [
        "worker.after_push:5=twice",
        "worker.before_push:5=EIO",
        "worker.after_push:5=ENOSPC",
        "stretch.before_apply:5=EIO",
        "stretch.after_apply:5=EIO",
    ],
)
def test_a_push_that_comes_twice_or_a_worker_that_fails_beside_it_changes_no_bit(start, data, monkeypatch, fault):
    job = data()
    expected = run(start(job, "quiet"), 2)
    monkeypatch.setattr(faults, "_faults", faults.parse(fault))
    disturbed = start(job, "disturbed")
    assert run(disturbed, 3)["weights_sha256"] == expected["weights_sha256"]
    if fault.endswith("twice"):
        refused = [set(report["pushes"]) - {"applied"} for report in disturbed.all("report")]
        assert set().union(*refused) <= {"duplicate", "stale", "fenced"}
        assert any(refused)
