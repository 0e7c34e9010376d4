import asyncio
import re
from pathlib import Path

import pytest
from web import served

from chainrule.server import page

STATIC = Path(page.__file__).parent / "static"
OWN = sorted(path for path in STATIC.glob("*") if path.suffix in (".js", ".css", ".html"))
LONGEST_FILE = 300


@pytest.fixture
def ask(board, path, thread_launcher, tmp_path):
    """Ask the web application for some paths."""

    def ask(*paths, ready=True):
        async def run():
            async with served(board, path, thread_launcher(0), tmp_path / "jobs", lambda: ready) as web:
                return [await web.client.get(each) for each in paths]

        return asyncio.run(run())

    return ask


def test_every_file_that_is_asked_for_is_there(ask):
    [index] = ask("/")
    files = re.findall(r'(?:src|href)="(/static/[^"]+)"', index.text)
    imported = {f"/static/{name}" for path in OWN for name in re.findall(r'from "\./([^"]+)"', path.read_text())}
    assert {file.rsplit(".")[-1] for file in files} == {"css", "js", "svg"}
    assert {answer.status_code for answer in ask(*files, *imported)} == {200}


PATHS = ["/", "/compare", "/api/jobs", "/metrics", "/healthz", "/static/main.js", "/nowhere", "/api/nowhere"]


def test_a_strict_policy_on_every_answer(ask):
    for answer in ask(*PATHS):
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'")
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.name)
def test_nothing_that_the_policy_forbids_and_no_other_host(path):
    text = path.read_text()
    assert not re.search(r"<style|<script(?! type=\"module\" src)|\son\w+=\"|innerHTML|eval\(|@import", text)
    assert set(re.findall(r"https?://[\w./]+", text)) <= {"http://www.w3.org/2000/svg"}


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.name)
def test_files_are_short(path):
    assert len(path.read_text().splitlines()) <= LONGEST_FILE


def test_the_charts_library_comes_with_its_licence_and_version():
    folder = STATIC / "vendor/uplot"
    assert "MIT" in (folder / "LICENSE").read_text()
    assert re.search(r"uPlot \d+\.\d+\.\d+", (folder / "README.md").read_text())


def test_what_is_not_there(ask):
    nowhere, job, api, static, outside = ask(
        "/nowhere", "/jobs/nobody", "/api/nowhere", "/static/nothing.js", "/static/%2e%2e/page.py"
    )
    assert {answer.status_code for answer in (nowhere, job, api, static, outside)} == {404}
    assert "main.js" in nowhere.text  # the page says what is missing
    assert "main.js" in job.text
    assert api.json()["code"] == "NotFound"


def test_metrics(ask):
    [answer] = ask("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert 'chainrule_jobs{state="RUNNING"} 0.0' in answer.text


@pytest.mark.parametrize(("ready", "expected"), [(True, (200, "ok")), (False, (503, "not ready"))])
def test_healthz(ask, ready, expected):
    [answer] = ask("/healthz", ready=ready)
    assert (answer.status_code, answer.text) == expected
