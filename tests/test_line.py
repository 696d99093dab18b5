"""The demo's client, without a server: each message once, and a dead line noticed in time."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.support.ui import WebDriverWait

from tests.harness import browser, opening
from tests.harness.opening import Seeded

pytestmark = [pytest.mark.servers, pytest.mark.browser]

SCRIPT = (Path(__file__).parent / "assets" / "line_page.js").read_text()
START = """
const done = arguments[arguments.length - 1];
(async () => { %s })().then(() => done(null), (error) => done(String(error)));
"""


class Page:
    """A tab in which the line talks to whoever the test is."""

    def __init__(self, driver: Chrome, url: str) -> None:
        self.driver = driver
        driver.get(f"{url}/static/scheduling/icon.svg")

    def open(self, *, interval: float = 30, epoch: str = "one", position: int = 100) -> None:
        """Start over, and be welcomed."""
        self.driver.refresh()
        assert self.driver.execute_async_script(START % SCRIPT) is None
        self.welcome(interval=interval, epoch=epoch, position=position)

    def welcome(self, *, interval: float = 30, **facts: Any) -> None:
        self.hear(type="welcome", data={"heartbeat_interval": interval, "recovered": None, **facts})

    def hear(self, **frame: Any) -> None:
        """The server says that."""
        self.driver.execute_script("sockets.at(-1).hear(arguments[0])", frame)

    def told(self, what: str) -> list[Any]:
        """What the application was told of durable messages, by their keys; or of the state."""
        told = self.driver.execute_script("return told[arguments[0]]", what)
        return [frame["key"] for frame in told if "key" in frame] if what != "states" else told

    def resumes_from(self) -> dict[str, list[str]]:
        """Lose the line, and see what the next one asks for."""
        count = "return sockets.length"
        before = self.driver.execute_script(count)
        self.driver.execute_script("sockets.at(-1).onclose({ code: 4512 })")
        wait = WebDriverWait(self.driver, 5, poll_frequency=0.02)
        wait.until(lambda driver: driver.execute_script(count) > before)
        return parse_qs(urlsplit(self.driver.execute_script("return sockets.at(-1).url")).query)


@pytest.fixture(scope="module")
def page(seeded_sqlite: Seeded) -> Iterator[Page]:
    with contextlib.ExitStack() as stack:
        site = stack.enter_context(
            contextlib.closing(opening.open_embedded(seeded_sqlite, "uvicorn"))
        )
        yield Page(stack.enter_context(browser.opened()), site.server.http_url)


def message(position: int | None, key: str, **more: Any) -> dict[str, Any]:
    place = {} if position is None else {"id": position}
    return {"type": "emergency_alert", "key": key, "data": {}, **place, **more}


def test_what_lies_at_or_before_the_position_is_not_told_again(page: Page) -> None:
    page.open(position=100)

    for position, key in ((100, "old"), (101, "a"), (103, "b"), (102, "late"), (103, "twice")):
        page.hear(**message(position, key))

    assert page.told("frames") == ["a", "b"]
    assert page.resumes_from() == {"since": ["103"], "epoch": ["one"]}


def test_an_alert_that_came_early_is_told_once_and_has_its_position_later(page: Page) -> None:
    page.open(position=100)

    page.hear(**message(None, "alert", early=True))
    page.hear(**message(101, "before"))
    page.hear(**message(102, "alert"))

    assert page.told("frames") == ["alert", "before"]
    assert page.told("again") == ["alert"]
    assert page.resumes_from()["since"] == ["102"]


def test_what_is_sent_again_is_told_where_it_was_not_yet(page: Page) -> None:
    page.open(position=100)
    page.hear(**message(101, "known"))

    page.hear(**message(101, "known", redelivered=True))
    page.hear(**message(7, "unknown", redelivered=True))

    assert page.told("frames") == ["known", "unknown"]
    assert page.told("again") == ["known"]


def test_what_is_sent_again_moves_no_position(page: Page) -> None:
    page.open(position=100)

    page.hear(**message(105, "again", redelivered=True))
    page.hear(**message(101, "next"))

    assert page.told("frames") == ["again", "next"]
    assert page.resumes_from()["since"] == ["101"]


def test_a_resync_moves_the_position_back_as_well(page: Page) -> None:
    page.open(position=100)

    page.hear(type="resync", data={"reason": "epoch_changed", "epoch": "two", "position": 5})
    page.hear(**message(6, "first"))

    assert page.told("frames") == ["first"]
    assert page.resumes_from() == {"since": ["6"], "epoch": ["two"]}


def test_a_promise_moves_the_position_forward_only(page: Page) -> None:
    page.open(position=100)

    page.hear(type="heartbeat_ack", data={"position": 110})
    page.hear(type="caught_up", data={"position": 90})
    page.hear(type="line", data={"state": "live", "since": None, "position": 108})

    assert page.resumes_from()["since"] == ["110"]


@pytest.mark.slow
@pytest.mark.parametrize("interval", [1.0, 2.0])
def test_a_silent_line_is_given_up_before_the_second_interval_ends(
    page: Page, interval: float
) -> None:
    page.open(interval=interval)
    page.hear(type="heartbeat_ack", data={"position": 100})  # and dies at its healthiest

    wait = WebDriverWait(page.driver, 4 * interval, poll_frequency=0.02)
    wait.until(lambda driver: page.told("states")[-1][0] != "live")

    (_, welcomed), (state, noticed) = page.told("states")[-2:]
    assert state == "reconnecting"
    assert noticed - welcomed < 2 * interval * 1000


def test_a_line_that_answers_is_kept(page: Page) -> None:
    page.open(interval=0.2)
    answer = """
    setInterval(() => {
      const beats = sockets.at(-1).sent.filter((frame) => frame.type === "heartbeat").length;
      sockets.at(-1).hear({ type: "heartbeat_ack", data: { position: 100, beats } });
    }, 100);
    """
    page.driver.execute_script(answer)

    beats = "return sockets.at(-1).sent.filter(({ type }) => type === 'heartbeat').length"
    wait = WebDriverWait(page.driver, 10, poll_frequency=0.05)
    wait.until(lambda driver: driver.execute_script(beats) > 5)

    assert [state for state, _ in page.told("states")] == ["connecting", "live"]


def test_a_server_that_accepts_and_says_nothing_is_given_up(page: Page) -> None:
    page.open()
    fast = "const real = setTimeout; window.setTimeout = (call, ms) => real(call, ms / 50);"
    page.driver.execute_script(fast)

    page.resumes_from()
    wait = WebDriverWait(page.driver, 5, poll_frequency=0.02)
    wait.until(lambda driver: driver.execute_script("return sockets.length") > 2)

    assert "live" not in [state for state, _ in page.told("states")[2:]]
