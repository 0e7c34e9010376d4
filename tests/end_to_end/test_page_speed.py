"""How soon the page is there and how soon it answers, by the browser's own clock."""

import signal

import pytest
from chromium import chromium, opened
from playwright.sync_api import expect
from seeding import seed

pytestmark = pytest.mark.soak
STEPS = 200_000
FIRST_PAINT, HOVER = 1000.0, 50.0  # milliseconds

WATCH_FOR_CHARTS = """
new MutationObserver((_, observer) => {
  if (!document.querySelector(".plot canvas")) return;
  observer.disconnect();
  requestAnimationFrame(() => requestAnimationFrame(() => { window.painted = performance.now(); }));
}).observe(document, {childList: true, subtree: true});
"""
HOVERS = """async () => {
  const over = document.querySelector(".plot .u-over"), {left, top, width} = over.getBoundingClientRect(), took = [];
  const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
  for (let i = 0; i < 100; i += 1) {
    await frame();
    const began = performance.now(), before = document.querySelector(".chart .at").textContent;
    const at = {clientX: left + (width * (i + 0.5)) / 100, clientY: top + 50, bubbles: true};
    over.dispatchEvent(new MouseEvent("mousemove", at));
    while (document.querySelector(".chart .at").textContent === before) await frame();
    took.push(performance.now() - began);
  }
  return took;
}"""


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def job(tmp_path_factory, service_class):
    """A service with a job of so many steps: (its address, the job)."""
    service = service_class(tmp_path_factory.mktemp("long") / "data")
    [job] = seed(service.data_dir, 1, STEPS)
    service.start("--num-cpus", "1", "--warm-workers", "0")
    yield service.http, job
    service.end(signal.SIGTERM)


PAINTED = """async () => {
  while (!window.painted) await new Promise((resolve) => requestAnimationFrame(resolve));
  return window.painted;
}"""


def test_a_long_curve_is_painted_at_once(job, browser, record_testsuite_property):
    http, job_id = job
    paints = []
    for _ in range(3):
        with opened(browser, http) as page:
            page.add_init_script(WATCH_FOR_CHARTS)
            page.goto(f"/jobs/{job_id}")
            paints.append(page.evaluate(PAINTED))
    record_testsuite_property("first paint, ms", paints)
    assert max(paints) <= FIRST_PAINT, paints


def test_a_long_curve_answers_the_pointer_and_keeps_its_spike(job, browser, record_testsuite_property):
    http, job_id = job
    with opened(browser, http) as page:
        page.goto(f"/jobs/{job_id}")
        expect(page.locator(".plot canvas").first).to_be_visible()
        hovers = page.evaluate(HOVERS)
        address = f"/api/jobs/{job_id}/curves?metric=train.loss"
        answer = page.evaluate("address => fetch(address).then((answer) => answer.json())", address)
    assert max(answer["curves"]["train.loss"]["y"]) == 50.0  # of one step
    record_testsuite_property("hover, ms", hovers)
    assert max(hovers) <= HOVER, hovers
