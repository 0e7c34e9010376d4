"""A real Prometheus reads a real service with healthy and sick jobs: every expression that we ship has an answer."""

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
import yaml

from chainrule.client import Client
from chainrule.server.processes import Processes
from chainrule.wire.errors import JobNotFound, JobNotRunning

DEPLOY = Path(__file__).parents[2] / "deploy"
FASTER = {
    "for: 1m": "for: 0s",
    "scrape_interval: 5s": "scrape_interval: 500ms",
    "scrape_timeout: 4s": "scrape_timeout: 500ms",
    "evaluation_interval: 5s": "evaluation_interval: 500ms",
    ", 30)": ", 5)",  # ChainruleNoStep
    " + 60": " + 5",  # ChainruleCheckpointTooOld
    "> 1800": "> 0",  # ChainruleQueueWaiting
}
"""What our files say -> what a test has time for; all else stays as it is."""
SECONDS = 60.0
LASTING = {"epochs": 1_000_000, "checkpoint_seconds": 0.5}
HIDDEN = {
    "vanishing": [{"units": 16, "activation": "sigmoid"}] * 7,
    "exploding": [{"units": 16, "activation": "identity"}],
    "dead": [{"units": 32}, {"units": 16}],
    "diverging": [{"units": 16}],
    "healthy": [{"units": 32}, {"units": 16, "activation": "tanh"}],
}
OPTIMIZERS = {
    "vanishing": {"name": "sgd", "learning_rate": 0.1},
    "exploding": {"name": "lion", "learning_rate": 1.0, "beta1": 0.0},  # each step moves each weight by 1
    "dead": {"name": "sgd", "learning_rate": 10.0},
    "diverging": {"name": "sgd", "learning_rate": 1e30},
    "healthy": {"name": "sgd", "learning_rate": 0.01},
}
SICK = ("vanishing", "exploding", "dead")


class Prometheus:
    """Asked over its HTTP API."""

    def __init__(self, port: int) -> None:
        self._address = f"http://127.0.0.1:{port}"

    def get(self, path: str, **parameters: str) -> dict:
        with urlopen(f"{self._address}/api/v1/{path}?{urlencode(parameters)}", timeout=10) as answer:
            return json.load(answer)["data"]

    def ready(self) -> bool:
        with suppress(URLError, OSError):
            return urlopen(f"{self._address}/-/ready", timeout=5).status == 200
        return False

    def answers(self, expression: str) -> list:
        return self.get("query", query=expression)["result"]

    def firing(self) -> set[tuple[str, str]]:
        """The alerts that fire: (name, job)."""
        alerts = [alert for alert in self.get("alerts")["alerts"] if alert["state"] == "firing"]
        return {(alert["labels"]["alertname"], alert["labels"].get("job", "")) for alert in alerts}


def until_none(missing) -> None:
    """Ask again and again until nothing is missing."""
    end = time.monotonic() + SECONDS
    while left := missing():
        assert time.monotonic() < end, f"still missing: {left}"
        time.sleep(0.1)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def configure(folder: Path, *targets: str) -> Path:
    """Write our configuration and rules with shorter times, and the addresses of services."""
    replaced = set()
    for path in (DEPLOY / "prometheus").glob("*.yml"):
        text = path.read_text()
        for slow, fast in FASTER.items():
            replaced |= {slow} if slow in text else set()
            text = text.replace(slow, fast)
        (folder / path.name).write_text(text.replace('"chainrule:8080"', ", ".join(targets)))
    assert replaced == set(FASTER)
    return folder / "prometheus.yml"


@pytest.fixture(scope="module")
def prometheus(service, tmp_path_factory) -> Iterator[Prometheus]:
    """Debian's Prometheus, which reads our service, and an address where nothing answers."""
    if shutil.which("prometheus") is None:
        pytest.skip("Debian's package prometheus is not installed")
    folder, port = tmp_path_factory.mktemp("prometheus"), free_port()
    config = configure(folder, service.http.removeprefix("http://"), f"127.0.0.1:{free_port()}")
    options = [f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}"]
    with (folder / "log").open("w") as log:
        command = ["prometheus", *options, f"--web.listen-address=127.0.0.1:{port}"]
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
    asked = Prometheus(port)
    until_none(lambda: [] if asked.ready() or process.poll() is not None else ["an answer"])
    assert process.poll() is None, (folder / "log").read_text()
    yield asked
    process.terminate()
    process.wait(30)


