"""The client in a real Chromium, against a real server and a network that fails between them."""

import asyncio
import base64
import contextlib
import json
import re
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
from selenium.webdriver import Chrome

from tests.faults.proxy import Route
from tests.harness import browser, opening
from tests.harness.child import REPOSITORY, wait_for
from tests.harness.opening import Seeded
from tests.harness.site import Site

pytestmark = [pytest.mark.servers, pytest.mark.browser]

SCRIPT = (Path(__file__).parent / "assets" / "client_page.js").read_text()
START = """
window.given = arguments[0];
const script = document.createElement("script");
script.type = "module";
script.textContent = arguments[1];
document.body.append(script);
"""
SEEDS_PAGE = """
window.seeds = new (class extends SurgerySchedulerWebSocket {
  told = [];
  handleSystemNotification(data) { this.told.push(data.title); }
  handleUserPresence() {}
  getCurrentScheduleDate() { return "2026-01-15"; }
  reconnect() {}
})(arguments[0]);
seeds.connect();
"""
(EXAMPLE,) = re.findall(
    r"^```js\n(.*?)^```", (REPOSITORY / "README.md").read_text(), re.DOTALL | re.MULTILINE
)
INTERVAL = 400  # milliseconds; a line is dead after two


class Page:
    """A tab with the client in it, behind a network that the test can break."""

    def __init__(self, driver: Chrome, site: Site, route: Route) -> None:
        self.driver = driver
        self.site = site
        self.route = route

    async def open(self, *, tokens: dict[str, str] | None = None, policy: str = "") -> None:
        given = {"interval": INTERVAL, "policy": policy, "tokens": tokens}
        await self.do(self.driver.get, f"http://127.0.0.1:{self.route.port}/admin/login/")
        await self.do(self.driver.execute_script, "sessionStorage.clear()")
        await self.do(self.driver.execute_script, START, given, SCRIPT)
        await self.until("client.state === 'live'")

    async def as_nurse(self, **more: Any) -> None:
        await self.open(tokens={"connect": self.site.token("nurse")}, **more)

    async def do(self, call: Callable[..., Any], *given: Any) -> Any:
        return await asyncio.to_thread(call, *given)

    async def see(self, expression: str) -> Any:
        return await self.do(self.driver.execute_script, f"return {expression}")

    async def until(
        self, expression: str, *, within: float = 15, needs: str = "window.client"
    ) -> None:
        script = f"return Boolean({needs}) && Boolean({expression})"
        await self.do(
            lambda: wait_for(
                lambda: bool(self.driver.execute_script(script)), within=within, what=expression
            )
        )

    async def tell(self, title: str) -> None:
        """A durable message, committed whether the server runs or not."""
        code = f"from scheduler_realtime import *\nsend_system_notification(title={title!r}, message='-')"
        await self.do(self.site.shell, code)

    def renderers(self) -> list[psutil.Process]:
        assert self.driver.service.process is not None
        family = psutil.Process(self.driver.service.process.pid).children(recursive=True)
        return [each for each in family if "--type=renderer" in each.cmdline()]


def expiry_of(token: str) -> int:
    """When it ends, in milliseconds."""
    claims = token.split(".")[1]
    return int(json.loads(base64.urlsafe_b64decode(claims + "=="))["exp"]) * 1000


@pytest.fixture(scope="module")
def parts(seeded_sqlite: Seeded) -> Iterator[tuple[Chrome, Site]]:
    env = {"WEBSOCKET_REPLAYS_PER_MINUTE": "1000"}
    with contextlib.ExitStack() as stack:
        site = opening.open_embedded(seeded_sqlite, "uvicorn", env=env)
        stack.callback(site.close)
        yield stack.enter_context(browser.opened()), site


@pytest.fixture
async def page(parts: tuple[Chrome, Site]) -> AsyncIterator[Page]:
    driver, site = parts
    site.ensure_running()
    driver.get_log("browser")
    route = Route(site.server.port)
    await route.open()
    page = Page(driver, site, route)
    yield page
    await page.do(driver.get, "about:blank")
    await route.close()


async def test_what_was_told_while_the_server_was_dead_comes_once_and_it_said_it_was_stale(
    page: Page,
) -> None:
    await page.as_nurse()
    await page.tell("before")
    await page.until("seen.titles.includes('before')")

    page.site.server.kill()
    await page.until("client.state === 'stale'")
    assert "Stale since" in await page.see("statusText()")
    for number in range(3):
        await page.tell(f"missed {number}")
    await page.do(page.site.server.start)
    await page.until("client.state === 'live' && seen.titles.length === 4", within=40)

    assert await page.see("seen.titles") == ["before", "missed 0", "missed 1", "missed 2"]
    assert await page.see("seen.reasons") == ["opened"]
    assert await page.see("seen.reported") == []


async def test_a_network_that_swallows_everything_is_noticed_and_survived(page: Page) -> None:
    await page.as_nurse()

    page.route.freeze()
    await page.until("client.state === 'stale'", within=2)
    await page.tell("swallowed")
    page.route.cut()
    page.route.heal()
    await page.until("client.state === 'live' && seen.titles.length === 1")

    assert await page.see("seen.titles") == ["swallowed"]
    assert await page.see("seen.reasons") == ["opened"]


