import math
import shutil
import subprocess
import threading
from collections import Counter
from datetime import UTC, datetime

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families

from chainrule.server.live import STEP_BUCKETS, LiveJob, Waiting
from chainrule.server.metrics import JOBS, LAYERS, Calls, JobCollector, exposition, new_registry
from chainrule.wire.job import Job, JobState
from chainrule.wire.layers import LayerFigures

METRICS = {"train": {"loss": 0.5}, "validation": {"loss": 0.625, "accuracy": 0.75}}


def live_job(id="a", **figures):
    figures = {"version": 7, "epoch": 2, "workers": 3, "metrics": METRICS} | figures
    return LiveJob(Job(id, "digits", JobState.RUNNING, datetime.now(UTC), **figures))


def registry_of(live, states=None, **sources):
    registry = CollectorRegistry()
    registry.register(JobCollector(lambda: live, lambda: states or {}, **sources))
    return registry


def read(registry):
    """Every sample that Prometheus would read: {(name, labels): value}."""
    body, content_type = exposition(registry)
    assert content_type.startswith("text/plain")
    samples = [s for family in text_string_to_metric_families(body.decode()) for s in family.samples]
    return {(s.name, *sorted(s.labels.items())): s.value for s in samples}


def test_a_live_job():
    live = live_job()
    live.observe_step(0.003, rows=128)
    live.observe_push("applied", 2)
    live.observe_push("stale")
    samples = read(registry_of([live]))
    job = ("job", "a")
    assert samples["chainrule_job_loss", job, ("split", "train")] == 0.5
    assert samples["chainrule_job_loss", job, ("split", "validation")] == 0.625
    assert samples["chainrule_job_accuracy", job, ("split", "validation")] == 0.75
    assert samples["chainrule_job_step", job] == 7
    assert samples["chainrule_job_epoch", job] == 2
    assert samples["chainrule_job_workers", job] == 3
    assert samples["chainrule_job_samples_total", job] == 128
    assert samples["chainrule_pushes_total", job, ("outcome", "applied")] == 2
    assert samples["chainrule_pushes_total", job, ("outcome", "stale")] == 1


def test_what_is_not_known_has_no_sample():
    samples = read(registry_of([live_job(metrics={"train": {"loss": 0.5}})]))
    assert ("chainrule_job_accuracy", ("job", "a"), ("split", "train")) not in samples
    assert not [name for name, *labels in samples if ("split", "validation") in labels]


def test_a_loss_that_is_not_finite_is_shown():
    samples = read(registry_of([live_job(metrics={"train": {"loss": math.nan}, "validation": {"loss": math.inf}})]))
    assert math.isnan(samples["chainrule_job_loss", ("job", "a"), ("split", "train")])
    assert samples["chainrule_job_loss", ("job", "a"), ("split", "validation")] == math.inf


def test_the_job_may_be_replaced():
    live = live_job()
    registry = registry_of([live])
    live.job = live_job(version=8).job
    assert read(registry)["chainrule_job_step", ("job", "a")] == 8


def test_every_state_is_there():
    states = Counter({JobState.RUNNING: 2})
    samples = read(registry_of([], states))
    for state in JobState:
        assert samples["chainrule_jobs", ("state", state.value)] == states[state]


def test_a_job_that_goes_takes_its_series_along():
    live = [live_job("a"), live_job("b")]
    for job in live:
        job.observe_push("applied")
    registry = registry_of(live)
    assert {("job", "a"), ("job", "b")} <= {label for _, *labels in read(registry) for label in labels}
    del live[0]
    assert not [key for key in read(registry) if ("job", "a") in key]


@pytest.mark.parametrize("text", ['"', "\n", "\\", '\\n"}', "名前", "{le=1}", ""])
def test_labels_may_hold_anything(text):
    live = live_job(text, metrics={"train": {"loss": 1.0}})
    live.observe_push(text)
    samples = read(registry_of([live]))
    assert samples["chainrule_job_loss", ("job", text), ("split", "train")] == 1
    assert samples["chainrule_pushes_total", ("job", text), ("outcome", text)] == 1


def test_step_seconds():
    live = live_job()
    for seconds in (0.0, 0.0005, 0.0006, 3.0, 1000.0):
        live.observe_step(seconds, rows=1)
    samples = read(registry_of([live]))
    buckets = {dict(labels)["le"]: v for (name, *labels), v in samples.items() if name.endswith("_bucket")}
    assert [float(bound) for bound in buckets] == [*STEP_BUCKETS, math.inf]
    assert [buckets[le] for le in ("0.0005", "0.001", "2.5", "5.0", "100.0", "+Inf")] == [2, 3, 3, 4, 4, 5]
    assert samples["chainrule_step_seconds_count", ("job", "a")] == 5
    assert samples["chainrule_step_seconds_sum", ("job", "a")] == pytest.approx(1003.0011)


