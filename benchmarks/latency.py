"""From the commit to the frame in a client: in one process, across two, and without Redis."""

import asyncio
import time

from benchmarks.site import alone, save, summary, together
from tests.harness.app_server import AppServer
from tests.harness.listener import Frame, Listener
from tests.harness.site import Site

SAVES = 200
PAUSE = 0.02
"""Seconds between two saves, so that the machine is idle in between."""


def run() -> None:
    """Print the four figures."""
    with alone() as site:
        _report("one process, SQLite", site, site.servers[0], site.servers[0])
    with together() as site:
        one, two = site.servers
        _report("one process, PostgreSQL", site, one, one)
        _report("two processes, PostgreSQL and Redis", site, one, two)
        assert site.redis is not None
        site.redis.stop()  # type: ignore[union-attr]  # a benchmark's Redis is its own
        _report("two processes, PostgreSQL, Redis stopped", site, one, two)


def _report(name: str, site: Site, writer: AppServer, reader: AppServer) -> None:
    took = asyncio.run(_measure(site, writer, reader))
    print(f"latency  {name:42} {summary(took)}  ({len(took)} saves)")


async def _measure(site: Site, writer: AppServer, reader: AppServer) -> list[float]:
    async with site.listen("nurse", server=reader) as ear:
        await ear.next("welcome")
        await asyncio.to_thread(save, writer)
        await _arrival(ear)
        took = []
        for _ in range(SAVES):
            arrival = asyncio.create_task(_arrival(ear))
            [(committed_at, _)] = await asyncio.to_thread(save, writer)
            took.append(await arrival - committed_at)
            await asyncio.sleep(PAUSE)
    return took


async def _arrival(ear: Listener) -> float:
    frame: Frame = await ear.next("schedule_update", timeout=10)
    assert frame["data"]["action"] == "update"
    return time.time()
