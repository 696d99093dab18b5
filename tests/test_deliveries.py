"""Deliveries: what clients say of their messages, in batches, whatever the database does."""

import asyncio
import threading
import uuid
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import pytest
from django.db import OperationalError

from scheduler_realtime import deliveries, receipts
from scheduler_realtime.gathering import Gathering
from scheduler_realtime.log import Filed
from scheduler_realtime.receipts import Claim, Noted, Outcome
from scheduler_realtime.session import Session
from tests.harness.house import House, Seat, identity, row
from tests.harness.line import turns, until

pytestmark = pytest.mark.sqlite_only


class Shelf:
    """Stands where the database keeps receipts; its faults come first."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.acknowledged: list[Claim] = []
        self.delivered: list[Claim] = []
        self.reached: list[Mapping[Any, int]] = []
        self.faults: list[Exception] = []
        self.epochs: set[str] = set()
        self.calls = 0

    def acknowledge(self, claims: Collection[Claim], *, epoch: str, sees: Any) -> Outcome:
        self._called()
        self.epochs.add(epoch)
        self.acknowledged += claims
        return self._outcome(claims)

    def deliver(self, claims: Collection[Claim], *, epoch: str, sees: Any) -> Outcome:
        self._called()
        self.epochs.add(epoch)
        self.delivered += claims
        return self._outcome(claims)

    def reach(self, positions: Mapping[Any, int], *, epoch: str) -> None:
        self._called()
        self.reached.append(positions)

    def _called(self) -> None:
        self.calls += 1
        if self.faults:
            raise self.faults.pop(0)

    def _outcome(self, claims: Collection[Claim]) -> Outcome:
        known = {each.position for each in self.house.rows}
        taken = {claim: claim.positions & known for claim in claims}
        news = [
            Noted(user_id=claim.user_id, message=filed(position))
            for claim, positions in taken.items()
            for position in positions
        ]
        return Outcome(taken=taken, news=news)


def filed(position: int) -> Filed:
    return Filed(
        id=position,
        position=position,
        type="system_notification",
        actor=None,
        ack_required=True,
        groups=frozenset({"everyone"}),
        left_groups=frozenset(),
    )


@pytest.fixture
def shelf(house: House, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    shelf = Shelf(house)
    for name in ("acknowledge", "deliver", "reach"):
        monkeypatch.setattr(receipts, name, getattr(shelf, name))
    monkeypatch.setattr(deliveries, "FLUSH", 0.01)
    monkeypatch.setattr(deliveries, "RETRY", 0.01)
    return shelf


async def say(seat: Seat, type: str, **data: Any) -> None:  # noqa: A002 - the wire's own word
    from scheduler_realtime.wire import dumps

    text = dumps({"type": type, "data": data})
    await Session(seat.house.hub, seat.connection).receive({"text": text})


def positions(claims: Collection[Claim]) -> list[int]:
    return sorted(position for claim in claims for position in claim.positions)


async def test_what_many_acknowledge_at_once_is_written_together(
    house: House, shelf: Shelf
) -> None:
    house.publish_more(3)
    seats = [await house.join(who=identity(user_id=n)) for n in range(5)]

    for seat in seats:
        await say(seat, "ack", ids=[1, 2, 9])
    await until(lambda: all("ack_result" in seat.types for seat in seats))

    assert shelf.calls <= 2  # a position each may have been written beside it
    for seat in seats:
        assert seat.last("ack_result")["data"] == {"acknowledged": [1, 2], "unknown": [9]}


async def test_a_client_has_what_its_heartbeat_has_passed(house: House, shelf: Shelf) -> None:
    seat = await house.join()
    house.publish(row(1, ack_required=True), row(2), row(3, ack_required=True))
    await house.told()

    await say(seat, "heartbeat", position=2)
    await until(lambda: shelf.reached)

    assert positions(shelf.delivered) == [1]
    assert shelf.reached == [{1: 2}]
    assert shelf.epochs == {house.epoch}


async def test_nobody_has_what_was_never_put_on_the_connection(house: House, shelf: Shelf) -> None:
    seat = await house.join()
    house.publish(row(1, ack_required=True))
    await house.told()

    await say(seat, "heartbeat", position=10**9)
    await until(lambda: shelf.reached)

    assert shelf.reached == [{1: 1}]


async def test_a_heartbeat_that_says_nothing_new_writes_nothing(house: House, shelf: Shelf) -> None:
    seat = await house.join()
    house.publish(row(1))
    await house.told()
    await say(seat, "heartbeat", position=1)
    await until(lambda: shelf.reached)

    await say(seat, "heartbeat", position=1)
    await say(seat, "heartbeat")
    await house.hub.deliveries.flush()

    assert shelf.calls == 1


async def test_what_was_sent_again_is_there_only_after_the_second_heartbeat(
    house: House, shelf: Shelf
) -> None:
    house.publish(row(1, ack_required=True))
    await house.told()
    seat = await house.join()
    await until(lambda: seat.positions == [1])

    await say(seat, "heartbeat", position=1)
    await until(lambda: shelf.reached)
    first = list(shelf.delivered)
    await say(seat, "heartbeat", position=1)
    await until(lambda: shelf.delivered)

    assert seat.last("system_notification")["redelivered"] is True
    assert first == []
    assert positions(shelf.delivered) == [1]


async def test_what_awaits_comes_before_what_was_missed_and_before_what_comes(
    house: House,
) -> None:
    house.publish(row(1, ack_required=True), row(2), row(3, ack_required=True), row(4))
    await house.told()

    seat = await house.join(query=f"since=2&epoch={house.epoch}")
    house.publish(row(5))
    await until(lambda: 5 in seat.positions)

    assert seat.positions == [1, 3, 4, 5]
    assert [frame.get("redelivered") for frame in seat.frames if "id" in frame] == [
        True,
        None,
        None,
        None,
    ]


async def test_who_joins_while_alerts_come_hears_each_of_them(house: House) -> None:
    started = asyncio.Event()
    gather = house.awaiting

    class Slow(Gathering[Any, Any]):
        async def find(self, key: Any) -> Any:
            started.set()
            await turns(50)
            return gather([key])[key]

    house.hub.road.awaiting = Slow(gather)
    house.publish(row(1, ack_required=True))
    await house.told()

    joining = asyncio.create_task(house.join())
    await started.wait()
    house.publish(row(2, ack_required=True))
    await house.told()
    seat = await joining
    house.publish(row(3, ack_required=True))
    await until(lambda: 3 in seat.positions)

    assert seat.positions == [1, 2, 3]
    assert seat.frames[0]["data"]["position"] == 1


async def test_an_acknowledgement_outlives_a_database_that_is_out(
    house: House, shelf: Shelf
) -> None:
    house.publish_more(1)
    await house.told()
    seat = await house.join()
    shelf.faults = [OperationalError("gone"), OperationalError("gone")]

    await say(seat, "ack", id=1)
    await until(lambda: "ack_result" in seat.types)

    assert seat.last("ack_result")["data"]["acknowledged"] == [1]


async def test_deliveries_and_positions_outlive_a_database_that_is_out(
    house: House, shelf: Shelf
) -> None:
    seat = await house.join()
    house.publish(row(1, ack_required=True))
    await house.told()
    shelf.faults = [OperationalError("gone"), OperationalError("gone")]

    await say(seat, "heartbeat", position=1)
    await until(lambda: shelf.reached)

    assert positions(shelf.delivered) == [1]


async def test_whoever_asks_for_more_than_can_wait_is_told_to_come_again(
    house: House, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "WAITING", 3)
    seat = await house.join()

    await say(seat, "ack", ids=[1, 2, 3, 4])
    await turns()

    assert seat.last("error")["data"]["code"] == "rate_limited"
    assert shelf.acknowledged == []


async def test_the_last_receipts_are_written_when_the_process_ends(
    house: House, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "FLUSH", 60)
    seat = await house.join()
    house.publish(row(1, ack_required=True))
    await house.told()
    await say(seat, "heartbeat", position=1)

    seat.leave()
    await house.hub.stop()

    assert positions(shelf.delivered) == [1]
    assert shelf.reached == [{1: 1}]


async def test_positions_of_a_log_that_was_replaced_are_unknown(house: House, shelf: Shelf) -> None:
    house.publish_more(1)
    await house.told()
    seat = await house.join()

    shelf.faults = [OperationalError("restored just now")]
    await say(seat, "ack", id=1)
    house.hub.road.replaced(replace(house.state(), epoch=str(uuid.uuid4())), "epoch_changed")
    await until(lambda: "ack_result" in seat.types)
    await house.hub.deliveries.flush()

    assert seat.types[-2:] == ["resync", "ack_result"]
    assert seat.last("ack_result")["data"] == {"acknowledged": [], "unknown": [1]}
    assert shelf.reached == []


async def test_what_could_not_be_written_is_dropped_with_the_log_it_was_of(
    house: House, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    writing, may_fail = threading.Event(), threading.Event()

    def fail(claims: Collection[Claim], *, epoch: str, sees: Any) -> Outcome:
        writing.set()
        assert may_fail.wait(5)
        monkeypatch.setattr(receipts, "deliver", shelf.deliver)
        raise OperationalError("restored just now")

    monkeypatch.setattr(receipts, "deliver", fail)
    seat = await house.join()
    house.publish(row(1, ack_required=True))
    await house.told()
    await say(seat, "heartbeat", position=1)
    await until(writing.is_set)
    house.hub.road.replaced(replace(house.state(), epoch=str(uuid.uuid4())), "epoch_changed")
    await until(lambda: "resync" in seat.types)
    may_fail.set()
    await until(lambda: receipts.deliver == shelf.deliver)
    await house.hub.deliveries.flush()

    assert (shelf.delivered, shelf.reached) == ([], [])
