"""An administrator at a real browser: logs in, clicks, reads, and hears what the browser says."""

from collections.abc import Callable

from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from tests.harness.site import Site
from tests.test_board import wait

OpenBrowser = Callable[[], Chrome]


def enter(browser: Chrome, site: Site, path: str) -> None:
    """Log in as the demo's administrator, and go to that page of the admin."""
    browser.get(f"{site.server.http_url}/admin/login/?next=/admin/scheduler_realtime/{path}")
    browser.find_element(By.NAME, "username").send_keys("admin")
    browser.find_element(By.NAME, "password").send_keys("demo")
    browser.find_element(By.CSS_SELECTOR, "[type=submit]").click()
    wait(browser, lambda page: "/login/" not in page.current_url)


def click(browser: Chrome, selector: str) -> None:
    browser.find_element(By.CSS_SELECTOR, selector).click()


def text_of(browser: Chrome, selector: str) -> str:
    return browser.find_element(By.CSS_SELECTOR, selector).text


def complaints(browser: Chrome) -> list[str]:
    """What the browser complains of in the pages of ours, icons of the host's apart."""
    said = [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    return [text for text in said if "favicon" not in text]
