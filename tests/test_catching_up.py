"""Resuming: all that was missed, in order and once, or the word that it is not to be had."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from scheduler_realtime import log
from scheduler_realtime import road as roads
from scheduler_realtime.catching_up import Resumption
from scheduler_realtime.log import Page
from tests.harness.house import House, StillTail, identity, row
from tests.harness.line import turns, until
from tests.harness.listener import Frame, Listener
from tests.harness.site import Site

pytestmark = pytest.mark.sqlite_only


@pytest.fixture
async def house(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Any:
    """A hub with ten messages behind it, of which it has only the last five in memory."""
    settings.SCHEDULER_REALTIME = {"REPLAY_LIMIT": 8}
    monkeypatch.setattr(roads, "Tail", StillTail)
    house = House()
    monkeypatch.setattr(log, "read_after", house.read_after)
    monkeypatch.setattr(log, "state", house.state)
    house.rows = [row(position) for position in range(1, 6)]
    house.open()
    await house.hub.road.ready.wait()
    house.publish_more(5)
    await house.told()
    yield house
    await house.close()


@pytest.mark.parametrize("since", [10, 9, 5, 4, 2])
async def test_what_was_missed_follows_the_welcome_and_then_what_comes(
    house: House, since: int
) -> None:
    seat = await house.join(query=f"since={since}&epoch={house.epoch}")
    await until(lambda: "caught_up" in seat.types)
    house.publish_more(1)
    await house.told()

    missed = 10 - since
    assert seat.types[0] == "welcome"
    assert seat.frames[0]["data"]["recovered"] is True
    assert seat.frames[0]["data"]["reason"] is None
    assert seat.types[missed + 1] == "caught_up"
    assert seat.last("caught_up")["data"]["position"] == 10
    assert seat.positions == list(range(since + 1, 12))


async def test_messages_that_come_meanwhile_are_neither_lost_nor_doubled(
    house: House, settings: Any
) -> None:
    settings.SCHEDULER_REALTIME = {"REPLAY_LIMIT": 10_000}  # however long the thread takes
    joining = asyncio.create_task(house.join(query=f"since=3&epoch={house.epoch}"))
    while not joining.done():
        house.publish_more(1)
        await asyncio.sleep(0)
    seat = await joining
    house.publish_more(20)
    await until(lambda: "caught_up" in seat.types)
    house.publish_more(1)
    await house.told()

    assert seat.positions == list(range(4, house.state().head + 1))


async def test_a_crowd_gets_level_though_messages_never_stop_coming(house: House) -> None:
    seats = await asyncio.gather(
        *(house.join(query=f"since=9&epoch={house.epoch}") for _ in range(60))
    )
    async with asyncio.timeout(5):
        while not all("caught_up" in seat.types for seat in seats):
            house.publish_more(1)
            await asyncio.sleep(0)
    await house.told()

    for seat in seats:
        assert seat.positions == list(range(10, house.state().head + 1))


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("since=4", "epoch_changed"),
        ("since=4&epoch=", "epoch_changed"),
        ("since=4&epoch=another", "epoch_changed"),
        ("since=11&epoch={epoch}", "ahead"),
        ("since=1&epoch={epoch}", "too_many"),
        ("since=&epoch={epoch}", "bad_since"),
        ("since=-1&epoch={epoch}", "bad_since"),
        ("since=%2B1&epoch={epoch}", "bad_since"),
        ("since=1.0&epoch={epoch}", "bad_since"),
        ("since=four&epoch={epoch}", "bad_since"),
        ("since=٤&epoch={epoch}", "bad_since"),
        ("since=9999999999999999999&epoch={epoch}", "bad_since"),
        ("since=" + "9" * 5000 + "&epoch={epoch}", "bad_since"),
        ("since=4&since=4&epoch={epoch}", "bad_since"),
        ("since=4&epoch={epoch}&epoch={epoch}", "epoch_changed"),
    ],
)
async def test_what_cannot_be_resumed_is_said_and_goes_on_live(
    house: House, query: str, reason: str
) -> None:
    seat = await house.join(query=query.format(epoch=house.epoch))
    house.publish_more(1)
    await house.told()

    welcome, resync, live = seat.frames
    assert welcome["data"]["recovered"] is False
    assert welcome["data"]["reason"] == reason
    assert resync["type"] == "resync"
    assert resync["data"] == {"reason": reason, "epoch": house.epoch, "position": 10}
    assert live["id"] == 11


async def test_who_heard_more_elsewhere_than_is_known_here_resumes_all_the_same(
    house: House,
) -> None:
    elsewhere = row(11)
    house.rows.append(elsewhere)

    seat = await house.join(query=f"since=11&epoch={house.epoch}")
    house.hub.road.arrive(Page(rows=(elsewhere,), state=house.state()))
    house.publish_more(1)
    await house.told()

    assert seat.frames[0]["data"]["recovered"] is True
    assert seat.positions == [12]


async def test_what_was_trimmed_cannot_be_resumed_from(house: House) -> None:
    house.floor = 4

    early = await house.join(query=f"since=3&epoch={house.epoch}")
    late = await house.join(query=f"since=4&epoch={house.epoch}")
    await until(lambda: "caught_up" in late.types)

    assert early.frames[0]["data"]["reason"] == "trimmed"
    assert early.positions == []
    assert late.positions == list(range(5, 11))


async def test_what_is_trimmed_after_the_promise_is_followed_by_a_resync(house: House) -> None:
    seat = await house.join(query=f"since=3&epoch={house.epoch}")
    house.hub.road.shelf.clear()
    house.floor = 5
    await until(lambda: "caught_up" in seat.types)

    assert seat.last("resync")["data"]["reason"] == "trimmed"
    assert seat.types[-2:] == ["resync", "caught_up"]


async def test_only_what_is_for_this_user_counts_towards_too_many(house: House) -> None:
    house.publish_more(50, groups=["role.surgeon"])
    await house.told()

    seat = await house.join(query=f"since=5&epoch={house.epoch}")
    await until(lambda: "caught_up" in seat.types)

    assert seat.positions == list(range(6, 11))
    assert seat.last("caught_up")["data"]["position"] == 60


async def test_a_role_gained_since_then_brings_its_messages_of_the_range(house: House) -> None:
    house.publish_more(2, groups=["role.surgeon"])
    await house.told()
    surgeon = identity({"everyone", "user.1", "role.surgeon"})

    seat = await house.join(query=f"since=9&epoch={house.epoch}", who=surgeon)
    await until(lambda: "caught_up" in seat.types)

    assert seat.positions == [10, 11, 12]


async def test_a_resuming_client_that_does_not_read_is_waited_for(
    house: House, settings: Any
) -> None:
    settings.SCHEDULER_REALTIME = {"MAILBOX_FRAMES": 2}
    joining = asyncio.create_task(house.join(query=f"since=2&epoch={house.epoch}"))
    seat = await joining
    seat.line.stall()
    await turns(50)
    assert house.hub.road.promised(seat.connection) < 10

    seat.line.read_on()
    await until(lambda: "caught_up" in seat.types)

    assert seat.positions == list(range(3, 11))


def test_a_query_without_a_wish_is_none() -> None:
    assert Resumption.of(b"token=t") == Resumption()


@pytest.fixture
def site(embedded_site: Site) -> Iterator[Site]:
    before = len(embedded_site.server.log_text())
    yield embedded_site
    assert "Traceback" not in embedded_site.server.log_text()[before:]


WRITE = """
from scheduler_realtime import send_system_notification
for number in range(5):
    send_system_notification(title="one of many", message="m")
