"""Dashboards: who watches the statistics is told of them, and nobody else, by one reading for all."""

import json
from typing import Any

import pytest
from django.db import OperationalError

from scheduler_realtime import dashboards, statistics
from scheduler_realtime.audience import STATISTICS_WATCHERS
from scheduler_realtime.messages import Statistics
from tests.harness.house import NURSE, House, Seat, identity
from tests.harness.line import until

pytestmark = pytest.mark.sqlite_only

WATCHER = NURSE | {STATISTICS_WATCHERS}


class Readings:
    """The database's place: how often it was asked, and what it answers."""

    def __init__(self) -> None:
        self.count = 0
        self.fault: Exception | None = None

    def totals(self) -> dict[str, Any]:
        self.count += 1
        if self.fault is not None:
            raise self.fault
        return {"connections": self.count}


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> Readings:
    """Ask for this fixture before the house: its hub then reads all the time."""
    readings = Readings()
    monkeypatch.setattr(statistics, "totals", readings.totals)
    monkeypatch.setattr(dashboards, "INTERVAL", 0.01)
    return readings


def subscribe(seat: Seat, *types: str) -> None:
    seat.connection.wanted = {"types": frozenset(types)}


def seen(seat: Seat) -> list[dict[str, Any]]:
    texts = map(json.loads, seat.line.texts)
    return [frame for frame in texts if frame["type"] == Statistics.type]


async def test_who_subscribed_by_name_and_may_see_them_is_told(
    readings: Readings, house: House
) -> None:
    seat = await house.join(who=identity(WATCHER))
    subscribe(seat, "statistics")

    await until(lambda: len(seen(seat)) >= 2)

    first, second = seen(seat)[:2]
    assert (first["data"], second["data"]) == ({"connections": 1}, {"connections": 2})
    assert "id" not in first
    assert first["timestamp"].endswith("Z")


async def test_where_nobody_watches_nothing_is_asked(
    readings: Readings, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds: list[None] = []
    members = house.hub.groups.members
    monkeypatch.setattr(
        house.hub.groups, "members", lambda groups: (rounds.append(None), members(groups))[1]
    )
    await house.join(who=identity(WATCHER))  # who subscribed to nothing
    other = await house.join(who=identity(WATCHER))
    subscribe(other, "schedule_update")
    stranger = await house.join(who=identity())  # who may not
    subscribe(stranger, "statistics")
    await until(lambda: len(rounds) > 3)
    assert readings.count == 0

    watcher = await house.join(who=identity(WATCHER))
    subscribe(watcher, "statistics")
    await until(lambda: seen(watcher))

    assert not seen(other)
    assert not seen(stranger)


async def test_many_watchers_cost_one_reading(readings: Readings, house: House) -> None:
    seats = [await house.join(who=identity(WATCHER)) for _ in range(5)]
    for seat in seats:
        subscribe(seat, "statistics")

    await until(lambda: all(len(seen(seat)) >= 2 for seat in seats))

    assert readings.count <= 1 + max(len(seen(seat)) for seat in seats)


async def test_whoever_loses_the_right_sees_no_more(readings: Readings, house: House) -> None:
    seat = await house.join(who=identity(WATCHER))
    other = await house.join(who=identity(WATCHER))
    for each in (seat, other):
        subscribe(each, "statistics")
    await until(lambda: seen(seat))

    house.hub.identify(seat.connection, identity())
    before, others = len(seen(seat)), len(seen(other))
    await until(lambda: len(seen(other)) > others + 2)

    assert len(seen(seat)) == before


async def test_what_waits_for_whoever_loses_the_right_is_not_written(
    readings: Readings, house: House
) -> None:
    seat = await house.join(who=identity(WATCHER))
    subscribe(seat, "statistics")
    await until(lambda: seen(seat))
    seat.line.stall()
    asked = readings.count
    await until(lambda: readings.count > asked + 3)
    before = len(seen(seat))

    house.hub.identify(seat.connection, identity())
    seat.line.read_on()
    seat.connection.say("subscribed", {})
    await until(lambda: "subscribed" in seat.types)

    # One was on its way already.
    assert len(seen(seat)) <= before + 1


@pytest.mark.parametrize("fault", [OperationalError("gone"), ValueError("a defect")])
async def test_a_reading_that_fails_is_followed_by_the_next(
    readings: Readings, house: House, fault: Exception
) -> None:
    readings.fault = fault
    seat = await house.join(who=identity(WATCHER))
    subscribe(seat, "statistics")
    await until(lambda: readings.count)
    assert not seen(seat)

    readings.fault = None

    await until(lambda: seen(seat))
