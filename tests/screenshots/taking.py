"""Each page of the admin as a picture: a server of its own, with something in it to see."""

import asyncio
import contextlib
from pathlib import Path

from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select

from tests.harness import browser as browsers
from tests.harness import opening
from tests.harness.site import Site
from tests.screenshots import boards
from tests.test_admin.visits import click, enter
from tests.test_board import wait

HEARERS = ("nurse", "nurse", "surgeon", "scheduler", "viewer")
KINDS = ("message", "connection", "node", "conflict", "optimizationrun")
LOOKS = ("light", "dark")
WIDE, NARROW = (1280, 900), (500, 900)

THINGS = """
import json, math, uuid
from scheduler_realtime import (
    broadcast_conflict_notification, broadcast_emergency_alert, broadcast_optimization_progress,
    send_system_notification,
)
send_system_notification(
    title="Room 3 closes", message="At noon, for cleaning.", ack_required=True, roles=["nurse"],
    action_items=[{"label": "Show the day", "url": "/"}],
)
broadcast_emergency_alert(
    emergency_id="e-1", emergency_type="trauma", priority="immediate",
    description="Trauma, two minutes out: room 1 is to be cleared.",
)
broadcast_conflict_notification(
    conflict_id="c-1", conflict_type="room_overlap", severity="critical",
    description="Two surgeries in room 3 at 10:30", affected_surgeries=[3, 4],
    suggested_actions=["Move one to room 5"],
)
broadcast_optimization_progress(
    optimization_id="day-plan-7", progress_percentage=40, status="running", current_iteration=200,
    total_iterations=500,
)
for n in range(1, 170):
    many = round(4 + 2 * math.sin(n / 9))
    Sample.objects.create(
        node_id=uuid.UUID(int=1), taken_at=timezone.now() - timedelta(seconds=5 * n),
        body=json.dumps({
            "seconds": 5, "connections": many, "users": many - 1, "published": n % 7,
            "delivered": many * (n % 7), "latency": {"4": 5, "5": 3, "7": 1},
            "relay_lag_seconds": 0.01, "hub_lag_seconds": 0.02,
            "by_role": {"nurse": many // 2, "surgeon": 1},
        }),
    )
from tests.harness import pristine
pristine.settle()
"""

IS_LIVE = "return document.getElementById('state').dataset.state === 'live'"
"""Whether the dashboard says so."""


class Album:
    """Where the pictures go, and the browser that they are taken in."""

    def __init__(self, folder: Path, browser: Chrome, site: Site) -> None:
        self._folder, self._browser = folder, browser
        self._root = f"{site.server.http_url}/admin/scheduler_realtime/"
        self.look = LOOKS[0]

    def turn(self, look: str) -> None:
        """Have pages that follow the system's colours be light, or dark."""
        self.look = look
        wish = {"features": [{"name": "prefers-color-scheme", "value": look}]}
        self._browser.execute_cdp_cmd("Emulation.setEmulatedMedia", wish)

    def open(self, path: str) -> None:
        self._browser.get(self._root + path)

    def take(self, name: str, *, size: tuple[int, int] = WIDE) -> None:
        self._browser.set_window_size(*size)
        path = self._folder / f"{name}-{self.look}.png"
        assert self._browser.save_screenshot(str(path)), path
        print(path)  # noqa: T201 - a command

    def take_lists(self) -> None:
        """Each list, and the first record in it."""
        for kind in KINDS:
            self.open(f"{kind}/")
            self.take(f"{kind}-list")
            links = self._browser.find_elements(By.CSS_SELECTOR, "#result_list tbody a")
            assert links, f"nothing in the list of {kind}"
            self._browser.get(links[0].get_attribute("href") or "")
            self.take(kind)

    def take_disconnecting(self) -> None:
        self.open("connection/?q=nurse")
        click(self._browser, "[name=_selected_action]")
        Select(self._browser.find_element(By.NAME, "action")).select_by_visible_text("Disconnect")
        self._click(".actions button", shows="[name=confirmed]")
        self.take("disconnect")

    def take_sending(self) -> None:
        """The form, what it says of what is wrong, and the preview."""
        self.open("message/add/")
        self.take("form")
        self.take("form-narrow", size=NARROW)
        self._click("[value=preview]", shows=".errornote")
        self.take("form-errors")
        click(self._browser, "[name=roles][value=nurse]")
        self._browser.find_element(By.NAME, "title").send_keys("Room 3 closes")
        self._browser.find_element(By.NAME, "message").send_keys("At noon, for cleaning.")
        self._click("[value=preview]", shows=".realtime-reach")
        self.take("form-preview")

    def take_dashboard(self) -> None:
        self.open("node/dashboard/")
        wait(self._browser, lambda page: page.execute_script(IS_LIVE))
        self.take("dashboard")
        self.take("dashboard-narrow", size=NARROW)

    def _click(self, what: str, *, shows: str) -> None:
        click(self._browser, what)
        wait(self._browser, lambda page: page.find_elements(By.CSS_SELECTOR, shows))


def take_all(site: Site, folder: Path) -> None:
    """Every page in every look."""
    with browsers.opened() as browser:
        enter(browser, site, "")
        album = Album(folder, browser, site)
        for look in LOOKS:
            album.turn(look)
            album.take_lists()
            album.take_disconnecting()
            album.take_sending()
            album.take_dashboard()


async def run(folder: Path) -> None:
    """Open a site for the admin's, with people at it, and one for the board's pictures."""
    seeded = opening.seed_sqlite()
    with contextlib.closing(opening.open_embedded(seeded, "uvicorn")) as site:
        async with contextlib.AsyncExitStack() as stack:
            for who in HEARERS:
                ear = await stack.enter_async_context(site.listen(who))
                await ear.ask("heartbeat", {"current_page": "/day/"})
            await asyncio.to_thread(site.shell, THINGS)
            await asyncio.to_thread(take_all, site, folder)
    with contextlib.closing(opening.open_embedded(seeded, "uvicorn")) as site:
        await asyncio.to_thread(boards.take_all, site, folder)
