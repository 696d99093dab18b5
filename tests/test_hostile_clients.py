"""Hostile clients on real servers: each is let go of, costs little, and is named in the log."""

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import psutil
import pytest

from tests.harness import opening
from tests.harness.app_server import KINDS, Kind
from tests.harness.hostile import BEHAVIOURS, Eye, behave
from tests.harness.listener import Listener
from tests.harness.opening import Seeded
from tests.harness.site import Site

pytestmark = [pytest.mark.servers, pytest.mark.slow]

EACH = 2
MOST_BYTES = 2 * 2**20
ENV = {"WEBSOCKET_SEND_TIMEOUT": "3", "WEBSOCKET_AUTHENTICATE_TIMEOUT": "2"}

UNREAD = ("never_reads", "reads_byte_by_byte", "heartbeats_unread")
"""Whoever does these is told 4412, and does not read it."""

WALL = """
from scheduler_realtime import publish
from scheduler_realtime.messages import SystemNotification
for number in range(50):
    data = {"title": "a brick", "message": "-", "filling": "x" * 100_000}
    publish(SystemNotification.checked(data))
"""


@dataclass(kw_only=True)
class Siege:
    """What came of a server with two of each kind of client."""

    fates: dict[str, list[float | BaseException]] = field(default_factory=dict)
    growth: int = 0
    log: str = ""


@pytest.fixture(scope="module")
def sieges(seeded_sqlite: Seeded) -> Iterator[dict[Kind, Siege]]:
    with contextlib.ExitStack() as stack:
        sites = {
            kind: stack.enter_context(
                contextlib.closing(opening.open_embedded(seeded_sqlite, kind, env=ENV))
            )
            for kind in KINDS
        }
        yield asyncio.run(besieged(sites))


async def besieged(sites: dict[Kind, Site]) -> dict[Kind, Siege]:
    found = await asyncio.gather(*map(besiege, sites.values()))
    return dict(zip(sites, found, strict=True))


async def besiege(site: Site) -> Siege:
    siege, process = Siege(), psutil.Process(site.server.pid)
    eye = Eye(site.server)
    async with site.listen("viewer") as ear, eye.open():
        await ear.next("welcome")
        await build(site, ear)  # what walls cost without a hostile client is paid by now
        before, token = process.memory_info().rss, site.token("nurse")
        names = [behaviour.__name__ for behaviour in BEHAVIOURS for _ in range(EACH)]
        acting = asyncio.gather(
            *(
                behave(behaviour, eye, token, within=20)
                for behaviour in BEHAVIOURS
                for _ in range(EACH)
            ),
            return_exceptions=True,
        )
        walls = asyncio.create_task(build(site, ear))
        while not acting.done():
            siege.growth = max(siege.growth, process.memory_info().rss - before)
            await asyncio.sleep(0.02)
        await walls
    for name, fate in zip(names, await acting, strict=True):
        siege.fates.setdefault(name, []).append(fate)
    siege.log = site.server.log_text()
    return siege


async def build(site: Site, ear: Listener) -> None:
    """Walls for who does not read to stand before; one who reads is served all the while."""
    for _ in range(3):
        await asyncio.to_thread(site.shell, WALL)
        await ear.ask("heartbeat")
        await asyncio.sleep(0.5)  # those who get in a little later shall stand before one, too


@pytest.mark.parametrize("behaviour", [each.__name__ for each in BEHAVIOURS])
@pytest.mark.parametrize("kind", KINDS)
def test_a_hostile_client_is_let_go_of(
    sieges: dict[Kind, Siege], kind: Kind, behaviour: str
) -> None:
    fates = sieges[kind].fates[behaviour]

    assert [fate for fate in fates if isinstance(fate, BaseException)] == []


@pytest.mark.parametrize("kind", KINDS)
def test_hostile_clients_cost_no_more_than_two_mebibytes_each(
    sieges: dict[Kind, Siege], kind: Kind
) -> None:
    assert sieges[kind].growth < MOST_BYTES * EACH * len(BEHAVIOURS)


@pytest.mark.parametrize("kind", KINDS)
def test_who_does_not_read_is_named_in_the_log_with_the_code(
    sieges: dict[Kind, Siege], kind: Kind
) -> None:
    log = sieges[kind].log

    assert log.count("did not read that it closes with 4412") >= EACH * len(UNREAD)
    assert log.count("its request was never finished") >= EACH * 2
    assert log.count("it sent pings without end") >= EACH
    assert "Traceback" not in log
