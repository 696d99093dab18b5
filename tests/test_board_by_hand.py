"""The board in people's hands: moved by pointer and keys, and what it shows while they work."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from selenium.webdriver import ActionChains, Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from tests.harness import browser
from tests.harness.site import Site
from tests.test_board import bar, enter_board, line_of, wait, wait_for_board

STEP = timedelta(minutes=5)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chrome]:
    with browser.opened() as opened:
        opened.set_window_size(1500, 1300)
        yield opened


@pytest.fixture
def page(clustered_site: Site, chromium: Chrome) -> Iterator[Callable[..., Chrome]]:
    """`page("nurse")`: the board, opened as that user by somebody who was not here before."""

    def opened(who: str, is_shown: bool = True) -> Chrome:
        chromium.get(f"{clustered_site.server.http_url}/static/scheduling/icon.svg")
        chromium.execute_script("sessionStorage.clear()")
        chromium.get_log("browser")
        enter_board(chromium, clustered_site, who)
        if is_shown:
            wait_for_board(chromium)
        return chromium

    yield opened
    chromium.get("about:blank")


def first(site: Site, status: str = "scheduled") -> dict[str, Any]:
    """The next of the first room, whatever the hour: there is a row below to move it to."""
    waiting = [row for row in site.surgeries() if row["status"] == status]
    return min(waiting, key=lambda row: (row["room"], row["start_time"]))


def node(page: Chrome, surgery_id: int) -> WebElement:
    return page.find_element(By.CSS_SELECTOR, f'[data-surgery-id="{surgery_id}"]')


def said(page: Chrome) -> str:
    return page.find_element(By.ID, "said").text


def stored(site: Site, surgery_id: int) -> dict[str, Any]:
    return next(row for row in site.surgeries() if row["id"] == surgery_id)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def drag(page: Chrome, surgery_id: int, *, by: tuple[int, int], at: int = 0) -> None:
    """Take hold of a bar `at` pixels from its middle, and let it go elsewhere."""
    bar_ = node(page, surgery_id)
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", bar_)
    actions = ActionChains(page, duration=50)
    actions.move_to_element_with_offset(bar_, at, 0).click_and_hold()
    actions.move_by_offset(*by).release().perform()


def is_movable(page: Chrome) -> bool:
    return bool(page.find_elements(By.CSS_SELECTOR, ".lanes.movable"))


def test_a_bar_that_is_dragged_moves_the_surgery_for_everybody(
    clustered_site: Site, page: Callable[..., Chrome]
) -> None:
    row = first(clustered_site)
    board = page("scheduler")
    wait(board, is_movable)

    drag(board, row["id"], by=(60, 75))

    wait(board, lambda page: said(page).startswith("Moved to"))
    now = stored(clustered_site, row["id"])
    assert moment(now["start_time"]) > moment(row["start_time"])
    length = moment(row["end_time"]) - moment(row["start_time"])
    assert moment(now["end_time"]) - moment(now["start_time"]) == length
    assert now["room"] != row["room"]
    wait(board, lambda page: bar(page, row["id"], "data-room") == str(now["room"]))


def test_the_end_of_a_bar_that_is_dragged_makes_the_surgery_longer(
    clustered_site: Site, page: Callable[..., Chrome]
) -> None:
    row = first(clustered_site)
    board = page("scheduler")
    wait(board, is_movable)
    half = int(node(board, row["id"]).size["width"] / 2)

    drag(board, row["id"], by=(40, 0), at=half - 3)

    wait(board, lambda page: said(page).startswith("Moved to"))
    now = stored(clustered_site, row["id"])
    assert now["start_time"] == row["start_time"]
    assert moment(now["end_time"]) > moment(row["end_time"])


def test_a_move_that_is_refused_goes_back_and_says_why(
    clustered_site: Site, page: Callable[..., Chrome]
) -> None:
    row = first(clustered_site)
    board = page("scheduler")
    wait(board, is_movable)
    before = node(board, row["id"]).get_attribute("style")
    clustered_site.shell(
        "Group.objects.get(name='scheduler').permissions.remove("
        "*Permission.objects.filter(codename='change_surgery'))",
    )

    drag(board, row["id"], by=(60, 0))

    wait(board, lambda page: said(page).startswith("Not moved: You do not have permission"))
    wait(board, lambda page: node(page, row["id"]).get_attribute("style") == before)
    assert stored(clustered_site, row["id"])["start_time"] == row["start_time"]


def test_a_surgery_is_moved_by_keys_and_put_back_by_escape(
    clustered_site: Site, page: Callable[..., Chrome]
) -> None:
    row = first(clustered_site)
    board = page("scheduler")
    wait(board, is_movable)
    focused = node(board, row["id"])
    board.execute_script("arguments[0].focus()", focused)

    focused.send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ESCAPE)
    focused.send_keys(Keys.ARROW_LEFT)
    assert "Enter moves it" in said(board)
    focused.send_keys(Keys.ENTER)

    wait(board, lambda page: said(page).startswith("Moved to"))
    now = stored(clustered_site, row["id"])
    assert moment(now["start_time"]) == moment(row["start_time"]) - STEP
    assert board.switch_to.active_element == focused


def test_who_may_not_change_surgeries_cannot_take_hold_of_them(
    clustered_site: Site, page: Callable[..., Chrome]
) -> None:
    row = first(clustered_site)
    board = page("nurse")

    drag(board, row["id"], by=(60, 0))

    assert not is_movable(board)
    assert not said(board)
    assert not board.find_element(By.ID, "optimize").is_displayed()


def test_who_changed_what_from_what_to_what_is_said(
    clustered_site: Site, page: Callable[..., Chrome]
) -> None:
    row = first(clustered_site)
    board = page("nurse")

    end = (moment(row["end_time"]) + STEP).isoformat()
    clustered_site.patch_surgery(row["id"], who="scheduler", end_time=end)

    news = wait(board, lambda page: page.find_element(By.ID, "arrivals").text)
    assert row["surgery_type"] in news
    assert "Jonas Reiter" in news
    assert "→" in news
    classes = bar(board, row["id"], "class") or ""
    assert "changed" in classes.split()


def test_a_surgery_that_should_have_begun_says_in_its_bar_how_late_it_is(
    clustered_site: Site, page: Callable[..., Chrome]
) -> None:
    row = first(clustered_site)
    board = page("nurse")

    clustered_site.shell(LATE.format(id=row["id"]))

    late = f'[data-surgery-id="{row["id"]}"] .late'
    wait(board, lambda page: page.find_element(By.CSS_SELECTOR, late).text == "25 min late")
    in_sight = (
        "return arguments[0].offsetTop + arguments[0].offsetHeight <= arguments[1].clientHeight"
    )
    line = board.find_element(By.CSS_SELECTOR, late)
    assert board.execute_script(in_sight, line, node(board, row["id"])) is True


LATE = """
surgery = Surgery.objects.get(pk={id})
surgery.start_time = timezone.now() - timedelta(minutes=25, seconds=5)
surgery.end_time = surgery.start_time + timedelta(hours=2)
surgery.save()
"""

CONFLICT = """
from scheduler_realtime import broadcast_conflict_notification
broadcast_conflict_notification(
    conflict_id="c", conflict_type="room_overlap", severity="critical", status="{status}",
    description="Two at once in OR 1", affected_surgeries={surgeries},
    suggested_actions=["Begin the second at 11:00", {move}],
)
"""


def test_a_conflict_marks_its_bars_and_is_listed_until_it_ends(
    clustered_site: Site, page: Callable[..., Chrome]
) -> None:
    first_row, other_row = clustered_site.surgeries()[:2]
    one, other = first_row["id"], other_row["id"]
    move = {"action": "change_room", "surgery_id": other, "room_id": first_row["room"]}
    move |= {"start": other_row["start_time"], "end": other_row["end_time"]}
    said = {"surgeries": [one, other], "move": move}
    board = page("nurse")

    clustered_site.shell(CONFLICT.format(status="open", **said))

    listed = wait(board, lambda page: page.find_element(By.CSS_SELECTOR, "#conflicts ol").text)
    assert "Two at once in OR 1" in listed
    assert "Begin the second at 11:00" in listed
    assert f"Move {other_row['surgery_type']} to " in listed
    assert f" in {first_row['room_name']}" in listed
    assert [bar(board, id_, "data-conflict") for id_ in (one, other)] == ["critical"] * 2
    board.find_element(By.CSS_SELECTOR, "#conflicts button").click()
    wait(board, lambda page: page.switch_to.active_element == node(page, one))
    clustered_site.shell(CONFLICT.format(status="resolved", **said))
    wait(board, lambda page: not page.find_element(By.ID, "conflicts").is_displayed())
    assert bar(board, one, "data-conflict") is None


NOTIFY = """
from scheduler_realtime import broadcast_emergency_alert, send_system_notification
send_system_notification(
    title="OR 3 closes", message="At 18:00", action_items=[{"label": "See why", "url": "/why"}]
)
broadcast_emergency_alert(
    emergency_id="e", emergency_type="trauma", priority="immediate", description="Polytrauma",
    user_id=User.objects.get(username="scheduler").pk,
)
"""


def test_an_emergency_stays_and_says_to_its_sender_who_has_acknowledged_it(
    clustered_site: Site, page: Callable[..., Chrome]
) -> None:
    board = page("scheduler")
    clustered_site.shell(NOTIFY)
    wait(board, lambda page: len(page.find_elements(By.CSS_SELECTOR, "#notices .banner")) == 2)
    link = board.find_element(By.CSS_SELECTOR, "#notices a")
    found = clustered_site.request(
        "GET", "/api/ws/messages?after=0&type=emergency_alert", who="nurse"
    )

    position = found.body["results"][-1]["id"]
    clustered_site.request("POST", f"/api/ws/messages/{position}/ack", who="nurse")

    wait(
        board,
        lambda page: (
            page.find_element(By.CSS_SELECTOR, ".emergency .seen").text
            == "Acknowledged by Miriam Fuchs"
        ),
    )
    assert link.get_attribute("href") == f"{clustered_site.server.http_url}/why"


def test_who_is_here_is_shown_with_another_day_where_they_look_at_one(
    clustered_site: Site, page: Callable[..., Chrome]
) -> None:
    board = page("nurse")

    board.find_element(By.ID, "later").click()
    day = board.find_element(By.ID, "day").get_attribute("value")
    wait(board, lambda page: line_of(page) == "live")
    board.find_element(By.ID, "earlier").click()

    wait(
        board,
        lambda page: (
            page.find_elements(By.CSS_SELECTOR, "#presence li:not(.elsewhere)")
            and day not in page.find_element(By.ID, "presence").text
        ),
    )
    assert "nurse" in board.find_element(By.ID, "presence").text


@pytest.mark.slow
def test_a_day_is_optimised_by_a_button_and_the_run_is_seen_and_stopped(
    clustered_site: Site, page: Callable[..., Chrome]
) -> None:
    board = page("scheduler")
    button = wait(board, lambda page: page.find_element(By.ID, "optimize"))
    wait(board, lambda _: button.is_displayed())

    button.click()

    run = board.find_element(By.ID, "optimization")
    wait(board, lambda _: run.get_attribute("data-status") == "running")
    wait(
        board,
        lambda page: page.find_element(By.CSS_SELECTOR, "polyline.best").get_attribute("points"),
    )
    assert "best" in run.text
    assert not button.is_enabled()
    board.refresh()
    cancel = board.find_element(By.CSS_SELECTOR, "#optimization .cancel")
    wait(board, lambda _: cancel.is_displayed())
    cancel.click()
    wait(board, lambda page: page.find_elements(By.CSS_SELECTOR, '[data-status="cancelled"]'))


def test_who_may_not_see_the_schedule_is_told_so(
    clustered_site: Site, page: Callable[..., Chrome]
) -> None:
    clustered_site.shell("Group.objects.get(name='viewer').permissions.clear()")
    board = page("viewer", False)

    wait(
        board, lambda page: "You may not see this schedule" in page.find_element(By.ID, "line").text
    )
    assert clustered_site.request("GET", "/api/people", who="viewer").status == 403
