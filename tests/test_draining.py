"""The end of a real server, told to end by a signal: its clients are told, and it ends in time."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import psutil
import pytest

from tests.conftest import OpenClustered
from tests.harness import opening
from tests.harness.app_server import AppServer, Kind
from tests.harness.child import wait_for
from tests.harness.listener import Listener
from tests.harness.mute import Mute
from tests.harness.opening import Seeded
from tests.harness.postgres_server import PostgresServer
from tests.harness.site import Site

pytestmark = [pytest.mark.servers, pytest.mark.slow]

SERVERS: dict[str, tuple[Kind, tuple[str, ...]]] = {
    "daphne": ("daphne", ()),
    "uvicorn": ("uvicorn", ()),
    "asyncio": ("uvicorn", ("--loop", "asyncio")),
    "websockets": ("uvicorn", ("--ws", "websockets")),
    "websockets-sansio": ("uvicorn", ("--ws", "websockets-sansio")),
    "wsproto": ("uvicorn", ("--ws", "wsproto")),
    "without lifespan": ("uvicorn", ("--lifespan", "off")),
    "two workers": ("uvicorn", ("--workers", "2")),
    "gunicorn": ("gunicorn", ()),
}

WALL = """
from scheduler_realtime import publish
from scheduler_realtime.messages import SystemNotification
for number in range(60):
    data = {"title": f"wall {number}", "message": "-", "filling": "x" * 100_000}
    publish(SystemNotification.checked(data))
"""
"""More than the kernel's buffers and a mailbox take."""

IN_TIME = 8.0
"""Seconds to the end of a process with clients that do not answer: below what supervisors give."""


def exit_code(server: AppServer, number: signal.Signals) -> int:
    """What each server ends with: uvicorn alone dies of the SIGTERM that it has dealt with."""
    is_uvicorn = server.kind == "uvicorn" and "--workers" not in server.options
    return -signal.SIGTERM if is_uvicorn and number == signal.SIGTERM else 0


def opened(name: str, seeded: Seeded) -> "contextlib.closing[Site]":
    kind, options = SERVERS[name]
    site = opening.open_embedded(seeded, kind, options=options)
    if site.server.kind == "gunicorn" or "--workers" in options:
        site.server.wait_until_says("startup complete", times=2)
    return contextlib.closing(site)


@dataclass(frozen=True, kw_only=True)
class End:
    """How a server ended that had clients of every kind, and what these got to know of it."""

    server: AppServer
    exit_code: int
    took: float
    polite: int
    stranger: int
    mute: int


@pytest.fixture(scope="module", params=SERVERS)
def end(request: pytest.FixtureRequest, seeded_sqlite: Seeded) -> Iterator[End]:
    with opened(request.param, seeded_sqlite) as site:
        yield asyncio.run(ended(site))


async def ended(site: Site) -> End:
    async with (
        site.listen("nurse") as polite,
        site.listen("viewer") as stuck,
        Listener.open(site.server) as stranger,
        Mute.open(site.server, site.token("surgeon")) as mute,
    ):
        await polite.next("welcome")
        await stuck.next("welcome")
        stuck.stop_reading()
        silence = asyncio.create_task(mute.closed())
        await asyncio.to_thread(site.shell, WALL)
        await polite.next(where=lambda frame: frame["data"].get("title") == "wall 59", timeout=15)

        began = time.monotonic()
        code = await asyncio.to_thread(site.server.stop)
        took = time.monotonic() - began
        return End(
            server=site.server,
            exit_code=code,
            took=took,
            polite=await polite.closed(),
            stranger=await stranger.closed(),
            mute=await silence,
        )


def test_clients_are_told_to_go_elsewhere(end: End) -> None:
    assert (end.polite, end.stranger) == (4512, 4512)


def test_so_is_a_client_that_will_not_answer(end: End) -> None:
    assert end.mute == 4512


def test_a_server_ends_in_time_whatever_its_clients_do(end: End) -> None:
    assert end.took < IN_TIME


def test_a_server_ends_as_it_does_without_us(end: End) -> None:
    assert end.exit_code == exit_code(end.server, signal.SIGTERM)
    assert "Traceback" not in end.server.log_text()
    assert "was destroyed" not in end.server.log_text()


