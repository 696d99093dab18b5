"""Headless Chromium, with a fresh profile and no way out of this machine."""

import os
import shutil
import signal
from pathlib import Path
from typing import NoReturn

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

from tests.harness import lifeline

_SWITCHES = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--window-size=1280,900",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)


def open_browser() -> Chrome:
    """A new browser, as if nobody had ever used it; the caller calls `quit()`.

    Without Chromium the test is skipped; where CI is set it fails.
    """
    chromium = _program("chromium", "chromium-browser", "google-chrome")
    driver = _program("chromedriver")
    options = ChromeOptions()
    options.binary_location = str(chromium)
    for switch in _SWITCHES:
        options.add_argument(switch)
    options.add_argument(f"--user-data-dir={lifeline.new_folder('browser')}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = Service(executable_path=str(driver))
    browser = Chrome(options=options, service=service)
    assert service.process is not None
    lifeline.watch(service.process.pid, signal.SIGTERM)
    return browser


def _program(*names: str) -> Path:
    for name in names:
        if found := shutil.which(name):
            return Path(found)
    return _missing(names[0])


def _missing(name: str) -> NoReturn:
    why = f"no {name} on the PATH: apt-get install chromium chromium-driver"
    if os.environ.get("CI"):
        pytest.fail(why)
    pytest.skip(why)