def test_phases_add_up_over_the_steps_of_all_reports():
    live = live_job()
    for seconds in (1.0, 2.0, 4.0):
        live.observe_step(seconds, rows=1)
    live.observe_phases({"compute": 2.5, "wire": 0.5})
    live.observe_phases({"compute": 3.0, "wire": 1.0})
    samples = read(registry_of([live]))
    for phase, seconds in (("compute", 5.5), ("wire", 1.5)):
        assert samples["chainrule_step_phase_seconds_sum", ("job", "a"), ("phase", phase)] == seconds
        assert samples["chainrule_step_phase_seconds_count", ("job", "a"), ("phase", phase)] == 3


def test_buckets_rise_from_half_a_millisecond_to_a_hundred_seconds():
    assert list(STEP_BUCKETS) == sorted(set(STEP_BUCKETS))
    assert (STEP_BUCKETS[0], STEP_BUCKETS[-1]) == (0.0005, 100.0)


def test_openmetrics_where_it_is_asked_for():
    live = live_job()
    live.observe_step(0.1, rows=4)
    body, content_type = exposition(registry_of([live]), "application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
    assert content_type.startswith("application/openmetrics-text")
    names = {family.name for family in parse_openmetrics(body.decode())}
    assert {"chainrule_job_samples", "chainrule_step_seconds"} <= names


def test_reading_while_another_thread_updates():
    live = live_job()
    stop = threading.Event()

    def train():
        for i in range(10**9):
            live.observe_step(1.0, rows=1)
            live.observe_push(f"outcome {i % 1000}")
            if stop.is_set():
                return

    thread = threading.Thread(target=train)
    thread.start()
    try:
        for _ in range(50):
            samples = read(registry_of([live]))
            steps = samples["chainrule_step_seconds_count", ("job", "a")]
            assert samples["chainrule_step_seconds_sum", ("job", "a")] == steps
    finally:
        stop.set()
        thread.join()


def layers(count):
    return tuple(
        LayerFigures(L, 0.5, 0.25, 2.0, 1e-3, 0.125, None, "dead" if L == 1 else "") for L in range(1, count + 1)
    )


def test_the_layers_of_a_job():
    samples = read(registry_of([live_job(layers=layers(2))]))
    job, first = ("job", "a"), ("layer", "1")
    assert samples["chainrule_layer_gradient_norm", job, ("kind", "weight"), first] == 0.5
    assert samples["chainrule_layer_gradient_norm", job, ("kind", "bias"), first] == 0.25
    for name, value in (("weight_norm", 2.0), ("update_ratio", 1e-3), ("dead_ratio", 0.125)):
        assert samples[f"chainrule_layer_{name}", job, first] == value
    assert not [name for name, *_ in samples if "saturation" in name]
    for word, layer in (("dead", "1"), ("dead", "2"), ("vanishing", "1")):
        wrong = samples["chainrule_layer_diagnosis", ("diagnosis", word), job, ("layer", layer)]
        assert wrong == ((word, layer) == ("dead", "1"))


def test_of_many_layers_the_ends_are_shown_and_the_rest_is_counted_once():
    registry = registry_of([live_job(layers=layers(100))])
    for _ in range(2):
        samples = read(registry)
        shown = {int(dict(labels)["layer"]) for name, *labels in samples if name == "chainrule_layer_weight_norm"}
        assert shown == {*range(1, 17), *range(85, 101)}
        assert len(shown) == LAYERS
        assert samples["chainrule_metrics_left_out_total", ("kind", "layer")] == 68


def test_of_many_jobs_those_that_train_come_first_and_the_rest_is_counted_once():
    live, ended = [live_job(f"live {i}") for i in range(JOBS - 1)], [live_job(f"ended {i}") for i in range(3)]
    registry = registry_of(live, ended=ended)
    for _ in range(2):
        samples = read(registry)
        shown = {dict(labels)["job"] for name, *labels in samples if name == "chainrule_job_step"}
        assert shown == {*(each.job.id for each in live), "ended 0"}
        assert samples["chainrule_metrics_left_out_total", ("kind", "job")] == 2


def test_the_queue_and_the_cluster():
    now = 100.0
    waiting = Waiting(lambda: now)
    registry = registry_of([live_job(workers=3)], ended=[live_job("b")], waiting=waiting, cpus=lambda: 8)
    for job in "abc":
        waiting.note(job, True)
    waiting.note("b", False)
    now = 130.0
    samples = read(registry)
    assert (samples["chainrule_queue_jobs",], samples["chainrule_queue_longest_wait_seconds",]) == (2, 30)
    assert (samples["chainrule_cluster_cpus",], samples["chainrule_cluster_cpus_in_use",]) == (8, 3)


def test_each_loss_of_training_has_a_series_of_its_own_and_the_best_step_has_none():
    train = {"loss": 0.5, "epoch_loss": 0.25, "batch_loss": 0.125, "loss_steps": 10, "step": 7}
    metrics = {"train": train, "validation": {"loss": 0.625}, "best": {"step": 4, "loss": 9.0, "train_loss": 9.0}}
    body, _ = exposition(registry_of([live_job(metrics=metrics)]))
    assert '# HELP chainrule_job_loss Loss: split="train" is the mean over the last steps' in body.decode()
    samples, job = read(registry_of([live_job(metrics=metrics)])), ("job", "a")
    losses = {(name, *labels): value for (name, *labels), value in samples.items() if name.endswith("_loss")}
    assert losses == {
        ("chainrule_job_loss", job, ("split", "train")): 0.5,
        ("chainrule_job_loss", job, ("split", "validation")): 0.625,
        ("chainrule_job_epoch_loss", job): 0.25,
        ("chainrule_job_batch_loss", job): 0.125,
        ("chainrule_job_validation_loss", job): 0.625,
    }


def test_a_job_without_a_whole_epoch_has_no_loss_of_one():
    samples = read(registry_of([live_job(metrics={"train": {"loss": 0.5, "batch_loss": 0.5}})]))
    assert ("chainrule_job_epoch_loss", ("job", "a")) not in samples


def test_a_job_has_one_state_and_every_metric_of_its_validation():
    samples = read(registry_of([live_job()]))
    states = {dict(labels)["state"]: value for (name, *labels), value in samples.items() if name.endswith("job_state")}
    assert {state for state, value in states.items() if value} == {"RUNNING"}
    assert samples["chainrule_job_validation_loss", ("job", "a")] == 0.625
    assert samples["chainrule_job_info", ("job", "a"), ("name", "digits")] == 1


def test_checkpoints_leases_and_lag():
    live = live_job()
    live.checkpoint_seconds, live.checkpoint_moment = 30.0, 1000.0
    samples, job = read(registry_of([live])), ("job", "a")
    assert samples["chainrule_checkpoint_timestamp_seconds", job] == 1000
    assert ("chainrule_checkpoint_step", job) not in samples
    live.observe_checkpoint(7, 1030.0)
    live.staleness, live.leases_ended = 4, 2
    samples = read(registry_of([live]))
    assert samples["chainrule_checkpoint_timestamp_seconds", job] == 1030
    assert (samples["chainrule_checkpoint_step", job], samples["chainrule_checkpoints_total", job]) == (7, 1)
    assert samples["chainrule_worker_staleness_versions", job] == 4
    assert samples["chainrule_lease_expirations_total", job] == 2


def test_calls_process_and_software():
    registry = new_registry(JobCollector(lambda: [], lambda: {}))
    Calls(registry).observe("GetJob", "NOT_FOUND", 0.02)
    samples = read(registry)
    labels = ("code", "NOT_FOUND"), ("method", "GetJob")
    assert samples["chainrule_rpc_seconds_count", *labels] == 1
    assert samples["chainrule_rpc_seconds_bucket", labels[0], ("le", "0.025"), labels[1]] == 1
    assert samples["process_resident_memory_bytes",] > 1e6
    assert [name for name, *_ in samples if name == "chainrule_build_info"]


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_finds_no_fault():
    live = live_job(layers=layers(3), metrics={"validation": {"loss": 1.0, "balanced_accuracy": 0.5, "r2": 0.1}})
    live.observe_step(0.1, rows=4)
    live.observe_push("applied")
    live.observe_phases({"compute": 0.1})
    live.observe_checkpoint(1, 1e9)
    live.checkpoint_seconds = live.last_step = 30.0
    registry = new_registry(JobCollector(lambda: [live], lambda: {JobState.RUNNING: 1}))
    Calls(registry).observe("GetJob", "OK", 0.1)
    body, _ = exposition(registry)
    checked = subprocess.run(["promtool", "check", "metrics"], input=body, capture_output=True, timeout=30)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")
