"""The page in a real browser, on a real service that trains."""

import hashlib
import json
import re
from urllib.request import urlopen

import pytest
from axe_playwright_python.sync_playwright import Axe
from chromium import chromium, ink, opened
from playwright.sync_api import expect

pytestmark = pytest.mark.xdist_group("service")
LONG = 200_000
SIGMOIDS = [{"units": 64, "activation": "sigmoid"}] * 8 + [{"activation": "softmax"}]
VALUE = [{"units": 256, "activation": "relu"}, {"activation": "identity"}]
RISING = {"loss": "mse", "schedule": {"warm_up": 1000}, "clipping": {"global_norm": 1.0}}
STRANGE = "<script>alert(1)</script> שלום " + "w" * 150


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser, service):
    with opened(browser, service.http) as page:
        yield page


@pytest.fixture(scope="module")
def jobs(service, digits_csv, tmp_path_factory):
    """Jobs of which each is otherwise: by what is to be seen of it, its id."""
    folder = tmp_path_factory.mktemp("jobs")

    def submit(name, layers=None, optimizer=None, training=None, cluster=None, loss="cross_entropy", **more):
        document = {
            "name": name,
            "data": {"train": str(digits_csv), "label": "label"},
            "network": {"loss": loss, "layers": layers or [{"units": 256}, {}]},
            "optimizer": {"name": "sgd", "learning_rate": 0.002} | (optimizer or {}),
            "training": {"epochs": LONG, "batch_size": 128, "shards": 4, "hash_every": 0} | (training or {}),
            "cluster": cluster or {},
        }
        path = folder / "job.json"
        path.write_text(json.dumps(document | more))
        return service.submit(path)

    found = {
        "done": submit(STRANGE, optimizer={"learning_rate": 0.1}, training={"epochs": 12}),
        "failed": submit("reckless", optimizer={"learning_rate": 1e20}, training={"epochs": 12}),
        "diverging": submit("rising", VALUE, {"learning_rate": 20.0}, **RISING),
        "vanishing gradients": submit("deep", SIGMOIDS),
        "cannot run": submit("large", training={"shards": 64}, cluster={"min_workers": 64, "max_workers": 64}),
        "healthy": submit("slow", [{"units": 1024}, {"units": 1024}, {}]),
    }
    yield found
    for job in found.values():
        if service.json("show", job)["state"] not in ("SUCCEEDED", "FAILED", "CANCELLED"):
            service.run("cancel", job)


def row(page, job):
    return page.locator(f"#job-{job}")


def test_a_stranger_sees_how_each_job_is(page, jobs):
    page.goto("/")
    for word, job in jobs.items():
        expect(row(page, job).locator(".chip .word")).to_have_text(re.compile(word))
    expect(row(page, jobs["cannot run"])).to_contain_text("needs 64 CPUs")
    expect(page.locator(".meter")).to_contain_text("of 4 CPUs in use")
    expect(row(page, jobs["healthy"]).locator(".spark .line")).to_have_attribute("d", re.compile("^M.+L"))


def test_the_list_is_filtered_and_sorted_by_keyboard_and_address(page, jobs):
    page.goto("/")
    expect(row(page, jobs["healthy"])).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type("deep")
    expect(page.locator(".jobs tbody tr")).to_have_count(1)
    assert "q=deep" in page.url
    page.reload()
    expect(page.locator(".jobs tbody tr")).to_have_count(1)
    page.get_by_label("Filter by name or id").fill("")
    page.get_by_label("Sort by").select_option("name")
    expect(page.locator("th[aria-sort]")).to_contain_text("Job")
    names = page.locator(".jobs tbody .name").all_inner_texts()
    assert names == sorted(names, key=str.lower)
    page.locator("th[aria-sort] button").press("Enter")
    expect(page.locator("th[aria-sort]")).to_have_attribute("aria-sort", "descending")
    page.get_by_role("button", name="Failed").click()
    expect(row(page, jobs["failed"])).to_be_visible()
    assert {"state=failed", "sort=name", "order=down"} <= set(page.url.partition("?")[2].split("&"))


def test_a_name_is_text_whatever_it_contains(page, jobs):
    page.goto("/")
    shown = row(page, jobs["done"]).locator(".name")
    assert shown.inner_text().startswith("<script>alert(1)</script>")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    shown.click()
    expect(page.locator("h1")).to_have_text(STRANGE)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_job_that_trains_is_live_and_its_charts_zoom(page, jobs):
    page.goto(f"/jobs/{jobs['healthy']}")
    step = page.locator(".tile.broad .quiet").last
    before = step.inner_text()
    expect(step).not_to_have_text(before)
    expect(page.locator(".event.progress").first).to_be_attached()
    assert ink(page) > 100
    plot = page.locator(".plot .u-over").first
    box = plot.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 50)
    expect(page.locator(".chart .at").first).to_have_text(re.compile(r"^step \d"))
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + 60, steps=4)
    page.mouse.up()
    page.wait_for_url(re.compile("from=.*to="))
    low, high = (float(re.search(f"{end}=([^&]+)", page.url)[1]) for end in ("from", "to"))
    assert 0 < low < high
    page.get_by_role("button", name="Show the whole curve").click()
    page.wait_for_url(re.compile("^(?!.*from=)"))
    page.locator(".plot").first.press("+")
    page.wait_for_url(re.compile("from="))
    page.locator(".plot").first.press("0")
    page.wait_for_url(re.compile("^(?!.*from=)"))


