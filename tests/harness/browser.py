"""Headless Chromium, with a fresh profile and no way out of this machine."""

import contextlib
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import psutil
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


@contextlib.contextmanager
def opened() -> Iterator[Chrome]:
    """A new browser, as if nobody had ever used it, until the block ends.

    Without Chromium the test is skipped; where CI is set it fails.
    """
    chromium = _program("chromium", "chromium-browser", "google-chrome")
    folder = str(lifeline.new_folder("browser"))
    # Chromium writes to both, whatever its profile's folder is.
    homes = {"HOME": folder, "TMPDIR": folder}
    service = Service(executable_path=str(_program("chromedriver")), env=os.environ | homes)
    options = ChromeOptions()
    options.binary_location = str(chromium)
    for switch in _SWITCHES:
        options.add_argument(switch)
    options.add_argument(f"--user-data-dir={folder}/profile")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = Chrome(options=options, service=service)
    pids = _pids(service)
    for pid in pids:
        lifeline.watch(pid, signal.SIGTERM)
    try:
        yield driver
    finally:
        driver.quit()
        for pid in pids:
            lifeline.forget(pid)


def _pids(service: Service) -> list[int]:
    """The browser, which would outlive its driver, and the driver."""
    assert service.process is not None
    driver = psutil.Process(service.process.pid)
    return [*(child.pid for child in driver.children()), driver.pid]


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
