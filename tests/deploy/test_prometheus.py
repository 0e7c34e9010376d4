"""The configuration, the rules and the alerts of deploy/prometheus."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy/prometheus"

needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")


def promtool(*arguments, folder=FOLDER):
    done = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True, timeout=30, cwd=folder)
    return done.returncode, done.stdout + done.stderr


@needs_promtool
def test_prometheus_takes_the_configuration_and_the_rules():
    code, told = promtool("check", "config", "prometheus.yml")
    assert (code, "2 rule files found" in told) == (0, True), told


def test_prometheus_scrapes_the_service_and_keeps_our_job_label():
    [scrape] = yaml.safe_load((FOLDER / "prometheus.yml").read_text())["scrape_configs"]
    assert scrape["job_name"] == "chainrule"
    assert scrape["honor_labels"] is True
    assert scrape["static_configs"] == [{"targets": ["chainrule:8080"]}]


@needs_promtool
def test_each_alert_fires_when_it_should_and_is_quiet_when_it_should_be():
    code, told = promtool("test", "rules", "alerts.test.yml")
    assert code == 0, told


def test_each_alert_is_tested_for_both(asked):
    tests = yaml.safe_load((FOLDER / "alerts.test.yml").read_text())["tests"]
    cases = [case for test in tests for case in test["alert_rule_test"]]
    fired = {case["alertname"] for case in cases if case.get("exp_alerts")}
    assert fired == set(asked.alerts)
    quiet = {case["alertname"] for case in cases if not case.get("exp_alerts")}
    at_once = {
        "ChainruleLossNotFinite",
        "ChainruleGradientExploding",
        "ChainruleLayerDead",
    }  # beside others that do not
    assert quiet == fired - at_once


@needs_promtool
@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ('up{job="chainrule"} == 0', 'up{job="chainrule"} == 2'),
        ('outcome="nonfinite"', 'outcome="stale"'),
        ("5 * job:", "50 * job:"),
        (", 30)", ", 60)"),
        ('diagnosis="vanishing"', 'diagnosis="dead"'),
        ("3 * max by (job)", "9 * max by (job)"),
        ("[15m])) > 2", "[15m])) > 0"),
        ("> 1800", "> 18000"),
    ],
)
def test_a_wrong_alert_fails_its_test(tmp_path, right, wrong):
    for path in FOLDER.glob("*.yml"):
        text = path.read_text()
        (tmp_path / path.name).write_text(text.replace(right, wrong) if path.name == "alerts.yml" else text)
    assert right in (FOLDER / "alerts.yml").read_text()
    code, told = promtool("test", "rules", "alerts.test.yml", folder=tmp_path)
    assert (code, "exp:" in told) == (1, True), told


def test_rules_ask_for_metrics_that_exist(asked, known, names_in):
    expressions = [*asked.records.values(), *(alert["expr"] for alert in asked.alerts.values())]
    for expression in expressions:
        assert names_in(expression) <= known, expression
        assert names_in(expression) or "up{" in expression


def test_each_alert_says_what_to_do_here_and_at_length_in_the_readme(asked):
    text = (ROOT / "deploy/README.md").read_text()
    sections = set(re.findall(r"^### (Chainrule\w+)$", text, re.MULTILINE))
    assert sections == set(asked.alerts)
    for alert in asked.alerts.values():
        assert set(alert["annotations"]) == {"summary", "runbook"}
        assert alert["labels"]["severity"] in ("critical", "warning", "info")
