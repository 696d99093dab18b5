"""The admin in a real browser, on real sockets: disconnect, send, and watch the dashboard move."""

import asyncio
import contextlib
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select, WebDriverWait

from tests.harness import opening
from tests.harness.opening import Seeded
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


async def test_a_socket_that_is_disconnected_in_the_admin_closes(
    embedded_site: Site, open_browser: OpenBrowser
) -> None:
    async with embedded_site.listen("nurse") as ear, embedded_site.listen("nurse") as other:
        welcome = await ear.next("welcome")
        await other.next("welcome")
        connection_id = welcome["data"]["connection_id"]
        await asyncio.to_thread(disconnect, embedded_site, open_browser(), connection_id)

        code = await ear.closed()
        answer = await other.ask("heartbeat")

    assert code == 4409
    assert answer["type"] == "heartbeat_ack"


def disconnect(site: Site, browser: Chrome, connection_id: str) -> None:
    enter(browser, site, "connection/?q=nurse")
    box = f'[name=_selected_action][value="{connection_id}"]'
    wait(browser, lambda page: page.find_elements(By.CSS_SELECTOR, box) or page.refresh())
    click(browser, box)
    Select(browser.find_element(By.NAME, "action")).select_by_visible_text("Disconnect")
    click(browser, ".actions button")
    wait(browser, lambda page: page.find_elements(By.NAME, "confirmed"))
    assert "1 person will be disconnected" in text_of(browser, "#content")
    click(browser, "#content [type=submit]")
    wait(browser, lambda page: page.find_elements(By.CSS_SELECTOR, ".messagelist"))
    assert "1 connection is being closed." in text_of(browser, ".messagelist")


async def test_a_notification_that_is_sent_in_the_admin_arrives(
    embedded_site: Site, open_browser: OpenBrowser
) -> None:
    browser = open_browser()
    async with embedded_site.listen("nurse") as ear:
        await ear.next("welcome")
        await asyncio.to_thread(send, embedded_site, browser)

        frame = await ear.next("system_notification")

    assert frame["user_id"] == embedded_site.users["admin"]
    assert frame["data"]["title"] == "Room 3 closes"
    assert frame["data"]["action_items"] == [{"label": "Show", "url": "/day/"}]
    await asyncio.to_thread(click, browser, ".messagelist a")
    assert await asyncio.to_thread(receipts_in, browser) == ["Miriam Fuchs (nurse)"]
    assert complaints(browser) == []


def send(site: Site, browser: Chrome) -> None:
    enter(browser, site, "message/add/")
    browser.find_element(By.NAME, "title").send_keys("Room 3 closes")
    browser.find_element(By.NAME, "message").send_keys("at noon")
    browser.find_element(By.NAME, "ack_required").click()
    browser.find_element(By.NAME, "links-0-label").send_keys("Show")
    browser.find_element(By.NAME, "links-0-url").send_keys("/day/")
    browser.find_element(By.CSS_SELECTOR, ".field-users .select2-search__field").send_keys("fuchs")
    wait(browser, lambda page: "Miriam" in text_of(page, ".select2-results"))
    click(browser, ".select2-results__option")
    click(browser, "[value=preview]")
    wait(browser, lambda page: page.find_elements(By.CSS_SELECTOR, ".realtime-reach"))
    assert "sent to 1 person: Miriam Fuchs (nurse)." in text_of(browser, ".realtime-reach")
    click(browser, "[value=send]")
    wait(browser, lambda page: page.find_elements(By.CSS_SELECTOR, ".messagelist a"))


def receipts_in(browser: Chrome) -> list[str]:
    wait(browser, lambda page: page.find_elements(By.CSS_SELECTOR, ".realtime-receipts"))
    rows = browser.find_elements(By.CSS_SELECTOR, ".realtime-receipts tbody th")
    return [row.text for row in rows]


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

LENGTHY = """
from scheduler_realtime import broadcast_conflict_notification, send_system_notification
word = "pneumonoultramicroscopic" * 8
for n in range(3):
    broadcast_conflict_notification(
        conflict_id=f"{n}-{word}", conflict_type=word, severity="critical", description=word
    )
    send_system_notification(title=word, message=word, roles=["scheduler", "nurse", "surgeon"])
from tests.harness import pristine
pristine.settle()
"""

ROWS = """
return [...document.querySelectorAll(`${arguments[0]} tbody tr`)]
    .map((row) => [...row.cells].map((cell) => cell.textContent));
"""

LINE = """
const paths = [...document.querySelectorAll(`[data-chart=${arguments[0]}] path.line.look-1`)];
return paths.find((path) => !path.closest("[aria-hidden]"))?.getAttribute("d") ?? "";
"""

TOO_WIDE = """
const [page, list] = [document.scrollingElement, document.querySelector(".results")];
return [page, list].filter((each) => each.scrollWidth > each.clientWidth).length;
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


@pytest.fixture(scope="module")
def watched(seeded_sqlite: Seeded) -> Iterator[Site]:
    """One server, of which nobody but these tests knows."""
    with contextlib.closing(opening.open_embedded(seeded_sqlite, "uvicorn")) as site:
        yield site


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


async def test_a_list_fits_into_a_window_with_the_sidebar_open_whatever_is_in_it(
    watched: Site, open_browser: OpenBrowser
) -> None:
    await asyncio.to_thread(watched.shell, LENGTHY)
    browser = open_browser()
    async with watched.listen("nurse") as ear:
        await ear.ask("heartbeat", {"current_page": "/" + "w" * 199})
        await asyncio.to_thread(enter, browser, watched, "connection/")
        too_wide = {
            name: await asyncio.to_thread(is_too_wide, browser, watched, name)
            for name in ("connection", "message", "conflict", "node", "optimizationrun")
        }

    assert too_wide == dict.fromkeys(too_wide, False)


def is_too_wide(browser: Chrome, site: Site, name: str) -> bool:
    browser.get(f"{site.server.http_url}/admin/scheduler_realtime/{name}/")
    assert browser.find_elements(By.ID, "nav-sidebar")
    results = browser.find_elements(By.CSS_SELECTOR, "#result_list tbody tr")
    assert results or name == "optimizationrun"
    return bool(results) and browser.execute_script(TOO_WIDE) > 0
