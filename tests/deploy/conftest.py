"""What tests of Prometheus' rules and of Grafana's dashboards share: what they ask for, and what the service shows."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from chainrule.server.live import LiveJob
from chainrule.server.metrics import Calls, JobCollector, new_registry
from chainrule.wire.job import Job, JobState
from chainrule.wire.layers import LayerFigures

DEPLOY = Path(__file__).parents[2] / "deploy"


def rules(name):
    [group] = yaml.safe_load((DEPLOY / "prometheus" / name).read_text())["groups"]
    return group["rules"]


def shown():
    """The names of every sample of a service that has all figures."""
    layers = (LayerFigures(1, 1.0, 1.0, 1.0, 1.0, 0.5, 0.5),)
    train = {"loss": 1.0, "epoch_loss": 1.0, "batch_loss": 1.0, "loss_steps": 1, "step": 1}
    metrics = {"train": train, "validation": {"loss": 1.0, "accuracy": 1.0}}
    job = Job("a", "a", JobState.RUNNING, datetime.now(UTC), steps=9, metrics=metrics, layers=layers)
    live = LiveJob(job, pushes={"applied": 1}, phases={"compute": 1.0}, last_step=1.0, checkpoint_seconds=1.0)
    live.observe_checkpoint(1, 1.0)
    registry = new_registry(JobCollector(lambda: [live], lambda: {}))
    Calls(registry).observe("GetJob", "OK", 1.0)
    return {sample.name for family in registry.collect() for sample in family.samples}


def names(expression):
    """The names of metrics and records in an expression."""
    return set(re.findall(r"(?:\w+:)?\b(?:chainrule|process)_[\w:]+", re.sub(r'"[^"]*"', "", expression)))


@pytest.fixture(scope="session")
def asked():
    """What our files ask for: `records` and `alerts` by name, `panels` by (dashboard, title, legend)."""
    dashboards = {path.stem: json.loads(path.read_text()) for path in (DEPLOY / "grafana/dashboards").glob("*.json")}
    panels = {
        (name, panel["title"], target["legendFormat"]): target["expr"]
        for name, dashboard in dashboards.items()
        for panel in dashboard["panels"]
        for target in panel["targets"]
    }
    records = {rule["record"]: rule["expr"] for rule in rules("recording.yml")}
    alerts = {rule["alert"]: rule for rule in rules("alerts.yml")}
    return SimpleNamespace(dashboards=dashboards, panels=panels, records=records, alerts=alerts)


@pytest.fixture(scope="session")
def known(asked):
    """Every name that may be asked for."""
    return shown() | set(asked.records)


@pytest.fixture(scope="session")
def names_in():
    return names