async def test_a_tab_that_slept_says_so_before_it_is_live_again(page: Page) -> None:
    await page.as_nurse()
    renderers = page.renderers()

    for each in renderers:
        each.send_signal(signal.SIGSTOP)
    try:
        for line in page.route.lines:  # nobody tells the sleeper that its line is dead
            line.is_swallowing = True
        await page.tell("while asleep")
        await asyncio.sleep(5 * INTERVAL / 1000)  # sleeping is what is tested
    finally:
        for each in renderers:
            each.send_signal(signal.SIGCONT)
    await page.until("client.state === 'live' && seen.titles.length === 1")

    assert await page.see("seen.states") == ["catching-up", "live", "stale", "catching-up", "live"]


async def test_a_token_that_ended_is_replaced_and_nothing_is_missed(page: Page) -> None:
    short, long = (page.site.token("nurse", lifetime=timedelta(seconds=s)) for s in (3, 600))

    await page.open(tokens={"connect": short, "expiring": short, "rejected": long})
    await page.until("seen.asked.includes('rejected')")
    await page.tell("after the end")
    await page.until("client.state === 'live' && seen.titles.length === 1")

    asked = await page.see("seen.asked")
    assert asked[0] == "connect"
    assert asked[-1] == "rejected"
    assert await page.see("seen.reasons") == ["opened"]


async def test_a_token_that_is_about_to_end_is_replaced_on_the_open_line(page: Page) -> None:
    short, long = (page.site.token("nurse", lifetime=timedelta(seconds=s)) for s in (3, 600))
    await page.open(tokens={"connect": short, "expiring": long})
    await page.do(page.driver.execute_script, "window.first = client.ws")

    await page.until(f"Date.now() > {expiry_of(short)} + 500")
    await page.tell("after the end")
    await page.until("seen.titles.length === 1")

    assert await page.see("client.ws === first")
    assert await page.see("seen.asked") == ["connect", "expiring"]


async def test_without_websockets_the_log_is_read_until_a_socket_opens(page: Page) -> None:
    page.route.refuses_upgrades = True
    await page.as_nurse()
    assert await page.see("client.transport") == "polling"
    await page.tell("polled")
    await page.until("seen.titles.length === 1")

    page.route.refuses_upgrades = False
    await page.do(page.driver.execute_script, "dispatchEvent(new Event('online'))")
    await page.until("client.transport === 'socket' && client.state === 'live'")
    await page.tell("heard")
    await page.until("seen.titles.length === 2")

    assert await page.see("seen.titles") == ["polled", "heard"]


async def test_the_state_and_who_is_here_show_under_a_strict_policy(page: Page) -> None:
    await page.as_nurse(policy="style-src 'self'")
    await page.until("presence.users.some(({ username }) => username === 'nurse')")
    async with page.site.listen("surgeon"):
        await page.until("presence.users.some(({ username }) => username === 'surgeon')")

    live = await page.see("statusColour()")
    await page.do(page.driver.execute_script, "client.close()")
    said = [entry["message"] for entry in page.driver.get_log("browser")]

    assert "Closed" in await page.see("statusText()")
    assert live not in ("rgba(0, 0, 0, 0)", await page.see("statusColour()"))
    assert [text for text in said if "Content Security Policy" in text] == []


async def test_the_seeds_own_class_works_unchanged_on_the_same_page(page: Page) -> None:
    await page.as_nurse()
    here = f"ws://127.0.0.1:{page.route.port}/"
    seed = (Path(__file__).parent / "assets" / "seed_client.js").read_text()
    script = f"{seed.replace('ws://localhost:8000/', here)}\n{SEEDS_PAGE}"
    await page.do(page.driver.execute_script, script, page.site.token("surgeon"))
    await page.until("seeds.ws.readyState === 1")

    await page.tell("to both")
    await page.until("seen.titles.length === 1 && seeds.told.length === 1")

    assert await page.see("[...seen.titles, ...seeds.told]") == ["to both", "to both"]


async def test_the_readmes_example_is_live_for_whoever_is_logged_in(page: Page) -> None:
    await page.do(page.driver.get, f"http://127.0.0.1:{page.route.port}/admin/login/")
    fields = {"username": "admin", "password": "demo"}
    fill = "for (const [k, v] of Object.entries(arguments[0])) document.getElementsByName(k)[0].value = v;"
    await page.do(page.driver.execute_script, f"{fill} document.forms[0].submit()", fields)
    await page.do(
        lambda: wait_for(
            lambda: "/login/" not in page.driver.current_url, within=5, what="logging in"
        )
    )

    example = EXAMPLE.replace("console.log(data.", "seen(data.")
    script = f"window.seen = (id) => {{ window.told = id; }};\n{START}"
    await page.do(page.driver.execute_script, script, None, example)

    live = "document.querySelector('realtime-status')?.shadowRoot?.textContent.includes('Live')"
    await page.until(live, needs="document.body")
    code = "from scheduler_realtime import *\n"
    code += "broadcast_schedule_update(action='update', surgery_id=7, changes={'status': 'late'})"
    await page.do(page.site.shell, code)
    await page.until("window.told === 7", needs="document.body")
