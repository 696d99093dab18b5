"""Rights: a socket in doubt hears nothing until its user is known, and then what is still its."""

import asyncio
import threading
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.db import OperationalError
from pytest_django import Settings

from scheduler_realtime import backoff
from scheduler_realtime import identity as identities
from scheduler_realtime import watch as watches
from scheduler_realtime.claims import Claims
from scheduler_realtime.identity import Identity
from tests.harness.house import House, Seat, identity, row
from tests.harness.line import Line, until

pytestmark = pytest.mark.sqlite_only

Found = dict[Claims, Identity | None]


class Registry:
    """What looking users up finds, when it may answer, and whom it was asked for."""

    def __init__(self) -> None:
        self.answer: Callable[[Claims], Identity | None] = lambda claims: None
        self.asked: list[set[Any]] = []
        self.faults: list[Exception] = []
        self.may_answer = threading.Event()
        self.may_answer.set()

    def look_up(self, claims: Collection[Claims]) -> Found:
        """As `identity.identities`; what is found is as it was when it was asked."""
        answers = {each: self.answer(each) for each in claims}
        self.asked.append({each.user_key for each in claims})
        assert self.may_answer.wait(5)
        if self.faults:
            raise self.faults.pop(0)
        return answers


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    found = Registry()
    monkeypatch.setattr(identities, "identities", found.look_up)
    monkeypatch.setattr(backoff, "PAUSES", (0.01,))
    yield found
    found.may_answer.set()


def order(house: House, users: list[int] | None, *, after: float = 0) -> None:
    """A control row that has these users looked up."""
    position = house.state().head + 1
    house.publish(row(position, "control", groups=[], order="look_up", users=users, after=after))


async def test_who_lost_a_role_hears_nothing_of_it_from_the_order_on(
    house: House, registry: Registry
) -> None:
    who = identity()
    registry.answer = lambda claims: replace(who, groups=frozenset({"everyone", "user.1"}))
    registry.may_answer.clear()
    seat = await house.join(who=who)

    order(house, [1])
    house.publish_more(3, groups=["role.nurse"])
    house.publish_more(1)
    await house.told()
    await until(lambda: registry.asked)
    heard_meanwhile = seat.positions
    registry.may_answer.set()
    await until(lambda: seat.positions)

    assert heard_meanwhile == []
    assert seat.positions == [5]


async def test_who_still_catches_up_hears_nothing_either(house: House, registry: Registry) -> None:
    who = identity()
    registry.answer = lambda claims: replace(who, groups=frozenset({"everyone", "user.1"}))
    registry.may_answer.clear()
    house.publish_more(20, groups=["role.nurse"])
    house.publish_more(1)
    await house.told()
    line = Line()
    line.stall()
    seat = await house.join(line, query=f"since=0&epoch={house.epoch}", who=who)
    await until(lambda: seat.connection.position)  # as far as the mailbox has room

    order(house, [1])
    await until(lambda: registry.asked)
    line.read_on()
    await until(lambda: line.texts)
    await asyncio.sleep(0)
    promised = house.hub.road.promised(seat.connection)
    registry.may_answer.set()
    await until(lambda: 21 in seat.positions)

    assert promised < 10
    assert len(seat.positions) < 10  # what had been put into the mailbox before


async def test_a_socket_in_doubt_is_in_no_group_and_is_promised_nothing(
    house: House, registry: Registry
) -> None:
    registry.may_answer.clear()
    seat = await house.join()

    order(house, [1])
    house.publish_more(2)
    await house.told()

    assert house.hub.groups.members(["user.1", "role.nurse", "everyone"]) == set()
    assert house.hub.road.promised(seat.connection) == 0


async def test_who_lost_nothing_misses_nothing(house: House, registry: Registry) -> None:
    who = identity()
    registry.answer = lambda claims: who
    registry.may_answer.clear()
    seat = await house.join(who=who)

    order(house, None)
    house.publish_more(3, groups=["role.nurse"])
    await house.told()
    registry.may_answer.set()
    await until(lambda: len(seat.positions) == 3)
    house.publish_more(1)
    await until(lambda: len(seat.positions) == 4)

    assert seat.positions == [2, 3, 4, 5]


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (lambda who: None, 4401),
        (lambda who: replace(who, is_active=False), 4403),
        (lambda who: replace(who, password_mark="another"), 4401),
    ],
    ids=["gone", "inactive", "another password"],
)
async def test_whose_right_ended_is_closed_at_once(
    house: House, registry: Registry, found: Any, code: int
) -> None:
    who = replace(identity(), password_mark="the first")
    registry.answer = lambda claims: found(who)
    seat = await house.join(who=who)

    order(house, [1])
    await until(lambda: seat.line.close_code)

    assert seat.line.close_code == code


