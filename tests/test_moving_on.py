"""Clients of a server that drains go on at another one, and miss nothing on the way."""

import asyncio
import contextlib
from typing import Any

import pytest

from tests.conftest import OpenClustered
from tests.harness.app_server import AppServer
from tests.harness.listener import Frame, Listener
from tests.harness.site import Site

pytestmark = pytest.mark.slow

SAVE = """
surgery = Surgery.objects.order_by("pk").first()
surgery.notes = "{notes}"
surgery.save()
"""

PROMISES = ("heartbeat_ack", "caught_up", "line", "resync")


class Wanderer:
    """A client that goes from server to server with its position, as the protocol asks of it."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._stay = contextlib.AsyncExitStack()
        self._ear: Listener | None = None
        self._epoch = ""
        self._position = 0
        self._frames: list[Frame] = []

    async def go_to(self, server: AppServer) -> Frame:
        """Open a socket there, resuming; its `welcome`."""
        params: dict[str, Any] = {}
        if self._epoch:
            params = {"since": self._position, "epoch": self._epoch}
        self._ear = await self._stay.enter_async_context(
            self._site.listen("nurse", server=server, params=params)
        )
        welcome = await self._ear.next("welcome")
        if not self._epoch:
            self._epoch, self._position = welcome["data"]["epoch"], welcome["data"]["position"]
        return welcome

    async def sent_away(self) -> int:
        """Wait until the server closes the socket; the code it closes with."""
        assert self._ear is not None
        code = await self._ear.closed(timeout=10)
        self._take_in(self._ear)
        return code

    async def hears(self, notes: str) -> None:
        """Wait for that change."""
        assert self._ear is not None
        await self._ear.next("schedule_update", where=lambda frame: _notes(frame) == notes)

    async def close(self) -> list[Frame]:
        """Go home. All that came, each once, in the order it came."""
        assert self._ear is not None
        self._take_in(self._ear)
        await self._stay.aclose()
        return self._frames

    def _take_in(self, ear: Listener) -> None:
        for frame in ear.frames:
            if frame["type"] in PROMISES:
                self._position = max(self._position, frame["data"]["position"])
            if frame.get("id", 0) > self._position:
                self._position = frame["id"]
                self._frames.append(frame)


def _notes(frame: Frame) -> Any:
    return frame["data"].get("changes", {}).get("notes")


class Writer:
    """Saves a surgery again and again, from a process of its own, until it is stopped."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._is_stopped = False
        self._saving = asyncio.create_task(self._save())

    async def _save(self) -> list[str]:
        saved: list[str] = []
        while not self._is_stopped:
            notes = f"save {len(saved)}"
            await asyncio.to_thread(self._site.shell, SAVE.format(notes=notes))
            saved.append(notes)
        return saved

    async def stop(self) -> list[str]:
        """What was saved, in order."""
        self._is_stopped = True
        return await self._saving


@pytest.mark.parametrize("first", ["daphne", "uvicorn"])
async def test_a_client_sent_away_has_elsewhere_what_was_saved_in_between(
    clustered_site: Site, first: Any
) -> None:
    site = clustered_site
    here = site.named(first)
    there = next(server for server in site.servers if server is not here)
    nurse = Wanderer(site)
    await nurse.go_to(here)
    await asyncio.to_thread(site.shell, SAVE.format(notes="before"))
    await nurse.hears("before")

    await asyncio.to_thread(here.stop)
    code = await nurse.sent_away()
    for notes in ("one", "two", "three"):
        await asyncio.to_thread(site.shell, SAVE.format(notes=notes))
    welcome = await nurse.go_to(there)
    await nurse.hears("three")
    heard = await nurse.close()

    assert code == 4512
    assert welcome["data"]["recovered"] is True
    assert [_notes(frame) for frame in heard] == ["before", "one", "two", "three"]


async def test_a_rolling_restart_under_a_stream_of_saves_loses_nothing(
    clustered: OpenClustered,
) -> None:
    site = clustered("uvicorn", "uvicorn")
    one, other = site.servers
    nurse = Wanderer(site)
    await nurse.go_to(one)

    writer = Writer(site)
    await nurse.hears("save 5")
    codes = []
    for here, there in ((one, other), (other, one)):
        restart = asyncio.create_task(asyncio.to_thread(here.restart))
        codes.append(await nurse.sent_away())
        await nurse.go_to(there)
        await restart
    saved = await writer.stop()
    await nurse.hears(saved[-1])
    heard = await nurse.close()

    assert codes == [4512, 4512]
    assert [_notes(frame) for frame in heard] == saved
