"""The admin in a real browser, on real sockets: disconnect, send, and read long lists."""

import asyncio

from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select

from tests.harness.site import Site
from tests.test_board import wait

from .visits import OpenBrowser, click, complaints, enter, text_of


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
    wait(browser, lambda page: shows(page, box))
    click(browser, box)
    Select(browser.find_element(By.NAME, "action")).select_by_visible_text("Disconnect")
    click(browser, ".actions button")
    wait(browser, lambda page: page.find_elements(By.NAME, "confirmed"))
    assert "1 person will be disconnected" in text_of(browser, "#content")
    click(browser, "#content [type=submit]")
    wait(browser, lambda page: page.find_elements(By.CSS_SELECTOR, ".messagelist"))
    assert "1 connection is being closed." in text_of(browser, ".messagelist")


def shows(browser: Chrome, selector: str) -> bool:
    """Whether the page does; where not, it is loaded again: a list does not move by itself."""
    is_there = bool(browser.find_elements(By.CSS_SELECTOR, selector))
    if not is_there:
        browser.refresh()
    return is_there


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

TOO_WIDE = """
const [page, list] = [document.scrollingElement, document.querySelector(".results")];
return [page, list].filter((each) => each.scrollWidth > each.clientWidth).length;
"""


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
