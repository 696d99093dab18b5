"""A board that was cut off says so, and ends equal to the database by itself."""

import contextlib
import os
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import psutil
import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from tests.harness import browser as browsers
from tests.harness import opening, tokens
from tests.harness.opening import Seeded
from tests.harness.site import Site
from tests.test_board import line_of, open_board, wait

LONG = float(os.environ.get("BOARD_OUTAGE_SECONDS", "0"))
"""How long an outage lasts at least: `BOARD_OUTAGE_SECONDS=60` has the server be gone for so long."""

BACK_WITHIN = 45
"""Seconds: the longest pause between two attempts, and time to read the day."""

CHANGE = """
import random
rows, rooms = list(Surgery.objects.all()), list(OperatingRoom.objects.all())
for n in range({changes}):
    row = random.choice(rows)
    row.end_time += timedelta(minutes=1)
    row.room, row.status = random.choice(rooms), random.choice(["pre_op", "closing", "done"])
    row.surgery_type = f"Changed {{n}}"
    row.save()
rows[0].delete()
rows[1].pk = None
rows[1].save()
"""

BARS = """
return [...document.querySelectorAll(".bar")].map((bar) => [
  Number(bar.dataset.surgeryId), Number(bar.dataset.room), bar.dataset.status,
  bar.dataset.start, bar.dataset.end, bar.querySelector("b").textContent,
]);
"""


@pytest.fixture(scope="module")
def site(seeded_sqlite: Seeded) -> Iterator[Site]:
    site = opening.open_embedded(seeded_sqlite, "uvicorn")
    yield site
    site.close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chrome]:
    with browsers.opened() as browser:
        yield browser


@pytest.fixture
def board(site: Site, chromium: Chrome) -> Iterator[Chrome]:
    """The nurse's board, live, with nothing remembered of the test before."""
    chromium.get(f"{site.server.http_url}/static/scheduling/icon.svg")
    chromium.execute_script("sessionStorage.clear()")
    open_board(chromium, site, "nurse")
    watch(chromium)
    yield chromium
    chromium.get("about:blank")
    site.ensure_running()


def watch(board: Chrome) -> None:
    """Wait until the board is level, and note from then on what it warns of."""
    wait(board, lambda page: line_of(page) == "live")
    board.execute_script(WATCH)


WATCH = """
window.neverReloaded = true;
window.warnings = [];
const node = document.getElementById("stale");
new MutationObserver(() => node.textContent && window.warnings.push(node.textContent)).observe(
  node, { childList: true, characterData: true, subtree: true },
);
"""


def shown(board: Chrome) -> list[Any]:
    bars = board.execute_script(BARS)
    return sorted(
        [*bar[:3], datetime.fromisoformat(bar[3]), datetime.fromisoformat(bar[4]), bar[5]]
        for bar in bars
    )


def stored(site: Site) -> list[Any]:
    return sorted(
        [
            row["id"],
            row["room"],
            row["status"],
            datetime.fromisoformat(row["start_time"]),
            datetime.fromisoformat(row["end_time"]),
            row["surgery_type"],
        ]
        for row in site.surgeries()
    )


def warnings(board: Chrome) -> list[str]:
    """What the banner across the page has said since the board was opened."""
    return list(board.execute_script("return window.warnings"))


def outlast(begun: float, seconds: float) -> None:
    """An outage is a matter of time: wait until it has lasted so long."""
    time.sleep(max(0.0, begun + seconds - time.monotonic()))


def assert_it_came_level_by_itself(board: Chrome, site: Site) -> None:
    WebDriverWait(board, BACK_WITHIN, poll_frequency=0.1).until(lambda p: line_of(p) == "live")
    wait(board, lambda page: shown(page) == stored(site))
    assert board.execute_script("return window.neverReloaded") is True
    assert not board.find_element(By.ID, "stale").is_displayed()
    assert [said for said in warnings(board) if said.startswith("Stale since ")]


@pytest.mark.slow
def test_a_board_whose_server_was_gone_for_200_changes_ends_equal_to_the_database(
    site: Site, board: Chrome
) -> None:
    begun = time.monotonic()

    site.server.kill()
    wait(board, warnings)
    site.shell(CHANGE.format(changes=200))
    outlast(begun, LONG)
    assert board.find_element(By.ID, "stale").is_displayed()
    site.server.start()

    assert_it_came_level_by_itself(board, site)


@pytest.mark.slow
def test_a_laptop_that_slept_through_more_than_is_replayed_ends_equal_to_the_database(
    site: Site, board: Chrome
) -> None:
    begun = time.monotonic()

    with asleep(board):
        site.server.kill()
        site.shell(CHANGE.format(changes=600))
        site.server.start()
        outlast(begun, LONG)

    wait(board, warnings)
    assert_it_came_level_by_itself(board, site)


@contextlib.contextmanager
def asleep(board: Chrome) -> Iterator[None]:
    """Nothing of the browser runs: no timer, no socket."""
    assert board.service.process is not None
    processes = psutil.Process(board.service.process.pid).children(recursive=True)
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in reversed(processes):
            process.resume()


@pytest.mark.slow
def test_a_board_whose_token_ended_in_an_outage_gets_another_and_ends_equal_to_the_database(
    site: Site, board: Chrome
) -> None:
    until = time.monotonic() + TOKEN_LIVES
    token = tokens.access(site.users["nurse"], lifetime=timedelta(seconds=TOKEN_LIVES))
    refreshing(board, is_possible=False)  # it would have a new one before the old one has ended
    board.execute_script(HOLD, token)
    board.refresh()
    watch(board)

    site.server.kill()
    refreshing(board, is_possible=True)
    wait(board, warnings)
    site.shell(CHANGE.format(changes=200))
    outlast(until, 0)
    site.server.start()
    board.execute_script("dispatchEvent(new Event('online'))")  # no pause that has grown long

    assert_it_came_level_by_itself(board, site)
    assert board.execute_script(HELD) != token


TOKEN_LIVES = 5

HELD = "return JSON.parse(sessionStorage['scheduling.session']).access"

HOLD = """
const held = JSON.parse(sessionStorage["scheduling.session"]);
sessionStorage["scheduling.session"] = JSON.stringify({ ...held, access: arguments[0] });
"""


def refreshing(board: Chrome, *, is_possible: bool) -> None:
    board.execute_cdp_cmd("Network.enable", {})
    blocked = [] if is_possible else ["*/api/token/refresh*"]
    board.execute_cdp_cmd("Network.setBlockedURLs", {"urls": blocked})
