"""The admin in a real browser, on real sockets: disconnect, send, and watch the dashboard move."""

import asyncio
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select

from tests.conftest import OpenEmbedded
from tests.harness.redis_server import ForeignRedis, RedisServer
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


PRESENT = """
import json
import re
node, _ = Node.objects.get_or_create(
    hostname="here", pid=1,
    defaults={{"started_at": timezone.now(), "lease_until": timezone.now() + timedelta(hours=1)}},
)
user = User.objects.get(username="nurse")
Connection.objects.get_or_create(
    id="{id}", defaults=dict(node=node, user=user, username="nurse",
    connected_at=timezone.now(), last_seen_at=timezone.now()),
)
"""


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
    site.shell(PRESENT.format(id=connection_id))
    enter(browser, site, "connection/?q=nurse")
    click(browser, f'[name=_selected_action][value="{connection_id}"]')
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


TELL = """
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
message = {{"type": "realtime.frame", "group": "user.{user}", "frame": {frame}}}
async def send():
    await get_channel_layer().group_send("user.{user}", message)
async_to_sync(send)()
"""


def statistics(**facts: Any) -> dict[str, Any]:
    node = {"name": "web-1:7", "connections": 8, "users": 5, "uptime_seconds": 93_842}
    return {
        "taken_at": datetime.now(UTC).isoformat(),
        "connections": 8,
        "peak_connections": 9,
        "users": 5,
        "by_role": {"nurse": 3, "surgeon": 2},
        "by_node": {"a": node},
        "rates": {"published": 2.5, "delivered": 20},
        "latency_ms": {"p50": 3.2, "p95": 7.5, "p99": 9.1},
        "pending_acknowledgements": 1,
        "relay_lag_seconds": 0,
        "hub_lag_seconds": 0.1,
    } | facts


def tell(site: Site, **facts: Any) -> None:
    frame = {"type": "statistics", "data": statistics(**facts)}
    site.shell(TELL.format(user=site.users["admin"], frame=repr(json.loads(json.dumps(frame)))))


def line_in(browser: Chrome, chart: str) -> str:
    selector = f"[data-chart={chart}] path.line.look-1[d^=M][d*=L]"
    paths = browser.find_elements(By.CSS_SELECTOR, f"{selector}:not([aria-hidden] *)")
    return paths[-1].get_attribute("d") or "" if paths else ""


@pytest.fixture
def watched(embedded: OpenEmbedded, redis_server: RedisServer | ForeignRedis) -> Site:
    """A site whose layer the test's own console can send to."""
    env = {"REDIS_URL": redis_server.url, "CHANNEL_PREFIX": "watched"}
    return embedded("uvicorn", env=env)


def test_the_dashboard_moves_without_reload_and_says_when_it_does_not(
    watched: Site, open_browser: OpenBrowser
) -> None:
    browser = open_browser()
    enter(browser, watched, "node/dashboard/")
    browser.execute_script("window.neverReloaded = true")
    wait(browser, lambda page: is_told(watched, page, connections=4321))
    assert text_of(browser, "#state") == "Live"
    assert text_of(browser, "#tile-p95") == "7.5 ms"
    assert "web-1:7" in text_of(browser, "#nodes")
    assert "nurse" in text_of(browser, "#roles")
    before = line_in(browser, "connections")

    soon = (datetime.now(UTC) + timedelta(seconds=2)).isoformat()
    tell(watched, connections=1234, taken_at=soon)
    wait(browser, lambda page: "1,234" in text_of(page, "#tile-connections"))
    moved = line_in(browser, "connections")
    watched.server.kill()
    wait(browser, lambda page: "Not updated since" in text_of(page, "#state"))
    watched.server.start()
    browser.execute_script("dispatchEvent(new Event('online'))")  # it need not wait for its turn
    wait(browser, lambda page: is_told(watched, page, connections=77))

    assert moved != before
    assert text_of(browser, "#state") == "Live"
    assert browser.execute_script("return window.neverReloaded") is True


def is_told(site: Site, browser: Chrome, *, connections: int) -> bool:
    """Whether the page shows it. Told again and again: nobody hears it before the socket is open."""
    tell(site, connections=connections)
    return f"{connections:,}" in text_of(browser, "#tile-connections")


def test_the_dashboards_charts_can_be_read_as_tables_and_by_name(
    watched: Site, open_browser: OpenBrowser
) -> None:
    browser = open_browser()
    enter(browser, watched, "node/dashboard/")
    wait(browser, lambda page: is_told(watched, page, connections=4321))

    table = "[data-chart=connections] tbody"
    click(browser, "[data-chart=connections] summary")
    wait(browser, lambda page: re.search(r":\d\d .*\d", text_of(page, table)))

    for figure in browser.find_elements(By.CSS_SELECTOR, "figure[data-chart]"):
        chart = figure.find_element(By.CSS_SELECTOR, "svg[role=img]")
        assert chart.accessible_name == figure.find_element(By.TAG_NAME, "h2").text
        summary = figure.find_element(By.CSS_SELECTOR, ".visually-hidden")
        assert summary.get_attribute("id") == chart.get_attribute("aria-describedby")
        assert "highest" in (summary.get_attribute("textContent") or "")
    assert complaints(browser) == []