def test_axes_logarithm_and_smoothing_are_in_the_address(page, jobs):
    page.goto(f"/jobs/{jobs['done']}?x=epoch&log=1&smooth=0.5")
    expect(page.get_by_role("button", name="epoch")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_label("log scale")).to_be_checked()
    expect(page.locator(".slider output")).to_have_text("0.50")
    smooth = ink(page)
    page.get_by_role("button", name="time").press("Enter")
    page.get_by_label("log scale").press("Space")
    page.get_by_label("smoothing").press("Home")
    expect(page.locator(".slider output")).to_have_text("0.00")
    page.wait_for_url(re.compile("^(?!.*(log|smooth)=).*x=time"))
    assert smooth > 100 < ink(page)


def test_a_job_is_paused_resumed_and_cancelled(page, service, jobs):
    job = jobs["vanishing gradients"]
    page.goto(f"/jobs/{job}")
    expect(page.locator(".banner")).to_contain_text("vanishing gradients")
    expect(page.locator("[data-diagnosis=vanishing]").first).to_contain_text("sigmoid")
    expect(page.get_by_role("region", name="Workers")).to_contain_text("0–3")
    expect(page.locator(".stack")).to_have_attribute("aria-label", re.compile("compute"))
    page.get_by_role("button", name="Pause").click()
    expect(page.locator(".banner .word")).to_have_text("paused")
    page.get_by_role("button", name="Resume").click()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Keep it").click()
    assert service.json("show", job)["state"] != "CANCELLED"
    page.get_by_role("button", name="Cancel").press("Enter")
    page.get_by_role("button", name="Cancel the job").click()
    expect(page.locator(".banner .word")).to_have_text("cancelled")
    expect(page.get_by_role("button", name="Cancel")).to_have_count(0)
    assert service.json("show", job)["state"] == "CANCELLED"


def test_a_job_that_is_done_has_its_model_and_its_receipt(page, service, jobs):
    page.goto(f"/jobs/{jobs['done']}")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download model").click()
    with urlopen(f"{service.http}/api/jobs/{jobs['done']}/receipt", timeout=10) as answer:
        receipt = json.load(answer)
    assert hashlib.sha256(download.value.path().read_bytes()).hexdigest() == receipt["result"]["model_sha256"]
    expect(page.locator(".facts")).to_contain_text([receipt["result"]["weights_sha256"]])
    expect(page.locator("svg.network")).to_have_attribute("aria-label", "64 input → 256 relu → 10 softmax")
    expect(page.locator(".confusion tbody tr")).to_have_count(10)


def test_the_reason_of_a_failed_job_comes_first(page, jobs):
    page.goto(f"/jobs/{jobs['failed']}")
    banner = page.locator(".banner")
    expect(banner).to_contain_text("a smaller optimizer.learning_rate may help")
    assert banner.bounding_box()["y"] < page.locator(".tiles").bounding_box()["y"] < 300


def test_jobs_are_compared(page, jobs):
    page.goto("/")
    for word in ("done", "healthy"):
        row(page, jobs[word]).get_by_role("checkbox").check()
    page.get_by_role("link", name="Compare 2").click()
    expect(page.locator(".differences tbody").first).to_contain_text("optimizer.learning_rate0.10.002")
    expect(page.locator(".chart").first.locator(".value")).to_have_count(2)
    page.get_by_label("Add a job").select_option(jobs["diverging"])
    expect(page.locator("ul.legend li")).to_have_count(3)
    expect(page.locator(".differences tbody").first).to_contain_text("network.loss")
    assert ink(page) > 100


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_no_serious_fault_of_accessibility(browser, service, jobs, scheme, width):
    paths = ["/", f"/jobs/{jobs['done']}", f"/compare?jobs={jobs['done']},{jobs['failed']}"]
    with opened(browser, service.http, color_scheme=scheme) as page:
        page.set_viewport_size({"width": width, "height": 850})
        for path in paths:
            page.goto(path)
            expect(page.locator(".jobs tbody tr, .plot canvas").first).to_be_visible()
            found = Axe().run(page).response["violations"]
            serious = [
                (each["id"], each["nodes"][0]["html"]) for each in found if each["impact"] in ("serious", "critical")
            ]
            assert (path, serious) == (path, [])
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path


def test_an_unknown_job_has_a_page_that_says_so(browser, service):
    with opened(browser, service.http) as page:
        page.goto("/jobs/nobody")
        expect(page.locator("h1")).to_have_text("There is no such job")
        assert all("404" in fault for fault in page.faults)  # what the browser itself says of such an answer
        page.faults.clear()
