import json
import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from chainrule.server.live import LiveJob
from chainrule.server.metrics import JobCollector
from chainrule.wire.job import Job, JobState

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
DASHBOARD = json.loads((DEPLOY / "grafana/dashboards/chainrule.json").read_text())
DATASOURCES = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/prometheus.yaml").read_text())
PROVIDERS = yaml.safe_load((DEPLOY / "grafana/provisioning/dashboards/chainrule.yaml").read_text())

needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")


def variables(text):
    """The text with `${NAME:-default}` replaced by its default."""
    return re.sub(r"\$\{\w+(?::[-?]([^}]*))?\}", r"\1", text)


def promtool(*arguments):
    done = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stdout + done.stderr


def exposed():
    """The names of every sample of a job that has all figures."""
    job = Job("a", "a", JobState.RUNNING, datetime.now(UTC), metrics={"train": {"loss": 1.0, "accuracy": 1.0}})
    live = LiveJob(job, pushes={"applied": 1})
    families = JobCollector(lambda: [live], lambda: {}).collect()
    return {sample.name for family in families for sample in family.samples}


def expressions():
    return [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]


def filled_in(expression):
    return expression.replace("$job", ".*").replace("$__rate_interval", "20s")


def metric_names(expression):
    """The names of an expression that are neither a function, nor an operator, nor a label."""
    bare = re.sub(r"\{[^}]*\}|\[[^]]*\]|\b(by|without)\s*\([^)]*\)", " ", expression)
    return set(re.findall(r"\b[a-zA-Z_:][\w:]*\b(?!\s*\()", bare)) - {"sum"}


@pytest.mark.parametrize("path", sorted(DEPLOY.rglob("*.y*ml")), ids=str)
def test_yaml(path):
    assert isinstance(yaml.safe_load(path.read_text()), dict)


@needs_promtool
def test_prometheus_configuration():
    promtool("check", "config", DEPLOY / "prometheus/prometheus.yml")


def test_prometheus_scrapes_the_service_and_keeps_our_job_label():
    [scrape] = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())["scrape_configs"]
    assert scrape["honor_labels"] is True
    assert scrape["static_configs"] == [{"targets": ["chainrule:8080"]}]


@pytest.mark.parametrize("expression", expressions())
def test_the_dashboard_asks_for_metrics_that_exist(expression):
    assert metric_names(expression)
    assert metric_names(expression) <= exposed()


@needs_promtool
def test_the_dashboard_asks_in_promql(tmp_path):
    rules = [{"record": f"panel:{i}", "expr": filled_in(text)} for i, text in enumerate(expressions())]
    path = tmp_path / "rules.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    promtool("check", "rules", path)


def test_the_dashboard_uses_the_provisioned_datasource():
    [source] = DATASOURCES["datasources"]
    parts = [*DASHBOARD["panels"], *DASHBOARD["templating"]["list"]]
    parts += [target for panel in DASHBOARD["panels"] for target in panel["targets"]]
    assert {(part["datasource"]["uid"], part["datasource"]["type"]) for part in parts} == {
        (source["uid"], source["type"])
    }
    assert source["url"] == "http://prometheus:9090"


def test_the_dashboard_is_laid_out():
    panels = DASHBOARD["panels"]
    assert DASHBOARD["schemaVersion"] >= 39
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24


def test_grafana_finds_the_dashboard():
    mounts = dict(volume.split(":")[:2] for volume in COMPOSE["services"]["grafana"]["volumes"])
    [provider] = PROVIDERS["providers"]
    assert mounts["./grafana/dashboards"] == provider["options"]["path"]


@pytest.mark.parametrize("service", COMPOSE["services"])
def test_compose_mounts_what_exists(service):
    for volume in COMPOSE["services"][service].get("volumes", []):
        source = variables(volume).split(":")[0]
        assert (DEPLOY / source).exists() if source.startswith(".") else source in COMPOSE["volumes"]


@pytest.mark.parametrize("service", COMPOSE["services"])
def test_compose_pins_images_and_publishes_to_this_machine_only(service):
    content = COMPOSE["services"][service]
    assert re.search(r":v?\d+\.\d+\.\d+$", content["image"])
    assert all(port.startswith("127.0.0.1:") for port in content.get("ports", []))


def test_compose_builds_this_repository():
    build = COMPOSE["services"]["chainrule"]["build"]
    context = (DEPLOY / build["context"]).resolve()
    assert context == ROOT
    assert (context / build["dockerfile"]).is_file()


def test_every_ray_process_authenticates_alike():
    ray = [service for service in COMPOSE["services"].values() if service["image"].startswith("chainrule:")]
    assert len(ray) == 3
    assert {service["environment"]["RAY_AUTH_MODE"] for service in ray} == {"token"}
    assert len({service["environment"]["RAY_AUTH_TOKEN"] for service in ray}) == 1


def test_the_dockerfile_copies_what_exists_and_is_not_ignored():
    kept = {line[1:] for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines() if line.startswith("!")}
    copies = re.findall(r"^COPY (?!--from)(.+)$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    sources = {source for copy in copies for source in copy.split()[:-1]}
    assert all((ROOT / source).exists() for source in sources)
    assert sources == kept


def test_the_dockerfile_builds_with_the_tested_hatchling():
    def version(path):
        return re.search(r"^hatchling==(\S+)", path.read_text(), re.MULTILINE)[1]

    assert version(DEPLOY / "build-requirements.txt") == version(ROOT / "tests/requirements.txt")
