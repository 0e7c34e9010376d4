import asyncio
import math
import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import httpx
import pytest
from prometheus_client import CollectorRegistry

from chainrule.server.metrics import JobCollector
from chainrule.server.page import FINISHED_SHOWN, http_app, newest
from chainrule.wire.job import Job, JobState

NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)


def job(id="a", state=JobState.RUNNING, age=60, name="digits", **figures):
    return Job(id, name, state, NOW - timedelta(seconds=age), **figures)


class Client:
    """Asks the application without a socket."""

    def __init__(self, app):
        self.app = app

    def get(self, path):
        return asyncio.run(self._get(path))

    async def _get(self, path):
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://test") as client:
            return await client.get(path)


def client_of(*jobs, ready=True):
    async def list_jobs():
        return jobs

    registry = CollectorRegistry()
    registry.register(JobCollector(lambda: [], lambda: dict.fromkeys(JobState, 0)))
    return Client(http_app(registry=registry, jobs=list_jobs, ready=lambda: ready, now=lambda: NOW))


class Rows(HTMLParser):
    """The table as text: a list of rows, each a list of cells."""

    def __init__(self, html):
        super().__init__()
        self.rows = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data):
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] = " ".join(f"{self.rows[-1][-1]} {data}".split())


def test_a_running_job():
    metrics = {"train": {"loss": 0.34567, "accuracy": 0.9}, "validation": {"loss": 0.5, "accuracy": 0.97777}}
    running = job(version=120, steps=4000, epoch=3, workers=2, samples_per_second=12345.6, metrics=metrics, age=125)
    [_, row] = Rows(client_of(running).get("/jobs").text).rows
    assert row == [
        "digits a",
        "running",
        "step 120 of 4 000 · epoch 3",
        "0.3457",
        "0.5",
        "97.7 %",
        "12 346",
        "2",
        "2 min 5 s",
    ]
    assert '<progress max="4000" value="120"' in client_of(running).get("/").text


def test_newest_first():
    html = client_of(job("old", age=99), job("new", age=1), job("middle", age=50)).get("/").text
    assert re.findall(r'id="job-(\w+)"', html) == ["new", "middle", "old"]


def test_what_is_not_known_is_a_dash():
    [_, row] = Rows(client_of(job(state=JobState.STARTING)).get("/jobs").text).rows
    assert row[2:7] == ["not begun", "–", "–", "–", "–"]


@pytest.mark.parametrize("state", [JobState.FAILED, JobState.QUEUED])
def test_the_reason_is_shown(state):
    [_, _, row] = Rows(client_of(job(state=state, reason="Waits for <2> CPUs.")).get("/jobs").text).rows
    assert row == ["Waits for <2> CPUs."]


def test_a_paused_job_shows_where_it_stays():
    paused = job(state=JobState.PAUSED, reason="paused by the user at step 120", version=120, steps=240, epoch=3)
    [_, row, reason] = Rows(client_of(paused).get("/jobs").text).rows
    assert row[1:3] == ["paused", "step 120 of 240 · epoch 3"]
    assert row[6:8] == ["–", "0"]
    assert reason == ["paused by the user at step 120"]
    assert newest([paused], finished=0) == [paused]


def test_a_job_that_ended_has_no_rate():
    [_, row] = Rows(client_of(job(state=JobState.SUCCEEDED, samples_per_second=99.0)).get("/jobs").text).rows
    assert row[6] == "–"


def test_a_loss_that_is_not_finite_stands_out():
    html = client_of(job(metrics={"train": {"loss": math.nan}})).get("/jobs").text
    assert '<td data-label="Training loss" class="number bad">nan</td>' in html


@pytest.mark.parametrize(
    "name",
    ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7 * 7 }}", "a" * 5000, "שלום\u202e", "\0"],
)
def test_a_name_is_text_whatever_it_contains(name):
    html = client_of(job(name=name, steps=1)).get("/").text
    assert "alert(1)</script>" not in html
    assert "<img src=x" not in html
    assert "49" not in re.findall(r'class="name">(.*?)<', html)[0]


def test_no_jobs_yet():
    html = client_of().get("/").text
    assert "<table" not in html
    assert "chainrule submit" in html


def test_old_jobs_that_ended_are_left_out_and_counted():
    ended = [job(f"e{i}", JobState.SUCCEEDED, age=i) for i in range(FINISHED_SHOWN + 5)]
    html = client_of(*ended, job("live", age=10**6)).get("/").text
    assert 'id="job-live"' in html
    assert html.count("<tbody") == FINISHED_SHOWN + 1
    assert "5 older jobs" in html


def test_newest_keeps_every_live_job():
    jobs = [job("e1", JobState.FAILED, age=1), job("e2", JobState.FAILED, age=2), job("live", age=3)]
    assert [kept.id for kept in newest(jobs, finished=1)] == ["e1", "live"]


def test_the_page_has_its_files():
    client = client_of()
    files = re.findall(r'(?:src|href)="(/static/[^"]+)"', client.get("/").text)
    assert {file.rsplit(".")[-1] for file in files} == {"css", "js", "svg"}
    assert {client.get(file).status_code for file in files} == {200}


@pytest.mark.parametrize("path", ["/", "/jobs", "/metrics", "/healthz", "/static/page.js", "/nowhere"])
def test_a_strict_policy_on_every_answer(path):
    headers = client_of(job()).get(path).headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("jobs", [(), (job(steps=1, reason="why"),)])
def test_nothing_that_the_policy_forbids(jobs):
    html = client_of(*jobs).get("/").text
    assert not re.search(r"<style|style=|<script>|\son\w+=|https?://", html)


@pytest.mark.parametrize("path", ["/nowhere", "/static/nothing.js", "/<script>alert(1)</script>"])
def test_not_found_is_a_page(path):
    answer = client_of().get(path)
    assert answer.status_code == 404
    assert "There is nothing here" in answer.text
    assert "<script>alert" not in answer.text


def test_static_does_not_lead_outside():
    assert client_of().get("/static/%2e%2e/page.py").status_code == 404


def test_metrics():
    answer = client_of().get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert 'chainrule_jobs{state="RUNNING"} 0.0' in answer.text


@pytest.mark.parametrize(("ready", "expected"), [(True, (200, "ok")), (False, (503, "not ready"))])
def test_healthz(ready, expected):
    answer = client_of(ready=ready).get("/healthz")
    assert (answer.status_code, answer.text) == expected
