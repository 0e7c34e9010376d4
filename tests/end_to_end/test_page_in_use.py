"""The page under the hands of a person while a job trains: a click, the focus and a selection survive each update."""

import json
import re

import pytest
from chromium import chromium, opened
from playwright.sync_api import expect

pytestmark = pytest.mark.xdist_group("service")
CLICKS = 30
STEPS = (
    "() => [...document.querySelectorAll('.steps .quiet, .tile.broad .quiet')].map((each) => each.textContent).join()"
)
CHANGED = f"before => ({STEPS})() !== before"
FOCUSED = "() => window.kept === document.activeElement && window.kept.isConnected"


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def jobs(service, tmp_path_factory, digits_csv):
    """Two jobs that train as long as the tests take."""

    folder, found = tmp_path_factory.mktemp("jobs"), []
    for name in ("first", "second"):
        document = {
            "name": name,
            "data": {"train": str(digits_csv), "label": "label"},
            "network": {"layers": [{"units": 256}, {}]},
            "optimizer": {"name": "sgd", "learning_rate": 0.002},
            "training": {"epochs": 1_000_000, "batch_size": 128, "shards": 4, "hash_every": 0},
        }
        (folder / "job.json").write_text(json.dumps(document))
        found.append(service.submit(folder / "job.json"))
    yield found
    for job in found:
        service.run("cancel", job)


@pytest.fixture
def page(browser, service):
    with opened(browser, service.http) as page:
        yield page


def updated(page, times=1):
    """Wait until the page shows another step."""
    for _ in range(times):
        page.wait_for_function(CHANGED, arg=page.evaluate(STEPS))


def press(page, locator):
    """Click slowly: between the button's way down and its way up the page is updated."""
    box = locator.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    updated(page)
    page.mouse.up()


def test_every_click_works_while_jobs_train(page, jobs):
    page.goto("/?sort=progress")
    expect(page.locator(f"#job-{jobs[0]} .steps .quiet")).to_contain_text("of")
    filters, heads = page.locator(".segments button"), page.locator("th .sorter")
    for number in range(CLICKS // 2):
        name = ("Running", "All")[number % 2]
        button = filters.filter(has_text=name).first
        press(page, button)
        expect(button).to_have_attribute("aria-pressed", "true", timeout=1000)
        column = number % heads.count()
        before = page.url
        press(page, heads.nth(column))
        page.wait_for_function("before => location.href !== before", arg=before, timeout=1000)


@pytest.mark.parametrize("sort", ["newest", "progress", "rate"])
def test_the_focus_stays_where_it_is_in_the_list(page, jobs, sort):
    page.goto(f"/?sort={sort}")
    expect(page.locator(f"#job-{jobs[1]} .steps .quiet")).to_contain_text("of")
    page.locator(".segments button").first.focus()
    seen = set()
    for _ in range(14 if sort == "newest" else 0):
        page.evaluate("() => { window.kept = document.activeElement; }")
        seen.add(page.evaluate("() => window.kept.textContent || window.kept.tagName"))
        updated(page)
        assert page.evaluate(FOCUSED), seen
        page.keyboard.press("Tab")
    assert sort != "newest" or {"Job", "Loss", "Age"} <= {each.strip() for each in seen}
    for job in jobs:
        page.locator(f"#job-{job} .name").focus()
        page.evaluate("() => { window.kept = document.activeElement; }")
        updated(page, 3)
        assert page.evaluate(FOCUSED)


def test_the_focus_stays_where_it_is_on_the_page_of_a_job(page, jobs):
    page.goto(f"/jobs/{jobs[0]}")
    expect(page.locator(".panel .scroll").first).to_be_visible()
    for place in (".panel .scroll", ".actions .button", ".plot", ".events", ".tools .check input", ".zoomers button"):
        page.locator(place).first.focus()
        page.evaluate("() => { window.kept = document.activeElement; }")
        with page.expect_response(lambda answer: answer.url.endswith(f"/api/jobs/{jobs[0]}")):
            pass
        updated(page)
        assert page.evaluate(FOCUSED), place


def test_pause_and_resume_are_one_button_with_the_focus(page, service, jobs):
    page.goto(f"/jobs/{jobs[0]}")
    page.get_by_role("button", name="Pause").press("Enter")
    expect(page.get_by_role("button", name="Resume")).to_be_focused()
    expect(page.locator(".banner .word")).to_have_text("paused")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Pause")).to_be_focused()
    expect(page.locator(".banner .word")).not_to_have_text("paused")


def test_the_comparison_keeps_its_controls_while_it_is_used(page, jobs):
    page.goto(f"/compare?jobs={jobs[0]}")
    expect(page.locator(".chart").first).to_be_visible()
    page.evaluate("() => { window.kept = document.querySelector('.tools [type=checkbox]'); }")
    chooser = page.get_by_label("Add a job")
    chooser.focus()
    chooser.select_option(jobs[1])
    expect(page.locator("ul.legend li")).to_have_count(2)
    expect(chooser).to_be_focused()
    expect(page.locator(".chart").first.locator(".value")).to_have_count(2)
    assert page.evaluate("() => window.kept.isConnected")
    page.get_by_role("button", name="Leave second out").press("Enter")
    expect(page.locator("ul.legend li")).to_have_count(1)
    assert page.evaluate("() => document.activeElement !== document.body")


def test_a_value_under_the_pointer_stays_while_the_curve_grows(page, jobs):
    page.goto(f"/jobs/{jobs[0]}")
    plot = page.locator(".plot .u-over").first
    box = plot.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 50)
    expect(page.locator(".chart .at").first).to_contain_text("step")
    with page.expect_response(lambda answer: "/curves" in answer.url):
        pass
    updated(page, 2)
    expect(page.locator(".chart .at").first).to_contain_text("step")


def test_a_part_can_be_selected_while_the_curve_grows(page, jobs):
    page.goto(f"/jobs/{jobs[0]}")
    box = page.locator(".plot .u-over").first.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 60, steps=4)
    with page.expect_response(lambda answer: "/curves" in answer.url):
        pass
    updated(page)
    page.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + 60, steps=4)
    page.mouse.up()
    page.wait_for_url(re.compile("from=.*to="))
    low, high = (float(re.search(f"{end}=([^&]+)", page.url)[1]) for end in ("from", "to"))
    words = page.locator(".tile.broad .quiet").inner_text().replace("\u202f", "")
    known = int(re.search(r"step (\d+)", words)[1])
    assert 0.2 * known < low < high < 0.8 * known
