"""What numbers on the page mean, by documents that are known, and how charts draw them."""

import math
import re

import numpy as np
import pytest
from chromium import chromium, opened
from hypothesis import given, settings
from hypothesis import strategies as st
from playwright.sync_api import expect
from stand_in import answer, job_document, page_files

BEST = {"step": 1234, "train_loss": 0.1234, "loss": 0.2345, "accuracy": 0.9716}
MOMENT_LATER = "2024-05-01T12:00:07.000Z"
TRAIN = {"loss": 0.5123, "epoch_loss": 0.5234, "batch_loss": 0.9999, "loss_steps": 37, "step": 595}


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def files():
    with page_files() as http:
        yield http


@pytest.fixture
def page(browser, files):
    with opened(browser, files) as page:
        yield page


def tile(page, name):
    return page.locator(".tile").filter(has=page.locator(".label", has_text=re.compile(f"^{re.escape(name)}", re.I)))


def loss_curve(losses, smooth=None, version=None):
    steps = list(range(len(losses)))
    smooth = losses if smooth is None else smooth
    return {"x": steps, "y": losses, "exact": True, "smooth_x": steps, "smooth": smooth, "window": 37}


def test_a_job_tells_over_which_steps_and_in_which_unit_its_losses_are(page):
    metrics = {"train": TRAIN, "validation": {"loss": 0.2345, "accuracy": 0.9716}, "best": BEST}
    job = job_document("digits", metrics=metrics, loss_unit="cross-entropy, nats")
    answer(page, [job], {"digits": {"train.loss": loss_curve([0.9, 0.8], [0.6, 0.5123])}})
    page.goto("/jobs/digits")
    training = tile(page, "training loss")
    expect(training).to_contain_text("0.5123")
    expect(training).to_contain_text("mean of the last 37 steps")
    expect(training).to_contain_text("last epoch 0.5234")
    expect(training).to_contain_text("cross-entropy, nats")
    assert "0.9999" not in page.locator(".tiles").inner_text()
    expect(tile(page, "best step")).to_have_text("best step 1\u202f234training0.1234validation0.2345accuracy97.1 %")
    expect(page.locator(".chart").first.locator(".value").first).to_have_text("training, mean of 37 steps0.5123")
    expect(page.locator(".chart").first).to_contain_text("cross-entropy, nats")
    page.goto("/")
    expect(page.locator("#job-digits .figure").first).to_have_text("0.5123")
    expect(page.locator("#job-digits .figure").first).to_have_attribute("title", re.compile("mean of .*nats"))
    expect(page.locator("#job-digits .figure").last).to_have_attribute(
        "title", "best step 1\u202f234: training 0.1234, validation 0.2345, accuracy 97.1 %"
    )
    page.goto("/compare?jobs=digits")
    expect(page.locator(".differences .group")).to_contain_text("best step1\u202f234training loss0.1234")
    expect(page.locator(".differences")).to_contain_text("cross-entropy, nats")


def test_a_job_of_an_older_version_shows_what_there_is(page):
    answer(page, [job_document("old", metrics={"train": {"loss": 0.25}})])
    page.goto("/jobs/old")
    expect(tile(page, "training loss")).to_have_text("training loss0.25of the last step")
    expect(page.locator(".tile.best")).to_be_hidden()
    expect(tile(page, "accuracy")).to_be_hidden()


def test_a_regression_tells_its_error_in_the_unit_of_its_label(page):
    metrics = {"train": TRAIN, "validation": {"loss": 0.3, "r2": 0.8123, "rmse": 47123.4}}
    spec = {"data": {"label": "median_house_value"}, "training": {"epochs": 10}}
    answer(page, [job_document("houses", metrics=metrics, spec=spec, labels=["median_house_value"])])
    page.goto("/jobs/houses")
    expect(tile(page, "RMSE")).to_have_text("RMSE47\u202f120median_house_value")
    expect(tile(page, "R²")).to_have_text("R²0.8123")
    page.goto("/")
    score = page.locator("#job-houses .figure").last
    expect(score).to_have_text("R² 0.8123, RMSE 47\u202f120")
    expect(score).to_have_attribute("title", re.compile("RMSE in median_house_value"))
    assert score.evaluate("text => text.scrollWidth <= text.clientWidth")  # all of it is in sight


