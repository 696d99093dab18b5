"""The hub: who hears what, in which order, and what is left when they are gone."""

import asyncio
from typing import Any

import pytest
from django.db import OperationalError

from scheduler_realtime import backoff
from scheduler_realtime import road as roads
from tests.harness.house import House, identity, row
from tests.harness.line import turns, until

pytestmark = pytest.mark.sqlite_only

OUT = OperationalError("the database is out")


async def test_a_message_reaches_the_sockets_of_its_groups_and_no_other(house: House) -> None:
    nurse = await house.join()
    viewer = await house.join(who=identity({"everyone", "user.2", "role.viewer"}, user_id=2))

    house.publish(row(1, groups=["role.nurse"]), row(2, groups=["user.2"]), row(3))
    await house.told()

    assert nurse.positions == [1, 3]
    assert viewer.positions == [2, 3]


async def test_welcome_is_the_first_frame_and_tells_the_head(house: House) -> None:
    house.publish_more(3)
    await house.told()

    seat = await house.join()

    welcome = seat.frames[0]
    assert welcome["type"] == "welcome"
    assert welcome["data"]["position"] == 3
    assert welcome["data"]["recovered"] is None


async def test_a_client_that_stalls_gets_all_of_it_once_in_order_when_it_reads_on(
    house: House,
) -> None:
    slow, quick = await house.join(), await house.join()
    slow.line.stall()

    house.publish_more(100)
    await house.told()
    assert quick.positions == list(range(1, 101))
    slow.line.read_on()
    await until(lambda: len(slow.positions) == 100)
    house.publish_more(1)
    await house.told()

    assert slow.positions == list(range(1, 102))
    assert house.reads == 0


async def test_messages_that_come_while_a_client_catches_up_are_in_their_place(
    house: House,
) -> None:
    slow = await house.join()
    slow.line.stall()
    house.publish_more(50)
    await house.told()

    slow.line.read_on()
    for _ in range(50):
        house.publish_more(1)
        await asyncio.sleep(0)
    await until(lambda: len(slow.positions) == 100)

    assert slow.positions == list(range(1, 101))


async def test_what_the_memory_no_longer_has_is_read_from_the_log(house: House) -> None:
    slow = await house.join()
    slow.line.stall()
    house.publish_more(50)
    await house.told()
    house.hub.road.ring.restart(50)

    slow.line.read_on()
    await until(lambda: len(slow.positions) == 50)

    assert slow.positions == list(range(1, 51))
    assert house.reads > 0


async def test_a_database_that_is_out_while_a_client_catches_up_is_tried_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backoff, "PAUSES", (0.001,))
    house.faults = [OUT, OUT, OUT]
    slow = await house.join()
    slow.line.stall()
    house.publish_more(50)
    await house.told()
    house.hub.road.ring.restart(50)

    slow.line.read_on()
    await until(lambda: len(slow.positions) == 50)

    assert house.faults == []
    assert slow.positions == list(range(1, 51))


async def test_a_client_for_which_the_log_was_trimmed_meanwhile_resyncs(house: House) -> None:
    slow = await house.join()
    slow.line.stall()
    house.publish_more(50)
    await house.told()
    house.hub.road.ring.restart(50)
    house.floor = 40

    slow.line.read_on()
    await until(lambda: "resync" in slow.types)
    house.publish_more(1)
    await house.told()

    assert slow.last("resync")["data"]["reason"] == "trimmed"
    assert slow.last("resync")["data"]["position"] == 50
    assert slow.positions[-1] == 51


async def test_no_promise_goes_beyond_what_a_client_that_stalls_was_handed(house: House) -> None:
    slow = await house.join()
    slow.line.stall()

    house.publish_more(100)
    await house.told()
    promise = house.hub.road.promised(slow.connection)
    slow.connection.mailbox.close(4401)
    slow.line.read_on()
    await until(lambda: slow.line.close_code)

    assert promise <= slow.positions[-1] < 100


async def test_no_promise_covers_a_message_that_is_still_being_handed_round(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roads, "SENDS_PER_STEP", 1)
    seats = [await house.join() for _ in range(10)]

    house.publish_more(1)
    await until(lambda: house.hub.road.position == 1)

    waiting = [seat for seat in seats if not seat.positions]
    assert waiting
    assert {house.hub.road.promised(seat.connection) for seat in waiting} == {0}


