"""The demo's board as a picture: at a desk, on a wall, on a phone, and in its bad hours."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from tests.harness import browser as browsers
from tests.harness.site import Site
from tests.test_board import open_board, wait

LOOKS = ("light", "dark")
SIZES = {"desk": (1440, 1000), "wall": (1920, 1080), "phone": (390, 1300)}
ROLES = ("scheduler", "surgeon", "admin", "viewer")

TROUBLE = """
from scheduler_realtime import (
    broadcast_conflict_notification, broadcast_emergency_alert, send_system_notification,
)
one, other, late = Surgery.objects.filter(status="scheduled")[:3]
late.end_time += timezone.now() - timedelta(minutes=25) - late.start_time
late.start_time = timezone.now() - timedelta(minutes=25)
late.save()
broadcast_conflict_notification(
    conflict_id="c-board", conflict_type="room_overlap", severity="critical",
    description=f"{one.room}: two surgeries at once", affected_surgeries=[one.pk, other.pk],
    suggested_actions=["Begin the second an hour later"],
)
send_system_notification(
    title="OR 3 closes", message="At 18:00, for cleaning.", severity="warning",
    action_items=[{"label": "Show the plan", "url": "/"}],
)
broadcast_emergency_alert(
    emergency_id="e-board", emergency_type="trauma", priority="immediate",
    description="Polytrauma, two minutes out: OR 1 is to be cleared.",
    user_id=User.objects.get(username="scheduler").pk, patient_name="Rosa Lang",
)
"""

SETTLE = """
document.body.offsetWidth;
for (const animation of document.getAnimations()) animation.finish();
"""
"""Nothing is taken half way from one look or place to another."""

HAS_SCORES = "return document.querySelector('polyline.best')?.points.length > 2"


class Boards:
    """Where the pictures go, and the browser they are taken in."""

    def __init__(self, folder: Path, browser: Chrome, site: Site) -> None:
        self._folder, self._browser, self._site = folder, browser, site

    def enter(self, who: str) -> None:
        """Somebody who was not here before logs in."""
        self._browser.get(f"{self._site.server.http_url}/static/scheduling/icon.svg")
        self._browser.execute_script("sessionStorage.clear()")
        open_board(self._browser, self._site, who)

    def take(self, name: str, sizes: tuple[str, ...] = ("desk",)) -> None:
        for size in sizes:
            self._resize(*SIZES[size])
            for look in LOOKS:
                self._turn(look)
                self._browser.execute_script(SETTLE)
                path = self._folder / f"board-{name}-{size}-{look}.png"
                assert self._browser.save_screenshot(str(path)), path
                print(path)  # noqa: T201 - a command

    @contextmanager
    def on_the_wall(self) -> Iterator[None]:
        self._browser.execute_script("document.body.classList.add('wall')")
        yield
        self._browser.execute_script("document.body.classList.remove('wall')")

    def take_calm(self) -> None:
        """Each role at its desk, then the same day elsewhere."""
        for who in ROLES:
            self.enter(who)
            self.take(who)
        self.enter("nurse")
        self.take("nurse", ("desk", "phone"))
        with self.on_the_wall():
            self.take("nurse", ("wall",))

    def take_trouble(self) -> None:
        """A conflict, an emergency and a notification, an optimisation, and a line that is dead."""
        self.enter("scheduler")
        self._site.shell(TROUBLE)
        self._until("#notices .banner")
        self._until("[data-conflict]")
        self.take("trouble", ("desk", "phone"))
        with self.on_the_wall():
            self.take("trouble", ("wall",))
        self._browser.find_element(By.ID, "optimize").click()
        wait(self._browser, lambda page: page.execute_script(HAS_SCORES))
        self.take("optimising")
        self._site.server.kill()
        wait(self._browser, lambda page: page.find_element(By.ID, "stale").is_displayed())
        self.take("stale", ("desk", "phone"))
        with self.on_the_wall():
            self.take("stale", ("wall",))

    def _until(self, what: str) -> None:
        wait(self._browser, lambda page: page.find_elements(By.CSS_SELECTOR, what))

    def _resize(self, width: int, height: int) -> None:
        screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)

    def _turn(self, look: str) -> None:
        wish = {"features": [{"name": "prefers-color-scheme", "value": look}]}
        self._browser.execute_cdp_cmd("Emulation.setEmulatedMedia", wish)


def take_all(site: Site, folder: Path) -> None:
    """Every board; the server is dead afterwards."""
    with browsers.opened() as browser:
        boards = Boards(folder, browser, site)
        boards.take_calm()
        boards.take_trouble()
