"""Markup in what somebody wrote, in a real browser: nothing runs, and no element is made of it."""

import json
from collections.abc import Callable

from selenium.webdriver import Chrome

from scheduler_realtime.clean_text import clean
from tests.harness.markup import CORPUS
from tests.harness.site import Site
from tests.test_admin.test_in_a_browser import enter
from tests.test_board import open_board, wait

CARELESS = """
const made = [];
for (const text of arguments[0]) {
    const place = document.createElement("div");
    document.body.append(place);
    place.innerHTML = text;
    const once = place.querySelectorAll("*").length + commentsIn(place);
    place.innerHTML = place.textContent;
    if (once || place.querySelectorAll("*").length || commentsIn(place)) made.push(text);
    place.innerHTML = "<td>" + text + "</td>";
    if (place.querySelectorAll("*").length) made.push(text);
    place.remove();
}
function commentsIn(place) {
    return document.createTreeWalker(place, NodeFilter.SHOW_COMMENT).nextNode() ? 1 : 0;
}
return made;
"""

SUSPICIOUS = """
const found = [...document.querySelectorAll("*")].filter((element) =>
    element.localName === "plaintext" || element.localName === "x"
    || [...element.attributes].some((each) => each.name.startsWith("on")
        || each.value.trimStart().toLowerCase().startsWith("javascript:")
        || each.name === "srcdoc"));
return found.map((element) => element.outerHTML.slice(0, 200));
"""


def test_a_careless_page_makes_no_element_of_what_is_told(
    open_browser: Callable[[], Chrome],
) -> None:
    browser = open_browser()
    browser.get("data:text/html,<!DOCTYPE html><title>careless</title><body>")

    made = browser.execute_script(CARELESS, [clean(text) for text in CORPUS])
    made_of_raw = browser.execute_script(CARELESS, list(CORPUS))

    assert made == []
    assert len(made_of_raw) > len(CORPUS) / 2
    assert browser.execute_script("return window.pwned ?? null") is not None, "the corpus is tame"


WRITE = """
from scheduler_realtime import broadcast_emergency_alert, send_system_notification
texts = {texts}
user = User.objects.get(username="nurse")
user.first_name, user.last_name = texts[3], texts[11][:100]
user.save()
rows = list(Surgery.objects.select_related("room").order_by("pk"))
for number, text in enumerate(texts):
    row = rows[number % len(rows)]
    row.patient_name, row.surgery_type = text[:60], text[:60]
    row.save()
    OperatingRoom.objects.filter(pk=row.room_id).update(specialty=text[:60])
    send_system_notification(
        title=text, message=text, action_items=[{{"label": text, "url": "/x"}}],
        ack_required=False,
    )
for text in texts[:12]:
    broadcast_emergency_alert(
        emergency_id=text, emergency_type=text, priority="high", description=text,
        patient_name=text, surgery_type=text,
    )
send_system_notification(title="the last one", message="done")
"""

PAGES = (
    "scheduler_realtime/message/?q=pwned",
    "scheduler_realtime/connection/",
    "scheduler_realtime/dashboard/",
    "scheduling/surgery/",
    "scheduling/operatingroom/",
)


def test_the_board_and_the_admin_show_markup_as_text_and_run_none_of_it(
    embedded_site: Site, open_browser: Callable[[], Chrome]
) -> None:
    browser = open_browser()
    open_board(browser, embedded_site, "scheduler")

    embedded_site.shell(WRITE.format(texts=json.dumps(CORPUS)))

    wait(browser, lambda page: "the last one" in page.page_source)
    assert "onerror=window.pwned=1" in browser.page_source
    assert_nothing_ran(browser)
    browser.refresh()
    wait(browser, lambda page: page.find_elements("css selector", "[data-surgery-id]"))
    assert_nothing_ran(browser)
    enter(browser, embedded_site, "message/")
    assert_nothing_ran(browser)
    link = browser.find_element("css selector", "#result_list th a").get_attribute("href")
    browser.get(str(link))
    for path in PAGES:
        assert_nothing_ran(browser)
        browser.get(f"{embedded_site.server.http_url}/admin/{path}")
    assert_nothing_ran(browser)


def assert_nothing_ran(browser: Chrome) -> None:
    """No flag set, no dialog open (which would raise), no element made that could have."""
    assert browser.execute_script("return window.pwned ?? null") is None, browser.current_url
    found = browser.execute_script(SUSPICIOUS)
    assert found == [], browser.current_url
