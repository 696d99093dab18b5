"""What presence costs the database: statements, counted in the thread that makes them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from django.db import connections

from scheduler_realtime import attendance, books, log
from scheduler_realtime.models import Connection, Presence
from scheduler_realtime.presence import Register
from tests.harness.house import House, Seat, identity
from tests.harness.line import until

pytestmark = pytest.mark.django_db(transaction=True)

SOCKETS = 1000


@pytest.fixture
async def house(house: House, settings: Any) -> AsyncIterator[House]:
    """A hub that writes to the real database, and in which nobody hears of anybody."""
    settings.SCHEDULER_REALTIME |= {"PRESENCE_VISIBLE_TO": "role"}
    house.hub.attendance.register = Register(house.hub.node_id)
    yield house
    for connection in tuple(house.hub.connections):
        house.hub.leave(connection)


@pytest.fixture
async def statements(house: House) -> list[str]:
    """What the books thread has the database do from now on."""
    made: list[str] = []

    def note(execute: Callable[..., Any], sql: str, *more: Any) -> Any:
        made.append(sql)
        return execute(sql, *more)

    await house.hub.attendance.turn(is_round=True)
    await books.run(lambda: connections[log.database()].execute_wrappers.append(note))
    return made


async def join(house: House, number: int, *, after: float = 0) -> Seat:
    await asyncio.sleep(after)
    user = number // 2
    seat = await house.join(who=identity({"everyone", f"user.{user}"}, user_id=user))
    house.hub.attendance.note(seat.connection, f"/board/{number}", "2026-01-15")
    return seat


async def written(number: int) -> None:
    """Wait until so many sockets are in the database."""
    while await books.run(Connection.objects.count) != number:  # noqa: ASYNC110 - it is asked
        await asyncio.sleep(0.05)


async def test_a_thousand_sockets_that_join_within_a_second_cost_fewer_than_60_statements(
    house: House, statements: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    await asyncio.gather(*(join(house, n, after=n / SOCKETS) for n in range(SOCKETS)))
    await until(lambda: not house.hub.attendance.is_behind, within=5)
    count = len(statements)

    with capsys.disabled():
        print(f"\n{SOCKETS} sockets within a second: {count} statements")  # noqa: T201 - it is asked for
    assert count < 60
    await written(SOCKETS)
    assert await books.run(Presence.objects.count) == SOCKETS // 2


async def test_idle_sockets_cost_fewer_than_10_statements_a_minute_beyond_the_rounds(
    house: House,
    statements: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rounds, idle = {}, {}
    # As in most rounds of a day: what comes after a start and once in a while is not due.
    monkeypatch.setattr(house.hub.attendance, "_settled_at", 0.0)
    monkeypatch.setattr(house.hub.attendance, "_thorough_at", 1e18)
    for number in (10, SOCKETS):
        have = len(house.hub.connections)
        await asyncio.gather(*(join(house, n) for n in range(have, number)))
        await until(lambda: not house.hub.attendance.is_behind, within=5)
        for seen in (False, True):
            now = house.hub.loop.time()
            for connection in house.hub.connections:
                connection.heard_at = now
            monkeypatch.setattr(attendance, "SEEN", 0 if seen else 1e9)
            statements.clear()
            await house.hub.attendance.turn(is_round=True)
            (idle if seen else rounds)[number] = len(statements)

    a_minute = 60 / 30 * (idle[SOCKETS] - rounds[SOCKETS])
    with capsys.disabled():
        print(  # noqa: T201 - it is asked for
            f"\n{SOCKETS} idle sockets: {a_minute:.0f} statements a minute, and"
            f" {rounds[SOCKETS]} a round (with 10 sockets {rounds[10]})"
        )
    assert a_minute < 10
    assert rounds[SOCKETS] == rounds[10]
