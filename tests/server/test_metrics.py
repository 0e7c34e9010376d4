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

from chainrule.server.metrics import STEP_BUCKETS, JobCollector, LiveJob, exposition
from chainrule.wire.job import Job, JobState

METRICS = {"train": {"loss": 0.5}, "validation": {"loss": 0.625, "accuracy": 0.75}}


def live_job(id="a", **figures):
    figures = {"version": 7, "epoch": 2, "workers": 3, "metrics": METRICS} | figures
    return LiveJob(Job(id, "digits", JobState.RUNNING, datetime.now(UTC), **figures))


def registry_of(live, states=None):
    registry = CollectorRegistry()
    registry.register(JobCollector(lambda: live, lambda: states or {}))
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
    assert samples == {("chainrule_jobs", ("state", state.value)): states[state] for state in JobState}


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
    live = live_job(text, metrics={text: {"loss": 1.0}})
    live.observe_push(text)
    samples = read(registry_of([live]))
    assert samples["chainrule_job_loss", ("job", text), ("split", text)] == 1
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


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_finds_no_fault():
    live = live_job()
    live.observe_step(0.1, rows=4)
    live.observe_push("applied")
    body, _ = exposition(registry_of([live], {JobState.RUNNING: 1}))
    checked = subprocess.run(["promtool", "check", "metrics"], input=body, capture_output=True, timeout=30)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")
