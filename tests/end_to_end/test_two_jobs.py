"""The whole path from the outside: command line, HTTP and files only."""

import csv
import hashlib
import re
import signal

import numpy as np
import psutil
from safetensors.numpy import load_file


def test_two_jobs_train_at_the_same_time_and_survive_the_death_of_the_service(service, job_file, digits_csv, tmp_path):
    lasting = {"epochs": 150, "checkpoint_seconds": 0.5}
    first = service.submit(job_file("first", training=lasting))
    second = service.submit(job_file("second", training=lasting | {"seed": 1}))
    both_run_with_two_workers_each(service, first, second)

    processes = psutil.Process(service.process.pid).children(recursive=True)
    service.end(signal.SIGKILL)
    _, alive = psutil.wait_procs(processes, timeout=15)
    assert alive == []
    assert "no service answers" in service.run("list", code=1).stderr
    service.start("--num-cpus", "4")

    restarted = service.json("show", first)
    assert restarted["weights_sha256"] is not None
    for job_id in (first, second):
        done = service.finish(job_id)
        assert done["state"] == "SUCCEEDED"
        assert done["version"] == done["steps"] == 150 * 12
        assert done["metrics"]["validation"]["accuracy"] >= 0.96
        assert f'chainrule_job_state{{job="{job_id}",state="SUCCEEDED"}} 1.0' in service.metrics()
    the_model_is_the_one_that_was_trained(service, first, tmp_path)
    it_predicts(service, first, digits_csv)


def both_run_with_two_workers_each(service, *jobs):
    """Wait for the events that tell it, and for a checkpoint, then ask /metrics."""
    for job_id in jobs:
        events = (event for event in service.follow(job_id) if event["job"]["workers"] == 2)
        seen: set[str] = set()
        while not {"progress", "checkpoint"} <= seen:
            seen.add(next(events)["kind"])
    exposed = service.metrics()
    for job_id in jobs:
        assert f'chainrule_job_workers{{job="{job_id}"}} 2.0' in exposed
        for series in (
            f'chainrule_job_loss{{job="{job_id}",split="train"}}',
            f'chainrule_job_loss{{job="{job_id}",split="validation"}}',
            f'chainrule_job_epoch_loss{{job="{job_id}"}}',
            f'chainrule_job_batch_loss{{job="{job_id}"}}',
            f'chainrule_job_accuracy{{job="{job_id}",split="validation"}}',
            f'chainrule_job_step{{job="{job_id}"}}',
            f'chainrule_job_epoch{{job="{job_id}"}}',
            f'chainrule_job_samples_total{{job="{job_id}"}}',
            f'chainrule_pushes_total{{job="{job_id}",outcome="applied"}}',
            f'chainrule_step_seconds_count{{job="{job_id}"}}',
            f'chainrule_step_phase_seconds_sum{{job="{job_id}",phase="compute"}}',
            f'chainrule_step_phase_seconds_sum{{job="{job_id}",phase="apply"}}',
        ):
            value = re.search(re.escape(series) + r" (\S+)", exposed)
            assert value is not None, series
            assert float(value[1]) > 0, series
    assert 'chainrule_jobs{state="RUNNING"} 2.0' in exposed


def the_model_is_the_one_that_was_trained(service, job_id, folder):
    service.run("download", job_id, "-o", folder / "model.safetensors")
    tensors = load_file(folder / "model.safetensors")
    assert {name: array.shape for name, array in tensors.items()} == {
        "W1": (64, 64),
        "B1": (64,),
        "W2": (10, 64),
        "B2": (10,),
    }
    flat = np.concatenate([tensors[name].ravel() for name in ("W1", "B1", "W2", "B2")]).astype("<f4")
    assert hashlib.sha256(flat.tobytes()).hexdigest() == service.json("show", job_id)["weights_sha256"]


def it_predicts(service, job_id, digits_csv):
    predicted = service.run("predict", job_id, digits_csv).stdout.split()
    with digits_csv.open() as file:
        labels = [row["label"] for row in csv.DictReader(file)]
    right = sum(ours == theirs for ours, theirs in zip(predicted, labels, strict=True))
    assert right / len(labels) >= 0.98  # four fifths of these rows were trained on


def test_a_job_that_was_accepted_survives_a_service_that_dies_at_once(service, job_file):
    job_id = service.submit(job_file("accepted", training={"epochs": 1}))
    service.end(signal.SIGKILL)
    service.start("--num-cpus", "4")
    assert service.finish(job_id)["state"] == "SUCCEEDED"
