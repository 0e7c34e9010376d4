"""A real browser: Debian's Chromium, driven by Playwright."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

PATH = shutil.which("chromium")
ARGUMENTS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
MILLISECONDS = 40_000
"""The longest wait for anything on a page, in milliseconds."""
expect.set_options(timeout=MILLISECONDS)


@contextmanager
def chromium() -> Iterator[Browser]:
    if PATH is None:
        pytest.skip("chromium is not installed: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=PATH, args=ARGUMENTS)
        yield browser
        browser.close()


@contextmanager
def opened(browser: Browser, http: str, **options) -> Iterator[Page]:
    """A page of the service in a context of its own; at the end nothing may have gone wrong in it."""
    context = browser.new_context(base_url=http, viewport={"width": 1280, "height": 900}, **options)
    context.set_default_timeout(MILLISECONDS)
    page, faults = context.new_page(), []
    page.faults = faults
    page.on("console", lambda message: faults.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    yield page
    context.close()
    assert faults == []


def ink(page: Page, chart: int = 0) -> int:
    """How many pixels of a chart's lines are drawn: those that are neither grey nor empty."""
    return (
        page.locator(".plot canvas")
        .nth(chart)
        .evaluate(
            """canvas => {
            const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            let coloured = 0;
            for (let i = 0; i < data.length; i += 4) {
                const [r, g, b, a] = data.slice(i, i + 4);
                if (a > 100 && Math.max(r, g, b) - Math.min(r, g, b) > 50) coloured += 1;
            }
            return coloured;
        }"""
        )
    )
