"""The board in a real browser: it shows the day, and moves when anybody saves a surgery."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from tests.conftest import OpenClustered, OpenEmbedded
from tests.harness.site import Site
from tests.test_main_job import save_in_admin

WITHIN = 10
"""Seconds a browser may take: far more than the board needs, on a busy machine."""


def open_board(browser: Chrome, site: Site, who: str) -> None:
    """Log in on the board's own form, and wait until its line is live."""
    enter_board(browser, site, who)
    wait_for_board(browser)


def enter_board(browser: Chrome, site: Site, who: str) -> None:
    browser.get(f"{site.server.http_url}/")
    browser.find_element(By.CSS_SELECTOR, "#login [name=username]").send_keys(who)
    browser.find_element(By.CSS_SELECTOR, "#login [name=password]").send_keys("demo")
    browser.find_element(By.CSS_SELECTOR, "#login button").click()


def wait_for_board(browser: Chrome) -> None:
    wait(browser, lambda page: line_of(page) == "live")
    wait(browser, lambda page: page.find_elements(By.CSS_SELECTOR, "[data-surgery-id]"))
    browser.execute_script("window.neverReloaded = true")


def wait(browser: Chrome, wish: Callable[[Chrome], Any]) -> Any:
    return WebDriverWait(browser, WITHIN, poll_frequency=0.05).until(wish)


def line_of(browser: Chrome) -> str | None:
    return browser.find_element(By.ID, "line").get_attribute("data-state")


def bar(browser: Chrome, surgery_id: int, name: str) -> str | None:
    selector = f'[data-surgery-id="{surgery_id}"]'
    return browser.execute_script(  # type: ignore[no-any-return]  # a string or null
        "return document.querySelector(arguments[0])?.getAttribute(arguments[1]) ?? null",
        selector,
        name,
    )


def shows_end(browser: Chrome, surgery_id: int, end: datetime) -> bool:
    return datetime.fromisoformat(bar(browser, surgery_id, "data-end") or "") == end


def later(text: str) -> datetime:
    return datetime.fromisoformat(text) + timedelta(minutes=10)


def test_a_surgery_moved_over_rest_moves_on_the_board(
    embedded_site: Site, open_browser: Callable[[], Chrome]
) -> None:
    row = embedded_site.surgeries()[0]
    browser = open_browser()
    open_board(browser, embedded_site, "nurse")
    end = later(row["end_time"])

    embedded_site.patch_surgery(row["id"], end_time=end.isoformat())

    wait(
        browser, lambda page: datetime.fromisoformat(bar(page, row["id"], "data-end") or "") == end
    )
    assert browser.execute_script("return window.neverReloaded") is True
    assert not [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]


def test_a_surgery_saved_in_the_admin_is_heard_on_the_board(
    embedded_site: Site, open_browser: Callable[[], Chrome]
) -> None:
    row = embedded_site.surgeries()[0]
    browser = open_browser()
    open_board(browser, embedded_site, "nurse")

    save_in_admin(embedded_site, row["id"])

    arrivals = wait(browser, lambda page: page.find_element(By.ID, "arrivals").text)
    assert row["surgery_type"] in arrivals
    assert "Ada Steiner" in arrivals


def test_the_board_says_that_it_is_stale_while_the_server_is_gone_and_catches_up(
    embedded: OpenEmbedded, open_browser: Callable[[], Chrome]
) -> None:
    site = embedded("uvicorn")
    row = site.surgeries()[0]
    end = later(row["end_time"])
    browser = open_browser()
    open_board(browser, site, "nurse")

    site.server.kill()
    wait(browser, lambda page: line_of(page) != "live")
    warning = browser.find_element(By.ID, "stale")
    assert warning.text.startswith("Stale since ")
    code = f"s = Surgery.objects.get(pk={row['id']}); s.end_time += timedelta(minutes=10); s.save()"
    site.shell(code)
    site.server.start()

    wait(browser, lambda page: line_of(page) == "live")
    wait(
        browser, lambda page: datetime.fromisoformat(bar(page, row["id"], "data-end") or "") == end
    )
    assert browser.execute_script("return window.neverReloaded") is True
    assert not warning.is_displayed()


HEARTBEAT = 2.0


@pytest.mark.slow
def test_a_board_notices_a_frozen_server_within_two_heartbeats_and_catches_up(
    clustered: OpenClustered, open_browser: Callable[[], Chrome]
) -> None:
    site = clustered("uvicorn", "daphne", env={"WEBSOCKET_HEARTBEAT_INTERVAL": str(HEARTBEAT)})
    rows = site.surgeries()[:3]
    browser = open_browser()
    open_board(browser, site, "nurse")

    site.server.freeze()
    frozen = time.monotonic()
    wait(browser, lambda page: line_of(page) == "reconnecting")
    noticed_after = time.monotonic() - frozen
    text = browser.find_element(By.ID, "line").text
    for row in rows:
        end = later(row["end_time"]).isoformat()
        site.patch_surgery(row["id"], end_time=end, server=site.named("daphne"))
    site.server.thaw()

    assert noticed_after < 2 * HEARTBEAT
    assert "stale since" in text
    wait(browser, lambda page: line_of(page) == "live")
    for row in rows:
        wait(browser, lambda page, row=row: shows_end(page, row["id"], later(row["end_time"])))
    assert browser.execute_script("return window.neverReloaded") is True


def test_a_board_without_the_clearance_shows_no_patient(
    embedded_site: Site, open_browser: Callable[[], Chrome]
) -> None:
    row = embedded_site.surgeries()[0]
    browser = open_browser()
    open_board(browser, embedded_site, "viewer")

    embedded_site.patch_surgery(row["id"], patient_name="Rosa Secret", surgery_type="Appendectomy")

    wait(browser, lambda page: "Appendectomy" in page.find_element(By.TAG_NAME, "body").text)
    text = browser.execute_script("return document.documentElement.outerHTML")
    assert row["patient_name"] not in text
    assert "Secret" not in text


def banners(browser: Chrome) -> int:
    return len(browser.find_elements(By.CSS_SELECTOR, "#notices .banner"))


def test_an_alert_that_is_acknowledged_on_one_screen_goes_on_the_other_and_stays_gone(
    embedded_site: Site, open_browser: Callable[[], Chrome]
) -> None:
    desk, phone = open_browser(), open_browser()
    for browser in (desk, phone):
        open_board(browser, embedded_site, "nurse")
    embedded_site.shell(FIRE)
    for browser in (desk, phone):
        wait(browser, lambda page: banners(page) == 1)

    desk.find_element(By.CSS_SELECTOR, "#notices button").click()

    wait(phone, lambda page: banners(page) == 0)
    desk.refresh()
    wait(desk, lambda page: line_of(page) == "live")
    embedded_site.shell(FIRE)
    wait(desk, banners)
    assert banners(desk) == 1


FIRE = """
from scheduler_realtime import broadcast_emergency_alert
broadcast_emergency_alert(
    emergency_id="e", emergency_type="fire", priority="high", description="Fire in room 2"
)
"""
