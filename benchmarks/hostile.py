"""Clients that read nothing, say nothing or never stop: when a server lets go, and what they cost.

All limits and timeouts are the defaults. All the time a message of 50,000 bytes is published 20 times
a second, which three others read, whose heartbeats measure how soon the server answers: first
with nobody else there, then while ten of a kind are at it.
"""

import asyncio
import contextlib
import statistics
import time
from collections.abc import AsyncIterator

import psutil

from benchmarks.site import console, load
from scheduler_realtime.conf import DEFAULTS
from tests.harness import lifeline, opening
from tests.harness.app_server import KINDS, MANY, Kind
from tests.harness.hostile import BEHAVIOURS, Behaviour, Eye, behave
from tests.harness.listener import Listener
from tests.harness.site import Site

ATTACKERS = 10
WITHIN = 25.0
"""Seconds after which a client that is still held is said to be."""

READERS = ("admin", "viewer", "scheduler")

PUBLISH = """
import pathlib, time
from scheduler_realtime import publish
from scheduler_realtime.messages import SystemNotification
while not pathlib.Path({flag!r}).exists():
    data = {{"title": "a wall", "message": "-", "filling": "x" * 50_000}}
    publish(SystemNotification.checked(data))
    time.sleep(0.05)
"""


def run() -> None:
    """Print a line for each kind of client, on each server."""
    for kind in KINDS:
        _measure(kind)


def _measure(kind: Kind) -> None:
    defaults = {name: str(getattr(DEFAULTS, name.removeprefix("WEBSOCKET_"))) for name in MANY}
    site = opening.open_embedded(opening.seed_sqlite(), kind, env=defaults)
    with contextlib.closing(site):
        asyncio.run(_all(kind, site))


async def _all(kind: Kind, site: Site) -> None:
    async with _readers(site) as latencies:
        await asyncio.sleep(8)  # the memory of recent rows is full by now
        for behaviour in BEHAVIOURS:
            latencies.clear()
            await asyncio.sleep(3)
            normal = statistics.median(latencies)
            latencies.clear()
            print(f"hostile  {kind:8} {await _attack(site, behaviour, latencies, normal)}", load())


async def _attack(site: Site, behaviour: Behaviour, latencies: list[float], normal: float) -> str:
    process = psutil.Process(site.server.pid)
    before, peak = process.memory_info().rss, 0
    token = site.token("nurse")
    eye = Eye(site.server)
    async with eye.open():
        acting = asyncio.gather(
            *(behave(behaviour, eye, token, within=WITHIN) for _ in range(ATTACKERS)),
            return_exceptions=True,
        )
        while not acting.done():
            peak = max(peak, process.memory_info().rss)
            await asyncio.sleep(0.05)
        found = await acting
    took = [each for each in found if isinstance(each, float)]
    fate = f"let go after {max(took):5.1f} s" if len(took) == ATTACKERS else f"{found[0]!r}"
    each = max(0, peak - before) / ATTACKERS / 2**20
    return (
        f"{behaviour.__name__:24} {fate}, {each:6.2f} MiB each, others' latency"
        f" {1000 * statistics.median(latencies):6.1f} ms, {statistics.median(latencies) / normal:4.1f} x"
    )


@contextlib.asynccontextmanager
async def _readers(site: Site) -> AsyncIterator[list[float]]:
    """Messages are published in another process; how long each heartbeat's answer took, in seconds."""
    latencies: list[float] = []
    flag = lifeline.new_folder("over") / "flag"
    async with contextlib.AsyncExitStack() as stack:
        ears = [await stack.enter_async_context(site.listen(who)) for who in READERS]
        with console(site) as shell:
            publishing = asyncio.create_task(
                asyncio.to_thread(shell.run, PUBLISH.format(flag=str(flag)))
            )
            reading = [asyncio.create_task(_read(ear, latencies)) for ear in ears]
            try:
                yield latencies
            finally:
                flag.touch()
                for task in reading:
                    task.cancel()
                await asyncio.wait([*reading, publishing])


async def _read(ear: Listener, latencies: list[float]) -> None:
    while True:
        asked = time.perf_counter()
        await ear.drain_by_asking()
        latencies.append(time.perf_counter() - asked)
        ear.frames.clear()
        await asyncio.sleep(0.2)
