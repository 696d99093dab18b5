"""Clients that read slowly or never, on each server that we know."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psutil
import pytest

from tests.harness import opening
from tests.harness.app_server import KINDS, AppServer
from tests.harness.listener import Frame, Listener
from tests.harness.opening import Seeded
from tests.harness.site import Site

pytestmark = [pytest.mark.servers, pytest.mark.slow]

SEND_TIMEOUT = 1.0
LARGE = 100_000

SEND = """
from scheduler_realtime import publish
from scheduler_realtime.messages import SystemNotification
for number in range({first}, {first} + {count}):
    data = {{"title": f"{name} {{number}}", "message": "-", "filling": "x" * {size}}}
    publish(SystemNotification.checked(data))
"""


@pytest.fixture(scope="module", params=KINDS)
def _shared_site(request: pytest.FixtureRequest, seeded_sqlite: Seeded) -> Iterator[Site]:
    env = {"WEBSOCKET_SEND_TIMEOUT": str(SEND_TIMEOUT)}
    with contextlib.closing(opening.open_embedded(seeded_sqlite, request.param, env=env)) as site:
        yield site


@pytest.fixture
def site(_shared_site: Site) -> Iterator[Site]:
    """A server that cuts off who does not read for a second."""
    before = len(_shared_site.server.log_text())
    yield _shared_site
    assert "Traceback" not in _shared_site.server.log_text()[before:]


async def send(site: Site, name: str, count: int, *, size: int, first: int = 0) -> None:
    await asyncio.to_thread(site.shell, SEND.format(name=name, count=count, size=size, first=first))


def titled(title: str) -> Callable[[Frame], bool]:
    return lambda frame: frame["data"].get("title") == title


def titles(ear: Listener, name: str) -> list[str]:
    """Of the messages of that name that came, in order."""
    found = [str(frame["data"].get("title")) for frame in ear.frames]
    return [title for title in found if title.startswith(f"{name} ")]


async def connections_of(server: AppServer) -> int:
    """The sockets the server's process still has open to clients."""
    found = await asyncio.to_thread(psutil.Process(server.pid).net_connections, "tcp")
    return sum(c.laddr.port == server.port and c.status == "ESTABLISHED" for c in found)


@dataclass(frozen=True, kw_only=True)
class Flood:
    """What came of 40 megabytes that three clients read and another did not."""

    heard: list[list[str]]
    longest_wait: float
    cut_off_after: float
    close_code: int
    growth: int


@pytest.fixture(scope="module")
def flood(_shared_site: Site) -> Flood:
    return asyncio.run(flooded(_shared_site))


async def flooded(site: Site) -> Flood:
    process = psutil.Process(site.server.pid)
    waits: list[float] = []
    async with contextlib.AsyncExitStack() as stack:
        stuck, *others = [
            await stack.enter_async_context(site.listen(who))
            for who in ("nurse", "viewer", "surgeon", "admin")
        ]
        await send(site, "warm", 60, size=LARGE)  # the memory of recent rows is full by now
        for ear in (stuck, *others):
            await ear.next(where=titled("warm 59"), timeout=10)
        sizes = [process.memory_info().rss]
        stuck.stop_reading()
        cutting = asyncio.create_task(cut_off(site.server, leaving=len(others)))
        for first in range(0, 400, 50):
            await send(site, "flood", 50, size=LARGE, first=first)
            sent = time.monotonic()
            for ear in others:
                await ear.next(where=titled(f"flood {first + 49}"))
            waits.append(time.monotonic() - sent)
            sizes.append(process.memory_info().rss)
        took = await cutting
        stuck.read_on()
        code = await stuck.closed()
    return Flood(
        heard=[titles(ear, "flood") for ear in others],
        longest_wait=max(waits),
        cut_off_after=took,
        close_code=code,
        growth=max(sizes) - sizes[0],
    )


async def cut_off(server: AppServer, *, leaving: int) -> float:
    """Wait until the server has no more connections than that, and say how long it took."""
    began = time.monotonic()
    async with asyncio.timeout(20):
        while await connections_of(server) > leaving:  # noqa: ASYNC110 - of another process
            await asyncio.sleep(0.1)
    return time.monotonic() - began


def test_a_client_that_never_reads_is_cut_off(flood: Flood) -> None:
    filling = 3.0  # seconds until the kernel's buffers take no more

    assert flood.cut_off_after < SEND_TIMEOUT + 2 + filling
    assert flood.close_code in (4412, 1006)


def test_a_client_that_never_reads_holds_up_nobody(flood: Flood) -> None:
    assert flood.longest_wait < 1
    assert flood.heard == [[f"flood {number}" for number in range(400)]] * 3


def test_memory_stays_bounded_while_a_hundred_megabytes_pass(flood: Flood) -> None:
    # What is kept for slow readers comes and goes with the load of the machine; a buffer without
    # bounds would hold all of it.
    assert flood.growth < 50 * 2**20


async def test_a_clients_answers_are_written_while_another_does_not_read(site: Site) -> None:
    async with site.listen("nurse") as stuck, site.listen("viewer") as other:
        await stuck.next("welcome")
        stuck.stop_reading()
        await send(site, "wall", 60, size=LARGE)
        await other.next(where=titled("wall 59"))

        asked = time.monotonic()
        await other.ask("heartbeat")

    assert time.monotonic() - asked < 0.5


async def test_a_slow_client_that_reads_on_has_everything_in_order_without_a_gap(
    site: Site,
) -> None:
    async with site.listen("nurse") as slow:
        await slow.next("welcome")
        for first in range(0, 120, 40):
            slow.stop_reading()
            await send(site, "slow", 40, size=LARGE, first=first)
            slow.read_on()
        await slow.next(where=titled("slow 119"), timeout=10)

    positions = [frame["id"] for frame in slow.frames if "id" in frame]
    assert titles(slow, "slow") == [f"slow {number}" for number in range(120)]
    assert positions == sorted(set(positions))