@pytest.fixture
def jobs(service, job_file, digits_csv) -> Iterator[dict[str, str]]:
    """One job for each thing that a layer can have, a healthy one, one that diverges, and one that waits in vain."""
    ids = {}
    for name, hidden in HIDDEN.items():
        output, loss = ({}, "cross_entropy") if name != "exploding" else ({"activation": "identity"}, "mse")
        network = {"layers": [*hidden, output], "loss": loss}
        cluster = {"max_workers": 4 if name == "healthy" else 1}
        path = job_file(name, network=network, optimizer=OPTIMIZERS[name], training=LASTING, cluster=cluster)
        ids[name] = service.submit(path)
        if name == "diverging":
            service.run("watch", ids[name], code=1)
    giant = {"min_workers": 64, "max_workers": 64}
    ids["waiting"] = service.submit(job_file("waiting", training={"shards": 64}, cluster=giant))
    service.run("show", "nobody", code=2)  # a call that fails
    yield ids
    for job_id in ids.values():
        cancel(service, job_id)


def cancel(service, job_id) -> None:
    with Client(service.address) as client, suppress(JobNotFound, JobNotRunning):
        client.cancel(job_id)


def expressions() -> dict[str, str]:
    """Every expression of a panel and of a recording rule."""
    found = {}
    for path in (DEPLOY / "grafana/dashboards").glob("*.json"):
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel["targets"]:
                expression = target["expr"].replace("$job", ".+").replace("$layer", ".+")
                found[f"{path.stem}: {panel['title']} {target['refId']}"] = expression
    [group] = yaml.safe_load((DEPLOY / "prometheus/recording.yml").read_text())["groups"]
    return found | {rule["record"]: rule["record"] for rule in group["rules"]}


def alerts() -> set[str]:
    [group] = yaml.safe_load((DEPLOY / "prometheus/alerts.yml").read_text())["groups"]
    return {rule["alert"] for rule in group["rules"]}


@contextmanager
def stopped(processes) -> Iterator[None]:
    for process in processes:
        process.suspend()
    yield
    for process in processes:
        process.resume()


def test_every_expression_has_an_answer_and_every_alert_fires_when_it_should(service, prometheus, jobs):
    asked = expressions()
    until_none(lambda: {name: query for name, query in asked.items() if not prometheus.answers(query)})

    at_once = {
        ("ChainruleServiceDown", "chainrule"),
        ("ChainruleLossNotFinite", jobs["diverging"]),
        ("ChainruleGradientVanishing", jobs["vanishing"]),
        ("ChainruleGradientExploding", jobs["exploding"]),
        ("ChainruleLayerDead", jobs["dead"]),
        ("ChainruleQueueWaiting", ""),
    }
    until_none(lambda: at_once - prometheus.firing())
    alone = [jobs[name] for name in ("vanishing", "dead", "diverging", "healthy")]  # what explodes may vanish later
    assert {alert for alert in prometheus.firing() if alert[1] in alone} == {
        alert for alert in at_once if alert[1] in alone
    }

    for name in SICK:
        cancel(service, jobs[name])
    healthy, provoked = jobs["healthy"], {name for name, _ in at_once}
    until_none(lambda: prometheus.answers(f'chainrule_job_workers{{job="{healthy}"}} < 4'))
    processes = Processes(service.process.pid)
    until_none(lambda: len(processes.of("worker")) > 4)  # those of the cancelled jobs have not all ended yet
    with stopped(processes.of("worker")[:3]):
        lost = {("ChainruleLeasesExpiring", healthy)}
        until_none(lambda: lost - prometheus.firing())
    with stopped(processes.of("parameter server")):
        still = {("ChainruleNoStep", healthy), ("ChainruleCheckpointTooOld", healthy)}
        until_none(lambda: still - prometheus.firing())
    assert provoked | {name for name, _ in lost | still} == alerts()
    until_none(lambda: still & prometheus.firing())

    broken = [rule for group in prometheus.get("rules")["groups"] for rule in group["rules"] if rule["health"] != "ok"]
    assert broken == []