"""


@contextlib.contextmanager
def writers_at_work(site: Site) -> Iterator[None]:
    """Messages go on being written, in another process, while the block runs."""
    is_over = threading.Event()

    def write() -> None:
        while not is_over.is_set():
            site.shell(WRITE)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield
    finally:
        is_over.set()
        writer.join(10)


def positions(frames: list[Frame]) -> list[int]:
    return [frame["id"] for frame in frames if "id" in frame]


async def heard_up_to(ear: Listener, position: int) -> None:
    await ear.next(where=lambda frame: frame.get("id", 0) >= position, timeout=10)


async def test_a_client_that_comes_back_while_writers_go_on_misses_and_doubles_nothing(
    site: Site,
) -> None:
    heard: list[int] = []
    async with site.listen("viewer") as witness:
        params = await place(witness)
        with writers_at_work(site):
            for _ in range(5):
                async with site.listen("nurse", params=params) as ear:
                    await ear.next("caught_up")
                    await heard_up_to(ear, int(params["since"]) + 8)
                heard += positions(ear.frames)
                params |= {"since": heard[-1]}
        await heard_up_to(witness, heard[-1])

    assert heard == [position for position in positions(witness.frames) if position <= heard[-1]]


async def place(ear: Listener) -> dict[str, Any]:
    """Where a listener stands, as the query to resume from there."""
    welcome = await ear.next("welcome")
    return {"since": welcome["data"]["position"], "epoch": welcome["data"]["epoch"]}


async def test_a_heartbeats_position_is_a_place_to_resume_from(site: Site) -> None:
    async with site.listen("nurse") as ear:
        params = await place(ear)
        await asyncio.to_thread(site.shell, WRITE)
        await heard_up_to(ear, params["since"] + 5)
        params["since"] = (await ear.ask("heartbeat"))["data"]["position"]
    await asyncio.to_thread(site.shell, WRITE)

    async with site.listen("nurse", params=params) as ear:
        await heard_up_to(ear, params["since"] + 5)

    assert positions(ear.frames) == list(range(params["since"] + 1, params["since"] + 6))


async def test_a_position_without_the_logs_name_means_nothing(site: Site) -> None:
    async with site.listen("nurse", params={"since": 1}) as ear:
        welcome = await ear.next("welcome")
        resync = await ear.next("resync")

    assert welcome["data"]["recovered"] is False
    assert resync["data"]["reason"] == "epoch_changed"
