"""A backlog: what of it is counted, when it is handed over and when it is let go."""

import time
from typing import Any

import pytest

from scheduler_realtime import clock, counters
from scheduler_realtime.backlog import Item
from scheduler_realtime.counters import Snapshot
from tests.harness.box import Box, stall
from tests.harness.house import House, row
from tests.harness.line import turns, until

pytestmark = [pytest.mark.sqlite_only, pytest.mark.usefixtures("counted_afresh")]


def counted(kind: Any) -> dict[str, int]:
    """What was counted of it, presence apart."""
    by_type = counters.snapshot().messages[kind]
    return {name: number for name, number in by_type.items() if name != "user_presence"}


def latencies() -> int:
    return sum(counters.snapshot().latency)


async def test_a_frame_is_counted_when_it_leaves_and_not_before(box: Box) -> None:
    await stall(box)
    box.mailbox.put(Item(text=lambda: "a", size=1, kind="schedule_update"))
    assert counted("delivered") == {}

    box.line.read_on()
    await box.says("held", "a")

    assert counted("delivered") == {"schedule_update": 1}


async def test_what_is_not_for_this_client_any_more_is_not_counted(box: Box) -> None:
    box.mailbox.put(Item(text=lambda: None, size=1, kind="schedule_update"))
    box.put("after it")
    await box.says("after it")

    assert counted("delivered") == {}


async def test_a_control_frame_is_counted_nowhere(box: Box) -> None:
    box.put("a reply")
    await box.says("a reply")

    assert all(by_type == {} for by_type in counters.snapshot().messages.values())


async def test_an_ephemeral_frame_that_finds_no_room_is_counted_as_dropped(box: Box) -> None:
    await stall(box)
    for text in "abcdef":
        box.mailbox.put(Item(text=str, size=10, is_ephemeral=True, kind=text))

    assert counted("dropped") == {"a": 1, "b": 1}


async def test_a_live_socket_tells_how_long_a_message_took(house: House) -> None:
    await house.join()
    late = row(1)
    object.__setattr__(late, "created_at", clock.now())

    house.publish(late)
    await house.told()

    assert counted("delivered") == {"system_notification": 1}
    assert counted("replayed") == {}
    assert latencies() == 1


async def test_who_catches_up_is_counted_apart_and_tells_no_latency(house: House) -> None:
    house.publish_more(3)
    await house.told()

    seat = await house.join(query=f"since=0&epoch={house.epoch}")
    await until(lambda: seat.positions == [1, 2, 3])

    assert counted("delivered") == counted("replayed") == {"system_notification": 3}
    assert latencies() == 0


async def test_what_is_sent_again_is_a_replay(house: House) -> None:
    house.publish(row(1, "emergency_alert", ack_required=True))
    await house.told()

    seat = await house.join()
    await until(lambda: seat.positions == [1])

    assert counted("replayed") == {"emergency_alert": 1}
    assert latencies() == 0


async def test_the_sockets_of_a_hub_are_counted_in_and_out(house: House) -> None:
    seats = [await house.join() for _ in range(3)]
    seats[0].leave()
    seats[0].leave()
    await turns()

    seen: Snapshot = counters.snapshot()
    assert (seen.connections, seen.peak) == (2, 3)


async def test_latency_goes_by_the_databases_clock(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "_ahead", 3600.0)
    await house.join()
    late = row(1)
    object.__setattr__(late, "created_at", clock.now())

    house.publish(late)
    await house.told()

    assert counters.snapshot().latency_sum < 60
    assert time.time() - late.written_at > 3000


async def test_an_alert_passes_the_ephemeral_frames_that_wait_but_no_reply(box: Box) -> None:
    await stall(box)
    box.fill("tick", is_ephemeral=True)
    box.fill("reply")
    box.fill("tock", is_ephemeral=True)
    box.mailbox.put(Item(text=lambda: "alert", size=5, is_urgent=True))
    box.line.read_on()

    await box.says("held", "tick", "reply", "alert", "tock")


async def test_an_alert_of_the_log_passes_what_is_worth_only_its_moment(house: House) -> None:
    seat = await house.join()
    seat.line.stall()
    house.publish_more(1)
    await house.told()
    for number in range(3):
        frame = {"type": "x", "data": {"n": number}}
        house.hub.ephemera.hear({"group": "everyone", "frame": frame}, house.hub.groups.members)
    house.publish(row(2, "emergency_alert"), row(3))
    await house.told()
    seat.line.read_on()

    await until(lambda: 3 in seat.positions)
    types = [each for each in seat.types if each != "welcome"]
    assert types[:3] == ["system_notification", "emergency_alert", "x"]
