import re
from pathlib import Path

import pytest
import yaml

from chainrule.client import local_service
from chainrule.server import launcher, listeners, scheduler
from chainrule.server.service import END_SECONDS

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
PROVIDERS = yaml.safe_load((DEPLOY / "grafana/provisioning/dashboards/chainrule.yaml").read_text())


def variables(text):
    """The text with `${NAME:-default}` replaced by its default."""
    return re.sub(r"\$\{\w+(?::[-?]([^}]*))?\}", r"\1", text)


@pytest.mark.parametrize("path", sorted(DEPLOY.rglob("*.y*ml")), ids=str)
def test_yaml(path):
    assert isinstance(yaml.safe_load(path.read_text()), dict)


def test_grafana_finds_the_dashboards_and_opens_with_one():
    mounts = dict(volume.split(":")[:2] for volume in COMPOSE["services"]["grafana"]["volumes"])
    [provider] = PROVIDERS["providers"]
    folder = provider["options"]["path"]
    assert mounts["./grafana/dashboards"] == folder
    home = Path(COMPOSE["services"]["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert (str(home.parent), (DEPLOY / "grafana/dashboards" / home.name).is_file()) == (folder, True)


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


def test_compose_gives_the_service_the_time_that_it_takes_to_end():
    grace = COMPOSE["services"]["chainrule"]["stop_grace_period"]
    assert re.fullmatch(r"\d+s", grace)
    parts = scheduler.STOP_SECONDS + scheduler.KILL_SECONDS + launcher.STOP_SECONDS + listeners.GRACE_SECONDS
    assert parts < END_SECONDS < int(grace.removesuffix("s"))
    assert local_service.STOP_SECONDS > END_SECONDS


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
