"""A browser without a window, driven as a reader does: skipped where Chromium or its driver is not installed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")

Browser = webdriver.Chrome


@contextmanager
def opened_browser() -> Iterator[Browser]:
    """One that keeps all messages of the console."""
    if CHROMIUM is None or DRIVER is None:
        pytest.skip("Chromium or chromedriver is not installed (apt install chromium chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options, Service(DRIVER))
    browser.set_script_timeout(200)
    try:
        yield browser
    finally:
        browser.quit()


def show(browser: Browser, page: Path | str, width: int = 1280, scheme: str = "light", scripts: bool = True) -> None:
    """Open a page in a window of this width, light or dark, with or without scripts."""
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not scripts})
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    wanted = {"prefers-color-scheme": scheme, "prefers-reduced-motion": "reduce"}  # a click does not wait for scrolling
    features = [{"name": name, "value": value} for name, value in wanted.items()]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    browser.get(page.as_uri() if isinstance(page, Path) else page)


def console(browser: Browser) -> list[str]:
    """What was written to the console since it was last asked."""
    return [entry["message"] for entry in browser.get_log("browser")]