def test_a_job_that_stopped_early_is_done(page):
    metrics = {"train": TRAIN | {"step": 120}}
    answer(page, [job_document("early", state="SUCCEEDED", version=142, finished=MOMENT_LATER, metrics=metrics)])
    page.goto("/")
    row = page.locator("#job-early")
    expect(row.locator(".steps .quiet")).to_have_text("stopped early at step 142 of 600")
    assert row.locator("progress").evaluate("bar => bar.value") == 1
    page.goto("/jobs/early")
    expect(page.locator(".tile.broad")).to_contain_text("stopped early")
    expect(page.locator(".tile.broad")).to_contain_text("at step 142 of 600")
    expect(tile(page, "training loss")).to_contain_text("mean of the last 37 steps up to step 120, which is kept")
    assert page.locator(".tile.broad progress").evaluate("bar => bar.value") == 1


def test_the_legend_and_the_tile_are_of_the_weights_that_are_kept(page):
    metrics = {"train": TRAIN | {"step": 120}, "validation": {"loss": 0.2345}}
    job = job_document("early", state="SUCCEEDED", version=142, finished=MOMENT_LATER, metrics=metrics)
    curves = {"train.loss": loss_curve([0.9, 0.3]), "validation.loss": {"x": [0, 1], "y": [0.5, 0.4], "exact": True}}
    answer(page, [job], {"early": curves})
    for path in ("/jobs/early", "/jobs/early?x=time&smooth=0.5"):
        page.goto(path)
        for name, text in (("training", "0.5123"), ("validation", "0.2345")):
            expect(page.locator(".chart").first.locator(".value", has_text=name).locator("b")).to_have_text(text)
            expect(tile(page, f"{name} loss").locator("b")).to_have_text(text)
        expect(page.locator(".chart .at").first).to_have_text("of the weights that are kept")


def test_age_is_the_time_since_the_submission_and_duration_that_of_the_run(page):
    ran = job_document("ran", state="SUCCEEDED", version=600, finished=MOMENT_LATER)
    answer(page, [ran, job_document("runs")])
    page.goto("/")
    ages = [page.locator(f"#job-{name} time").inner_text() for name in ("ran", "runs")]
    assert ages[0] == ages[1]
    assert re.fullmatch(r"\d+ d( \d+ h)?", ages[0])
    page.goto("/jobs/ran")
    expect(tile(page, "duration")).to_contain_text("7 s")


@pytest.mark.parametrize(
    ("value", "text"), [(595 / 600, "99.1 %"), (0.9999, "99.9 %"), (1, "100.0 %"), (0.29, "29.0 %")]
)
def test_shares_are_rounded_down(page, value, text):
    page.goto("/")
    assert page.evaluate("async value => (await import('/static/format.js')).percent(value)", value) == text


def test_a_job_that_cannot_run_needs_a_look(page):
    health = {"level": "bad", "word": "cannot run", "sentence": "needs 8 CPUs; the cluster has 4"}
    jobs = [job_document("stuck", state="QUEUED", health=health), job_document("fine")]
    answer(page, jobs, queue=["stuck"])
    page.goto("/?state=attention")
    expect(page.locator(".jobs tbody tr")).to_have_count(1)
    expect(page.locator("#job-stuck .chip .word")).to_have_text("cannot run")


@pytest.mark.parametrize("path", ["/", "/jobs/one", "/compare?jobs=one"])
def test_what_the_service_cannot_do_is_said_at_the_top(page, path):
    words = "no worker can be started: /dev/shm is full"
    answer(page, [job_document("one", trouble=words)], trouble=words)
    page.goto(path)
    expect(page.get_by_role("alert").filter(has_text=words)).to_be_visible()
    assert page.locator(".notice").bounding_box()["y"] < page.locator("h1").bounding_box()["y"] + 80


def test_a_long_name_in_a_comparison_leaves_its_value_in_sight(page):
    jobs = [job_document("first", name="n" * 150), job_document("second", name="m" * 150)]
    answer(page, jobs, {job["id"]: {"train.loss": loss_curve([3.0, 0.1234])} for job in jobs})
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 850})
        page.goto("/compare?jobs=first,second")
        expect(page.locator(".value b").first).to_have_text("0.1234")
        chart = page.locator(".chart").first.bounding_box()
        for value in page.locator(".value b").all():
            box = value.bounding_box()
            assert chart["x"] < box["x"] < box["x"] + box["width"] < chart["x"] + chart["width"]
            seen = (
                "b => b.contains(document.elementFromPoint(...(({x, y}) => [x + 3, y + 5])(b.getBoundingClientRect())))"
            )
            assert value.evaluate(seen)


def pixels(page, *colours):
    """How many pixels of the first chart have each of these colours of the page, about."""
    return page.locator(".plot canvas").first.evaluate(
        """(canvas, names) => {
        const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        return names.map((name) => {
            const hex = getComputedStyle(document.documentElement).getPropertyValue(name).trim().slice(1);
            const want = [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16));
            let found = 0;
            for (let i = 0; i < data.length; i += 4) {
                if (data[i + 3] > 200 && want.every((w, j) => Math.abs(w - data[i + j]) < 30)) found += 1;
            }
            return found;
        });
    }""",
        colours,
    )