async def test_who_joins_while_a_message_is_handed_round_may_resume_from_before_it(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roads, "SENDS_PER_STEP", 1)
    for _ in range(10):
        await house.join()
    house.publish_more(1)
    await until(lambda: house.hub.road.position == 1)

    late = await house.join()
    house.publish_more(1)
    await house.told()

    assert late.frames[0]["data"]["position"] == 1
    assert late.positions == [2]


async def test_a_log_that_is_replaced_while_a_message_is_handed_round_ends_that_round(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roads, "SENDS_PER_STEP", 1)
    seats = [await house.join() for _ in range(10)]
    house.publish(*(row(n) for n in range(1001, 1010)))
    await until(lambda: house.hub.road.position == 1001)

    house.epoch, house.rows = "another", [row(5)]
    house.hub.road.replaced(house.state(), "epoch_changed")
    await until(lambda: house.hub.road.epoch == "another")
    await turns(50)
    assert {house.hub.road.promised(seat.connection) for seat in seats} == {5}
    house.publish(row(6))
    await house.told()

    for seat in seats:
        after = seat.frames[seat.types.index("resync") :]
        assert [frame.get("id") for frame in after if "id" in frame] == [6]
        assert seat.last("resync")["data"] == {
            "reason": "epoch_changed",
            "epoch": "another",
            "position": 5,
        }
        assert house.hub.road.promised(seat.connection) == 6


async def test_a_log_that_is_replaced_while_a_client_catches_up_ends_that(house: House) -> None:
    slow = await house.join()
    slow.line.stall()
    house.publish(*(row(n) for n in range(1001, 1101)))
    await house.told()

    house.epoch, house.rows = "another", [row(5)]
    house.hub.road.replaced(house.state(), "epoch_changed")
    await until(lambda: house.hub.road.epoch == "another")
    slow.line.read_on()
    await until(lambda: "resync" in slow.types)
    house.publish(row(6))
    await house.told()
    await turns()

    assert slow.types[-2:] == ["resync", "system_notification"]
    assert slow.positions[-1] == 6


async def test_an_alert_overtakes_what_waits_for_a_slow_client_and_comes_again(
    house: House,
) -> None:
    slow = await house.join()
    slow.line.stall()
    house.publish_more(40)
    house.publish_more(1, type="emergency_alert")
    await house.told()

    slow.line.read_on()
    await until(lambda: slow.positions[-1:] == [41])

    early, late = (frame for frame in slow.frames if frame["type"] == "emergency_alert")
    assert early["early"] is True
    assert "id" not in early
    assert early["key"] == late["key"]
    assert late["id"] == 41
    assert slow.frames.index(early) < slow.frames.index(late) - 10


async def test_a_message_that_cannot_be_written_keeps_nobody_from_the_next(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    seat = await house.join()

    house.publish(row(1, body="no JSON"), row(2))
    await house.told()

    assert seat.positions == [2]
    assert seat.last("resync")["data"]["reason"] == "capture_failed"
    assert "Message 1 cannot be written" in caplog.text


async def test_a_role_that_is_gained_is_heard_from_then_on(house: House) -> None:
    seat = await house.join(who=identity({"everyone"}))
    house.publish(row(1, groups=["role.nurse"]))
    await house.told()

    house.hub.identify(seat.connection, identity({"everyone", "role.nurse"}))
    house.publish(row(2, groups=["role.nurse"]))
    await house.told()
    house.hub.identify(seat.connection, identity({"everyone"}))
    house.publish(row(3, groups=["role.nurse"]))
    await house.told()

    assert seat.positions == [2]


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"type": "realtime.ring", "head": "high"},
        {"type": "realtime.ring", "head": None},
        {"type": 5},
        {"type": "somebody.elses"},
    ],
)
async def test_whatever_the_layer_brings_the_hub_goes_on(house: House, message: Any) -> None:
    seat = await house.join()

    house.hub.hear(message)
    house.publish_more(1)
    await house.told()

    assert seat.positions == [1]