@pytest.mark.parametrize("name", ["daphne", "uvicorn", "asyncio", "two workers", "gunicorn"])
async def test_ctrl_c_drains_as_well(name: str, seeded_sqlite: Seeded) -> None:
    with await asyncio.to_thread(opened, name, seeded_sqlite) as site:
        async with site.listen("nurse") as ear:
            await ear.next("welcome")

            os.killpg(site.server.pid, signal.SIGINT)  # a terminal tells the workers as well
            code = await asyncio.to_thread(site.server.wait, IN_TIME)

            assert await ear.closed() == 4512
        assert code == exit_code(site.server, signal.SIGINT)
        assert "Traceback" not in site.server.log_text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_who_asks_twice_waits_for_no_client(
    seeded_sqlite: Seeded, number: signal.Signals
) -> None:
    with await asyncio.to_thread(opened, "uvicorn", seeded_sqlite) as site:
        async with site.listen("nurse") as stuck, site.listen("viewer") as other:
            await stuck.next("welcome")
            stuck.stop_reading()
            await asyncio.to_thread(site.shell, WALL)
            await other.next(where=lambda frame: frame["data"].get("title") == "wall 59")

            os.kill(site.server.pid, number)
            assert await other.closed() == 4512
            os.kill(site.server.pid, number)
            code = await asyncio.to_thread(site.server.wait, IN_TIME)

        assert code == exit_code(site.server, number)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("moment", ["Started server process", "Application startup complete"])
def test_a_server_that_is_told_to_end_while_it_starts_ends(
    seeded_sqlite: Seeded, moment: str, number: signal.Signals
) -> None:
    with opened("uvicorn", seeded_sqlite) as site:
        site.server.stop()
        before = len(site.server.log_text())
        site.server.launch()
        wait_for(lambda: moment in site.server.log_text()[before:], within=30, what=f"{moment!r}")

        os.kill(site.server.pid, number)

        assert site.server.wait(IN_TIME) == exit_code(site.server, number)
        assert "Traceback" not in site.server.log_text()


async def test_a_server_whose_database_does_not_answer_ends_in_time(
    clustered: OpenClustered,
) -> None:
    site = await asyncio.to_thread(lambda: clustered("daphne", "uvicorn", own_postgres=True))
    assert isinstance(site.postgres, PostgresServer)
    async with contextlib.AsyncExitStack() as stack:
        known = [
            await stack.enter_async_context(site.listen("nurse", server=server))
            for server in site.servers
        ]
        for ear in known:
            await ear.next("welcome")
        site.postgres.freeze()
        for server in site.servers:  # somebody whose name the books thread looks up, for ever
            await stack.enter_async_context(knocking(site, server))

        began = time.monotonic()
        await asyncio.gather(*(asyncio.to_thread(server.stop) for server in site.servers))
        took = time.monotonic() - began

        assert [await ear.closed() for ear in known] == [4512, 4512]
    site.postgres.thaw()
    assert took < 10


def looks_up(server: AppServer) -> bool:
    """Whether the handshake has reached the server: nothing of it waits in the kernel."""
    found = psutil.Process(server.pid).net_connections("tcp")
    return sum(c.laddr.port == server.port and c.status == "ESTABLISHED" for c in found) > 1


@contextlib.asynccontextmanager
async def knocking(site: Site, server: AppServer) -> AsyncIterator[None]:
    """Be at the door of a server that will not answer, while the block runs."""

    async def knock() -> None:
        with contextlib.suppress(Exception):  # it ends as the server ends it
            async with Mute.open(server, site.token("viewer")):
                pass

    task = asyncio.create_task(knock())
    await asyncio.to_thread(wait_for, lambda: looks_up(server), within=10, what="a lookup")
    yield
    await task


@pytest.mark.parametrize("kind", ["daphne", "uvicorn"])
async def test_a_client_that_polls_keeps_no_server_from_ending(
    kind: Kind, seeded_sqlite: Seeded
) -> None:
    with contextlib.closing(opening.open_embedded(seeded_sqlite, kind)) as site:
        path = "/api/ws/messages"
        head = (await asyncio.to_thread(site.request, "GET", path, who="nurse")).body["head"]
        path = f"{path}?after={head}&wait=25"
        polling = asyncio.create_task(
            asyncio.to_thread(site.request, "GET", path, who="nurse", timeout=30)
        )
        await asyncio.to_thread(wait_for, lambda: is_asked(site.server), within=5, what="a poll")
        begun = time.monotonic()
        await asyncio.to_thread(site.server.stop)
        took = time.monotonic() - begun
        await asyncio.gather(polling, return_exceptions=True)

    assert took < IN_TIME


def is_asked(server: AppServer) -> bool:
    """Whether somebody is connected."""
    lines = psutil.Process(server.pid).net_connections("tcp4")
    return any(
        line.status == psutil.CONN_ESTABLISHED and line.laddr.port == server.port for line in lines
    )