def test_no_run_hides_another(page):
    """One is as noisy as can be, and two are the same to the bit."""
    falling = [3 * math.exp(-step / 60) + 0.1 for step in range(300)]
    noisy = [each + (1.0 if step % 2 else -1.0) for step, each in enumerate(falling)]
    jobs = [job_document(name) for name in ("calm", "same", "noisy")]
    curves = {"calm": loss_curve(falling), "same": loss_curve(falling), "noisy": loss_curve(noisy, [1.0] * 300)}
    answer(page, jobs, {name: {"train.loss": curve} for name, curve in curves.items()})
    page.goto("/compare?jobs=calm,same,noisy")
    expect(page.locator(".value")).to_have_count(3)
    assert min(pixels(page, "--line-1", "--line-2", "--line-3")) > 300


def ticks(page, kind, values):
    return page.evaluate(
        "async ([kind, values]) => (await import('/static/axis.js')).tickTexts(kind, values)", [kind, values]
    )


READ = {
    "number": lambda text: float(text),
    "share": lambda text: float(text.removesuffix(" %")) / 100,
    "seconds": lambda text: float(text.split()[0]) * {"s": 1, "ms": 1e-3, "µs": 1e-6}[text.split()[1]],
    "time": lambda text: sum(
        float(amount) * {"d": 86400, "h": 3600, "min": 60, "s": 1}[unit]
        for amount, unit in re.findall(r"([\d.]+) (d|h|min|s)\b", text)
    ),
}
STEPS = {
    "number": st.builds(lambda digit, power: digit * 10.0**power, st.sampled_from([1, 2, 2.5, 5]), st.integers(-7, 6)),
    "share": st.sampled_from([0.0001, 0.0025, 0.005, 0.01, 0.05, 0.25]),
    "seconds": st.builds(lambda digit, power: digit * 10.0**power, st.sampled_from([1, 2, 5]), st.integers(-6, 2)),
    "time": st.sampled_from([0.01, 0.2, 1, 5, 15, 60, 300, 1800, 3600, 21600, 86400]),
}


@pytest.mark.parametrize("kind", READ)
def test_ticks_have_the_digits_that_tell_them_apart(page, kind):
    page.goto("/")

    @settings(max_examples=40)
    @given(STEPS[kind], st.integers(0, 50), st.integers(2, 8))
    def check(step, first, count):
        values = [(first + i) * step for i in range(count)]
        texts = [text.replace("\u202f", "").replace("−", "-") for text in ticks(page, kind, values)]
        assert len(set(texts)) == count, texts
        np.testing.assert_allclose([READ[kind](text) for text in texts], values, atol=step / 1000, rtol=1e-9)

    check()


def test_one_spike_does_not_flatten_a_chart_and_can_be_shown(page):
    losses = [0.5 + 0.3 * math.cos(step / 50) for step in range(400)]
    losses[200] = 1000.0
    answer(page, [job_document("one")], {"one": {"train.loss": loss_curve(losses)}})
    bounds = "async lines => (await import('/static/axis.js')).yRange(lines, {})"
    page.goto("/jobs/one")
    found = page.evaluate(bounds, [{"x": list(range(400)), "y": losses}])
    assert found["low"] <= 0.2
    assert 0.8 <= found["high"] < 1.5
    assert found["cut"]
    chart, wide = page.locator(".chart").first, "plot => plot.clientHeight"
    expect(chart.locator(".cut")).to_be_visible()
    before = chart.locator("canvas").screenshot()
    chart.locator(".cut").click()
    page.wait_for_url(re.compile("y=full"))
    assert chart.locator("canvas").screenshot() != before
    chart.locator(".plot").press("f")
    page.wait_for_url(re.compile("^(?!.*y=full)"))
    page.get_by_label("full range").check()
    page.wait_for_url(re.compile("y=full"))
    assert chart.locator(".plot").evaluate(wide) > 0


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=200), st.booleans())
@settings(max_examples=30)
def check_full_range(page, values, log):
    x = list(range(len(values)))
    found = page.evaluate(
        "async ([lines, log]) => (await import('/static/axis.js')).yRange(lines, {log, full: true})",
        [[{"x": x, "y": values}], log],
    )
    drawn = [value for value in values if value > 0 or not log]
    assert all(found["low"] <= value <= found["high"] for value in drawn)
    assert found["low"] < found["high"]
    assert not found["cut"]


def test_the_full_range_has_every_value(page):
    page.goto("/")
    check_full_range(page)