async def test_who_was_told_that_the_token_ends_is_not_told_again_by_a_look_up(
    house: House, registry: Registry
) -> None:
    who = identity(expires_at=time.time() + 30)
    registry.answer = lambda claims: who
    seat = await house.join(who=who)
    seat.connection.is_warned = True

    order(house, [1])
    house.publish_more(1)
    await until(lambda: seat.positions)

    assert seat.connection.is_warned


async def test_only_the_named_are_looked_up(house: House, registry: Registry) -> None:
    people = {n: identity({"everyone", f"user.{n}"}, user_id=n) for n in (1, 2, 3)}
    registry.answer = lambda claims: people[claims.user_key]
    for who in people.values():
        await house.join(who=who)

    order(house, [2, 7])
    await until(lambda: registry.asked)

    assert registry.asked == [{2}]


async def test_a_second_order_is_not_answered_by_what_was_asked_before_it(
    house: House, registry: Registry
) -> None:
    who = identity()
    registry.answer = lambda claims: who
    registry.may_answer.clear()
    seat = await house.join(who=who)

    order(house, [1])
    await until(lambda: registry.asked)
    registry.answer = lambda claims: None
    order(house, [1])
    await house.told()
    registry.may_answer.set()
    await until(lambda: seat.line.close_code)

    assert seat.line.close_code == 4401


async def test_who_joins_behind_an_order_is_looked_up_again(
    house: House, registry: Registry
) -> None:
    order(house, [1])
    await house.told()
    late, other = await house.join(), await house.join(who=identity({"everyone"}, user_id=2))

    await until(lambda: late.line.close_code)

    assert (late.line.close_code, other.line.close_code) == (4401, None)


async def test_an_order_for_later_is_obeyed_later(house: House, registry: Registry) -> None:
    seat = await house.join()

    order(house, [1], after=0.05)
    await house.told()
    asked_at_once = list(registry.asked)
    await until(lambda: seat.line.close_code)

    assert asked_at_once == []


# A database that is out.


async def test_a_look_up_that_fails_is_tried_until_it_answers(
    house: House, registry: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    who = identity()
    registry.answer = lambda claims: who
    registry.faults = [OperationalError("out") for _ in range(3)]
    seat = await house.join(who=who)

    order(house, [1])
    house.publish_more(1)
    await until(lambda: seat.positions)

    assert seat.positions == [2]
    assert len(registry.asked) == 4
    assert caplog.text.count("cannot be looked up") == 1


async def test_who_cannot_be_looked_up_for_too_long_is_to_try_again(
    house: House, registry: Registry, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.SCHEDULER_REALTIME = {"REVALIDATE_INTERVAL": 0.2}
    monkeypatch.setattr(watches, "ROUND", 0.01)
    registry.may_answer.clear()
    seat, other = await house.join(), await house.join(who=identity({"everyone"}, user_id=2))

    begun = time.monotonic()
    order(house, [1])
    house.publish_more(1)
    # The first round of the watch began before its pause was shortened.
    await until(lambda: seat.line.close_code, within=3)

    assert (seat.line.close_code, other.line.close_code) == (4513, None)
    assert seat.positions == []
    assert time.monotonic() - begun >= 0.2


async def test_who_left_while_in_doubt_is_forgotten(house: House, registry: Registry) -> None:
    registry.faults = [OperationalError("out")]
    registry.may_answer.clear()
    seat = await house.join()

    order(house, [1])
    await until(lambda: registry.asked)
    seat.leave()
    registry.may_answer.set()
    await until(lambda: not house.hub.rights._doubts)  # noqa: SLF001 - nobody else sees it

    assert list(house.hub.groups.names()) == []


# The end of a session.


async def by_session(house: House, mark: str | None) -> Seat:
    return await house.join(who=identity(session_mark=mark))


async def test_a_session_that_ends_takes_what_it_opened_with_it_and_nothing_else(
    house: House,
) -> None:
    mine, others, token = [await by_session(house, mark) for mark in ("mine", "other's", None)]

    house.publish(row(1, "control", groups=[], order="end_session", session="mine"))
    await house.told()
    late = await by_session(house, "mine")
    await until(lambda: late.line.close_code)
    await asyncio.sleep(0)

    assert (mine.line.close_code, late.line.close_code) == (4401, 4401)
    assert (others.line.close_code, token.line.close_code) == (None, None)
