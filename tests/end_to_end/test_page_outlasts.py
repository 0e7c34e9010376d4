"""The page of a service that is killed and started again, and of one that has many jobs."""

import re
import signal

import pytest
from chromium import chromium, opened
from playwright.sync_api import expect
from seeding import seed

JOBS = 1000


@pytest.fixture
def own(tmp_path, service_class):
    """A service of the test's own, with a thousand jobs that have ended."""
    service = service_class(tmp_path / "data")
    seed(service.data_dir, JOBS)
    service.start("--num-cpus", "1", "--warm-workers", "0")
    yield service
    service.end(signal.SIGKILL)


@pytest.mark.soak
def test_the_page_goes_on_where_it_was_when_the_service_is_killed_and_started(own, job_file):
    job = own.submit(
        job_file("long", training={"epochs": 100_000, "checkpoint_seconds": 0.5}, cluster={"max_workers": 1})
    )
    with chromium() as browser, opened(browser, own.http) as page:
        page.goto("/")
        expect(page.locator(".jobs tbody tr")).to_have_count(JOBS + 1)
        page.get_by_label("Filter by name or id").fill(job)
        expect(page.locator(".jobs tbody tr")).to_have_count(1)
        page.locator(".jobs .name").click()
        expect(page.locator(".event.checkpoint").first).to_be_attached()
        own.end(signal.SIGKILL)
        expect(page.locator(".connection")).to_contain_text("Disconnected")
        port = own.http.rpartition(":")[2]
        own.start("--num-cpus", "1", "--warm-workers", "0", "--http-port", port)
        expect(page.locator(".connection")).to_have_text("")
        expect(page.locator(".events")).to_contain_text("the service was started again")
        expect(page.locator(".banner .word")).to_have_text(re.compile("starting|healthy|plateau"))
        numbers = page.locator(".event").evaluate_all("found => found.map((each) => Number(each.dataset.number))")
        assert numbers == list(range(numbers[0], numbers[-1] - 1, -1))
        assert all(re.search("ERR_|Failed to load|fetch", fault) for fault in page.faults)  # while nobody answered
        page.faults.clear()
