"""The dashboards of deploy/grafana."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

GRAFANA = Path(__file__).parents[2] / "deploy/grafana"
[SOURCE] = yaml.safe_load((GRAFANA / "provisioning/datasources/prometheus.yaml").read_text())["datasources"]


def filled_in(expression):
    return expression.replace("$job", ".*").replace("$layer", ".*")


def test_the_dashboards_are_what_their_code_gives(tmp_path):
    subprocess.run([sys.executable, GRAFANA / "dashboards.py", tmp_path], check=True, timeout=60)
    made = {path.name: path.read_text() for path in tmp_path.iterdir()}
    kept = {path.name: path.read_text() for path in (GRAFANA / "dashboards").iterdir()}
    assert made == kept, "`make dashboards` writes them anew"


def test_there_are_four_which_lead_to_each_other_and_to_the_page(asked):
    assert set(asked.dashboards) == {"fleet", "job", "layers", "parameter_server"}
    assert len({dashboard["uid"] for dashboard in asked.dashboards.values()}) == 4
    for dashboard in asked.dashboards.values():
        assert dashboard["tags"] == ["chainrule"]
        others, page = dashboard["links"]
        assert (others["type"], others["tags"], page["url"]) == ("dashboards", ["chainrule"], "${page}")
        assert dashboard["templating"]["list"][-1]["name"] == "page"


def test_a_job_and_a_layer_can_be_chosen(asked):
    for name, chosen in (("fleet", []), ("job", ["job"]), ("layers", ["job", "layer"]), ("parameter_server", ["job"])):
        variables = [each["name"] for each in asked.dashboards[name]["templating"]["list"]]
        assert variables == [*chosen, "page"]
        asking = [expression for (dashboard, *_), expression in asked.panels.items() if dashboard == name]
        for variable in chosen:
            assert all(f'{variable}=~"${variable}"' in expression for expression in asking)


def test_they_ask_for_metrics_that_exist(asked, known, names_in):
    for expression in asked.panels.values():
        found = names_in(expression)
        assert found <= known, expression
        assert found or "__name__" in expression or "ALERTS" in expression


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_they_ask_in_promql(asked, tmp_path):
    rules = [{"record": f"panel:{i}", "expr": filled_in(text)} for i, text in enumerate(asked.panels.values())]
    path = tmp_path / "rules.yml"
    path.write_text(json.dumps({"groups": [{"name": "dashboards", "rules": rules}]}))
    done = subprocess.run(["promtool", "check", "rules", path], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stdout + done.stderr


def test_they_use_the_provisioned_source(asked):
    for dashboard in asked.dashboards.values():
        parts = [*dashboard["panels"], *(target for panel in dashboard["panels"] for target in panel["targets"])]
        parts += [variable for variable in dashboard["templating"]["list"] if variable["type"] == "query"]
        assert {(part["datasource"]["uid"], part["datasource"]["type"]) for part in parts} == {
            (SOURCE["uid"], SOURCE["type"])
        }
    assert SOURCE["url"] == "http://prometheus:9090"


def test_panels_lie_side_by_side_and_say_what_they_are(asked):
    for dashboard in asked.dashboards.values():
        places = [panel["gridPos"] for panel in dashboard["panels"]]
        cells = [
            (x, y)
            for place in places
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        ]
        assert len(cells) == len(set(cells))
        assert max(x for x, _ in cells) < 24
        assert all(panel["title"] and panel["description"] for panel in dashboard["panels"])
