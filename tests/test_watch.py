"""The watch: who fell silent, whose token ends, who is nobody any more, and a log out of reach."""

import time
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any

import pytest
from django.db import OperationalError

from scheduler_realtime import identity as identities
from scheduler_realtime import road as roads
from scheduler_realtime import watch as watches
from scheduler_realtime.claims import Claims
from scheduler_realtime.identity import Identity
from tests.harness.house import House, StillTail, identity
from tests.harness.line import until

pytestmark = pytest.mark.sqlite_only

Found = dict[Claims, Identity | None]


@pytest.fixture
async def house(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Any:
    """A hub whose watch goes round all the time."""
    settings.SCHEDULER_REALTIME = {
        "CONNECTION_TIMEOUT": 0.1,
        "STALE_AFTER": 0.1,
        "REVALIDATE_INTERVAL": 0.05,
    }
    monkeypatch.setattr(roads, "Tail", StillTail)
    monkeypatch.setattr(watches, "ROUND", 0.01)
    monkeypatch.setattr(identities, "identities", lambda claims: {})
    house = House()
    house.open()
    await house.hub.road.ready.wait()
    yield house
    await house.close()


@pytest.fixture
def find(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Claims], Any]], None]:
    """Say what looking a user up finds."""

    def set_answer(answer: Callable[[Claims], Any]) -> None:
        def look_up(claims: Collection[Claims]) -> Found:
            return {each: answer(each) for each in claims}

        monkeypatch.setattr(identities, "identities", look_up)

    return set_answer


async def test_who_says_nothing_for_too_long_is_closed(house: House) -> None:
    seat = await house.join()

    await until(lambda: seat.line.close_code)

    assert seat.line.close_code == 4408


async def test_a_token_that_ends_soon_is_announced_once(house: House, settings: Any) -> None:
    settings.SCHEDULER_REALTIME = {}
    seat = await house.join(who=identity(expires_at=time.time() + 0.3))

    await until(lambda: seat.line.close_code)

    assert seat.types == ["welcome", "token_expiring"]
    assert seat.line.close_code == 4401


@pytest.mark.parametrize("fault", [None, "inactive"])
async def test_who_may_not_be_here_any_more_is_closed(
    house: House, find: Any, settings: Any, fault: str | None
) -> None:
    settings.SCHEDULER_REALTIME = {"REVALIDATE_INTERVAL": 0.05}
    who = identity()
    find(lambda claims: fault and replace(who, is_active=False))

    seat = await house.join(who=who)
    await until(lambda: seat.line.close_code)

    assert seat.line.close_code == (4403 if fault else 4401)


async def test_a_role_that_is_found_is_heard_from_then_on(
    house: House, find: Any, settings: Any
) -> None:
    settings.SCHEDULER_REALTIME = {"REVALIDATE_INTERVAL": 0.05}
    who = identity({"everyone"})
    find(lambda claims: replace(who, groups=frozenset({"everyone", "role.new"})))

    seat = await house.join(who=who)
    await until(lambda: "role.new" in house.hub.groups.names())
    house.publish_more(1, groups=["role.new"])
    await house.told()

    assert seat.positions == [1]


async def test_a_role_that_nobody_told_was_lost_is_heard_no_more_after_the_interval(
    house: House, find: Any, settings: Any
) -> None:
    settings.SCHEDULER_REALTIME = {"REVALIDATE_INTERVAL": 0.05}
    who = identity()
    seat = await house.join(who=who)
    house.publish_more(1, groups=["role.nurse"])
    await house.told()

    find(lambda claims: replace(who, groups=frozenset({"everyone", "user.1"})))
    await until(lambda: "role.nurse" not in house.hub.groups.names())
    house.publish_more(1, groups=["role.nurse"])
    house.publish_more(1)
    await house.told()

    assert seat.positions == [1, 3]


async def test_a_database_that_is_out_closes_nobody_and_is_asked_again(
    house: House, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.SCHEDULER_REALTIME = {"REVALIDATE_INTERVAL": 0.05}
    asked = []

    def out(claims: Collection[Claims]) -> Found:
        asked.append(claims)
        raise OperationalError("out")

    monkeypatch.setattr(identities, "identities", out)
    seat = await house.join()

    await until(lambda: len(asked) == 3)

    assert seat.line.close_code is None


async def test_a_log_out_of_reach_is_told_and_its_return_as_well(
    house: House, settings: Any
) -> None:
    settings.SCHEDULER_REALTIME = {"STALE_AFTER": 0.1}
    house.publish_more(2)
    await house.told()
    seat = await house.join()

    await until(lambda: "line" in seat.types)
    stale = seat.last("line")["data"]
    house.publish_more(1)
    await until(lambda: seat.last("line")["data"]["state"] == "live")

    live = seat.last("line")["data"]
    assert stale["state"] == "stale"
    assert stale["position"] == 2
    assert live["position"] == 3
    assert live["since"] > stale["since"]
    assert seat.types.count("line") == 2


async def test_who_comes_while_the_log_is_out_of_reach_is_told_as_well(
    house: House, settings: Any
) -> None:
    settings.SCHEDULER_REALTIME = {"STALE_AFTER": 0.1}
    first = await house.join()
    await until(lambda: "line" in first.types)

    late = await house.join()

    await until(lambda: "line" in late.types)
    assert late.last("line")["data"]["since"] == first.last("line")["data"]["since"]
    assert first.types.count("line") == 1
    house.publish_more(1)
    await until(lambda: late.last("line")["data"]["state"] == "live")
