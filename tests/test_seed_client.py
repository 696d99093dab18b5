"""The seed's own JavaScript client, as it stands there, in a browser and against real servers."""

import asyncio
import contextlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome

from tests.harness import browser, opening
from tests.harness.app_server import KINDS
from tests.harness.child import wait_for
from tests.harness.opening import Seeded
from tests.harness.ports import free_port
from tests.harness.site import Site

pytestmark = [pytest.mark.servers, pytest.mark.browser]

ASSETS = Path(__file__).parent / "assets"
SEEDS_OWN_PLACE = "ws://localhost:8000/"

SEND: dict[str, str] = {
    "handleScheduleUpdate": """broadcast_schedule_update(
        action="update", surgery_id=1, room_id=2, schedule_date="2026-01-15",
        changes={"status": "delayed"}, affected_surgeries=[3])""",
    "handleOptimizationProgress": """broadcast_optimization_progress(
        optimization_id="run", progress_percentage=12.5, current_iteration=1,
        total_iterations=8, status="running")""",
    "handleConflictNotification": """broadcast_conflict_notification(
        conflict_id="c", conflict_type="room", severity="error", description="two at once",
        affected_surgeries=[1, 2], suggested_actions=["move one"])""",
    "handleEmergencyAlert": """broadcast_emergency_alert(
        emergency_id="e", emergency_type="trauma", priority="immediate",
        description="polytrauma", surgery_id=1, patient_name="Rosa", surgery_type="Laparotomy")""",
    "handleSystemNotification": """send_system_notification(
        title="Maintenance", message="at noon", action_items=[{"label": "More", "url": "/more"}])""",
}
"""The verbs of the package, each by the method it reaches in the client."""

EXPECTED: dict[str, dict[str, Any]] = {
    "handleScheduleUpdate": {"surgery_id": 1, "changes": {"status": "delayed"}},
    "handleOptimizationProgress": {"optimization_id": "run", "progress_percentage": 12.5},
    "handleConflictNotification": {"conflict_id": "c", "affected_surgeries": [1, 2]},
    "handleEmergencyAlert": {"priority": "immediate", "patient_name": "Rosa"},
    "handleSystemNotification": {"title": "Maintenance", "message": "at noon"},
}


@contextlib.contextmanager
def page_server(port: int, files: dict[str, str]) -> Iterator[None]:
    """A host's own web server, at another origin than the socket's."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = files.get(self.path.partition("?")[0], "").encode()
            kind = "text/javascript" if ".js" in self.path else "text/html"
            self.send_response(200 if body else 404)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None: ...  # noqa: A002

    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Page:
    """A browser tab with the seed's client in it."""

    def __init__(self, driver: Chrome, site: Site, url: str) -> None:
        self.driver = driver
        self.site = site
        self.url = url

    def open(self, token: str) -> None:
        self.driver.get(f"{self.url}?token={token}")

    def is_connected(self) -> bool:
        return bool(self.driver.execute_script("return client.ws.readyState === WebSocket.OPEN"))

    def complaints(self) -> list[str]:
        """What the browser found wrong."""
        found = self.driver.get_log("browser")
        return [entry["message"] for entry in found if entry["level"] == "SEVERE"]

    def handed(self, method: str) -> list[dict[str, Any]]:
        """What the client handed to one of its methods so far."""
        calls = self.driver.execute_script("return window.handed")
        return [call["data"] for call in calls if call["method"] == method]

    async def gets(self, method: str, **facts: Any) -> dict[str, Any]:
        """Wait until the client has handed data with these facts to a method."""

        def found() -> list[dict[str, Any]]:
            return [data for data in self.handed(method) if facts.items() <= data.items()]

        what = f"{method} with {facts}"
        await asyncio.to_thread(wait_for, lambda: bool(found()), within=5, what=what)
        return found()[0]


@pytest.fixture(scope="module", params=KINDS)
def page(request: pytest.FixtureRequest, seeded_sqlite: Seeded) -> Iterator[Page]:
    """The client, unchanged but for host and port, on a page of a site that may open sockets."""
    port = free_port()
    origin = f"http://127.0.0.1:{port}"
    env = {"CSRF_TRUSTED_ORIGINS": origin}
    with contextlib.ExitStack() as stack:
        driver = stack.enter_context(browser.opened())
        site = opening.open_embedded(seeded_sqlite, request.param, env=env)
        stack.callback(site.close)
        stack.enter_context(page_server(port, files_for(site)))
        yield Page(driver, site, f"{origin}/board")


def files_for(site: Site) -> dict[str, str]:
    client = (ASSETS / "seed_client.js").read_text()
    assert client.count(SEEDS_OWN_PLACE) == 1
    here = client.replace(SEEDS_OWN_PLACE, f"ws://127.0.0.1:{site.server.port}/")
    return {"/board": (ASSETS / "seed_page.html").read_text(), "/seed_client.js": here}


async def test_the_seeds_client_hears_each_of_its_six_messages(page: Page) -> None:
    site = page.site
    await asyncio.to_thread(page.open, site.token("nurse"))
    await asyncio.to_thread(wait_for, page.is_connected, within=5, what="the client connects")

    for verb in SEND.values():
        await asyncio.to_thread(site.shell, f"from scheduler_realtime import *\n{verb}")
    async with site.listen("surgeon"):
        for method, facts in EXPECTED.items():
            await page.gets(method, **facts)
        await page.gets("handleUserPresence", action="join", username="surgeon")

    assert page.complaints() == []
    assert "Traceback" not in site.server.log_text()


async def test_the_seeds_heartbeat_tells_the_others_where_its_user_is(page: Page) -> None:
    async with page.site.listen("viewer") as other:
        await asyncio.to_thread(page.open, page.site.token("nurse"))
        await asyncio.to_thread(wait_for, page.is_connected, within=5, what="the client connects")

        await asyncio.to_thread(page.driver.execute_script, "client.sendHeartbeat()")
        told = await other.next(
            "user_presence", where=lambda frame: frame["data"]["action"] == "update"
        )

    assert told["data"]["current_page"] == "/board"
    assert told["data"]["active_schedule_date"] == "2026-01-15"


async def test_the_seeds_client_is_told_of_a_token_that_is_no_good(page: Page) -> None:
    await asyncio.to_thread(page.open, "garbage")

    def is_closed() -> bool:
        return bool(page.driver.execute_script("return window.ends.length"))

    await asyncio.to_thread(wait_for, is_closed, within=5, what="the client is closed")
    assert page.driver.execute_script("return window.handed") == []
