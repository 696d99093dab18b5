"""The dashboard in a real browser: it follows real sockets, real messages and a server that dies."""

import asyncio
import re
from collections.abc import Callable
from typing import Any

from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from tests.harness.site import Site
from tests.test_board import wait

from .visits import OpenBrowser, click, complaints, enter, text_of

NOTIFY = """
from scheduler_realtime import send_system_notification
for n in range(20):
    send_system_notification(title="Room 3", message="closes", ack_required=n == 0)
from tests.harness import pristine
pristine.settle()
"""

PAST = """
import uuid
for ago in (60, 55):
    Sample.objects.create(
        node_id=uuid.uuid4(), taken_at=timezone.now() - timedelta(seconds=ago),
        body='{"users": 70, "by_role": {"night shift": 70}}',
    )
"""

ROWS = """
return [...document.querySelectorAll(`${arguments[0]} tbody tr`)]
    .map((row) => [...row.cells].map((cell) => cell.textContent));
"""

LINE = """
const paths = [...document.querySelectorAll(`[data-chart=${arguments[0]}] path.line.look-1`)];
return paths.find((path) => !path.closest("[aria-hidden]"))?.getAttribute("d") ?? "";
"""


def patiently(browser: Chrome, wish: Callable[[Chrome], Any]) -> Any:
    """For what takes its seconds: to notice that nothing comes, and to try again."""
    return WebDriverWait(browser, 30, poll_frequency=0.05).until(wish)


def rows_in(browser: Chrome, table: str) -> list[list[str]]:
    return browser.execute_script(ROWS, table)  # type: ignore[no-any-return]  # lists of texts


def tiles(browser: Chrome, *names: str) -> list[str]:
    return [text_of(browser, f"#tile-{name}") for name in names]


def sockets_of(browser: Chrome, site: Site) -> str | None:
    """How many the site's process has, as the table of nodes tells."""
    found = {name.rpartition(":")[2]: cells for name, *cells in rows_in(browser, "#nodes")}
    return found.get(str(site.server.pid), [None])[0]


async def test_the_dashboard_follows_sockets_and_what_they_hear_without_reload(
    watched: Site, open_browser: OpenBrowser
) -> None:
    browser = open_browser()
    await asyncio.to_thread(enter, browser, watched, "node/dashboard/")
    browser.execute_script("window.neverReloaded = true")

    def shows(*told: str) -> None:
        names = ("connections", "users")
        patiently(browser, lambda page: tiles(page, *names) == list(told))

    listen = watched.listen
    async with listen("nurse") as ear, listen("nurse"), listen("surgeon"):
        await asyncio.to_thread(shows, "4", "3")
        before = browser.execute_script(LINE, "connections")
        assert sockets_of(browser, watched) == "4"
        assert sorted(rows_in(browser, "#roles")) == [
            ["admin", "1"],
            ["nurse", "1"],
            ["surgeon", "1"],
        ]

        await asyncio.to_thread(watched.shell, NOTIFY)
        message = await ear.next("system_notification")
        await ear.ask("heartbeat", {"position": message["id"]})
        await asyncio.to_thread(patiently, browser, has_heard_of_it)
        async with listen("viewer"):
            await asyncio.to_thread(shows, "5", "4")
            after = browser.execute_script(LINE, "connections")

    assert len(after) > len(before) > 0
    assert text_of(browser, "#state") == "Live"
    assert browser.execute_script("return window.neverReloaded") is True


def has_heard_of_it(browser: Chrome) -> bool:
    """Twenty messages were told within the last minute, to four sockets, and one awaits an answer."""
    published, delivered, p95, pending = tiles(browser, "published", "delivered", "p95", "pending")
    try:
        return float(delivered) > float(published) > 0 and p95.endswith(" ms") and pending != "0"
    except ValueError:
        return False  # not a number yet


async def test_the_dashboard_says_when_it_is_not_updated_and_goes_on_by_itself(
    watched: Site, open_browser: OpenBrowser
) -> None:
    browser = open_browser()
    await asyncio.to_thread(enter, browser, watched, "node/dashboard/")
    await asyncio.to_thread(wait, browser, lambda page: text_of(page, "#state") == "Live")
    browser.execute_script("window.neverReloaded = true")

    def says(words: str) -> None:
        patiently(browser, lambda page: words in text_of(page, "#state"))

    watched.server.kill()
    await asyncio.to_thread(says, "Not updated since")
    await asyncio.to_thread(watched.server.start)
    browser.execute_script("dispatchEvent(new Event('online'))")  # it need not wait for its turn
    await asyncio.to_thread(says, "Live")
    async with watched.listen("nurse"):
        await asyncio.to_thread(patiently, browser, lambda page: sockets_of(page, watched) == "2")

    assert browser.execute_script("return window.neverReloaded") is True


def test_the_dashboards_charts_can_be_read_as_tables_and_by_name(
    watched: Site, open_browser: OpenBrowser
) -> None:
    browser = open_browser()
    enter(browser, watched, "node/dashboard/")
    wait(browser, lambda page: text_of(page, "#state") == "Live")

    table = "[data-chart=connections] tbody"
    click(browser, "[data-chart=connections] summary")
    wait(browser, lambda page: re.search(r":\d\d .*\d", text_of(page, table)))

    for figure in browser.find_elements(By.CSS_SELECTOR, "figure[data-chart]"):
        chart = figure.find_element(By.CSS_SELECTOR, "svg[role=img]")
        assert chart.accessible_name == figure.find_element(By.TAG_NAME, "h2").text
        summary = figure.find_element(By.CSS_SELECTOR, ".visually-hidden")
        assert summary.get_attribute("id") == chart.get_attribute("aria-describedby")
        assert re.search("highest|no data", summary.get_attribute("textContent") or "")
    assert complaints(browser) == []


def test_the_dashboard_shows_the_roles_of_before_it_was_opened(
    watched: Site, open_browser: OpenBrowser
) -> None:
    watched.shell(PAST)
    browser = open_browser()

    enter(browser, watched, "node/dashboard/")

    legend = "[data-chart=roles] .legend"
    wait(browser, lambda page: "night shift" in text_of(page, legend))
    assert re.search(r"M\S+ \S+L", browser.execute_script(LINE, "roles"))
