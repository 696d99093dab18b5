"""Live sockets: what a permission or `may_see` keeps from them, in order, and who waits for it."""

import asyncio
import threading
from collections.abc import Iterable, Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import OperationalError
from pytest_django import Settings

from scheduler_realtime import backoff, books, judging, subjects
from scheduler_realtime import identity as identities
from scheduler_realtime.identity import Identity
from scheduler_realtime.judging import jury
from scheduler_realtime.log import Row
from tests.harness.house import House, Seat, identity, row
from tests.harness.line import Line, until
from tests.hosts.bound import Bind
from tests.hosts.models import Operation

pytestmark = pytest.mark.sqlite_only

HOLDER = frozenset({"everyone", "user.1", "permission.hosts.view_operation"})
OTHER = frozenset({"everyone", "user.2"})
NEEDS = frozenset({"permission.hosts.view_operation"})


class Bench:
    """Which objects who may see, who was asked about what, and when there is an answer."""

    def __init__(self) -> None:
        self.visible: dict[int, set[int]] = {}
        self.asked: list[tuple[int, int]] = []
        self.read: list[list[Any]] = []
        self.faults: list[Exception] = []
        self.may_answer = threading.Event()
        self.may_answer.set()

    def may_see(self, user: Any, operation: Operation) -> bool:
        assert self.may_answer.wait(5)
        self.asked.append((user.pk, operation.pk))
        if operation.pk == 13:
            raise LookupError
        return operation.pk in self.visible.get(user.pk, set())

    def users(self, keys: Iterable[Any]) -> dict[Any, Any]:
        self.read.append(sorted(keys))
        if self.faults:
            raise self.faults.pop(0)
        return {key: SimpleNamespace(pk=key) for key in self.read[-1]}


@pytest.fixture
def bench(bind: Bind, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    bench = Bench()
    bind(Operation, may_see=lambda binding, *asked: bench.may_see(*asked))
    monkeypatch.setattr(jury, "_users", bench.users)
    monkeypatch.setattr(backoff, "PAUSES", (0.01,))
    yield bench
    bench.may_answer.set()


def about(position: int, operation: int, **facts: Any) -> Row:
    """A message about an operation of that key, for `may_see` to be asked about."""
    subject = subjects.text_of({"of": "hosts.operation", "now": {"id": operation}})
    given = row(position, "schedule_update", action="update", changes={"n": 1}, **facts)
    return replace(given, subject=subject)


def somebody(user_id: int) -> Identity:
    return identity({"everyone", f"user.{user_id}"}, user_id=user_id)


async def heard(seat: Seat, *positions: int) -> None:
    await until(lambda: seat.positions and seat.positions[-1] == positions[-1])
    assert seat.positions == list(positions)


# A permission.


async def test_who_does_not_hold_the_permission_hears_the_rest_in_order(house: House) -> None:
    holder = await house.join(who=identity(HOLDER))
    other = await house.join(who=identity(OTHER, user_id=2))

    house.publish(row(1), replace(row(2), needs=NEEDS), row(3))
    await house.told()

    assert (holder.positions, other.positions) == ([1, 2, 3], [1, 3])


async def test_an_alert_that_hurries_ahead_needs_its_permission_too(house: House) -> None:
    holder = await house.join(who=identity(HOLDER))
    other = await house.join(who=identity(OTHER, user_id=2))

    house.hub.road.alert((replace(row(9, "emergency_alert"), needs=NEEDS),))
    await until(lambda: "emergency_alert" in holder.types)

    assert holder.last("emergency_alert")["early"] is True
    assert "emergency_alert" not in other.types


async def test_no_layer_is_asked_to_carry_to_a_permission(house: House) -> None:
    seat = await house.join(who=identity(HOLDER))

    assert set(house.hub.groups.names()) == {"everyone", "user.1"}
    assert seat.last("welcome")["data"]["groups"] == ["everyone", "user.1"]


async def test_a_permission_that_was_lost_takes_along_what_still_waits(house: House) -> None:
    line = Line()
    seat = await house.join(line, who=identity(HOLDER))
    line.stall()
    house.publish(*(replace(row(n), needs=NEEDS) for n in (1, 2, 3)), row(4))
    await house.told()

    house.hub.identify(seat.connection, identity({"everyone", "user.1"}))
    line.read_on()

    await until(lambda: 4 in seat.positions)
    # The first was on its way to the server already.
    assert seat.positions in ([4], [1, 4])


# A function.


async def test_what_may_see_refuses_is_left_out_and_the_order_stands(
    house: House, bench: Bench
) -> None:
    bench.visible = {1: {7, 8}, 2: {8}}
    seats = [await house.join(who=somebody(user)) for user in (1, 2, 3)]

    house.publish(row(1), about(2, 7), row(3), about(4, 8), row(5))

    for seat, positions in zip(seats, [(1, 2, 3, 4, 5), (1, 3, 4, 5), (1, 3, 5)], strict=True):
        await heard(seat, *positions)
    await until(lambda: all(seat.connection.is_live for seat in seats))


async def test_a_user_is_asked_about_once_for_each_message_however_many_tabs(
    house: House, bench: Bench
) -> None:
    bench.visible = {1: {7}, 2: {7}}
    seats = [await house.join(who=somebody(user)) for user in (1, 1, 1, 2)]

    house.publish(about(1, 7), about(2, 7))
    for seat in seats:
        await heard(seat, 1, 2)

    assert sorted(bench.asked) == [(1, 7), (1, 7), (2, 7), (2, 7)]
    assert sorted(key for keys in bench.read for key in keys) == [1, 2]


async def test_nobody_else_waits_for_a_function_that_takes_its_time(
    house: House, bench: Bench
) -> None:
    bench.visible = {1: {7}}
    bench.may_answer.clear()
    asking, other = await house.join(who=somebody(1)), await house.join(who=somebody(2))

    house.publish(about(1, 7, groups=["user.1"]), row(2), row(3))
    await heard(other, 2, 3)
    await until(lambda: bench.read)
    async with asyncio.timeout(2):
        assert await books.run(lambda: "a look-up") == "a look-up"
    heard_meanwhile = asking.positions
    bench.may_answer.set()
    await heard(asking, 1, 2, 3)

    assert heard_meanwhile == []


async def test_what_is_not_judged_yet_is_promised_to_nobody(house: House, bench: Bench) -> None:
    bench.may_answer.clear()
    seat = await house.join(who=somebody(1))

    house.publish(row(1), about(2, 7), row(3))
    await house.told()

    assert house.hub.road.promised(seat.connection) == 1


async def test_who_resumes_is_judged_too(house: House, bench: Bench) -> None:
    bench.visible = {1: {7}}
    house.publish(row(1), about(2, 7), about(3, 8), row(4))
    await house.told()

    query = f"since=0&epoch={house.epoch}"
    seats = [await house.join(query=query, who=somebody(user)) for user in (1, 2)]

    await heard(seats[0], 1, 2, 4)
    await heard(seats[1], 1, 4)
    assert "caught_up" in seats[1].types


async def test_what_awaits_an_acknowledgement_comes_again_only_where_it_may_be_seen(
    house: House, bench: Bench
) -> None:
    bench.visible = {1: {7}}
    house.publish(about(1, 7, ack_required=True), about(2, 8, ack_required=True), row(3))
    await house.told()

    seat = await house.join(who=somebody(1))
    house.publish(row(4))

    await heard(seat, 1, 4)


async def test_a_database_that_is_out_is_waited_for(house: House, bench: Bench) -> None:
    bench.visible = {1: {7}}
    bench.faults = [OperationalError("out"), OperationalError("out")]
    seat = await house.join(who=somebody(1))

    house.publish(about(1, 7), row(2))

    await heard(seat, 1, 2)
    assert not bench.faults


async def test_who_cannot_be_told_reads_afresh_and_goes_on(
    house: House, bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    seat = await house.join(who=somebody(1))

    house.publish(row(1), about(2, 13, ack_required=True), row(3))

    await heard(seat, 1, 3)
    assert seat.last("resync")["data"]["reason"] == "judging_failed"
    assert seat.last("resync")["data"]["position"] == 2
    assert seat.connection.confirm(3) == set()
    assert caplog.text.count("may_see of hosts.operation failed") == 1


async def test_a_user_who_changed_is_judged_anew(
    house: House, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        identities, "identities", lambda claims: {c: somebody(c.user_key) for c in claims}
    )
    who = replace(somebody(1), claims=replace(somebody(1).claims, user_key=1))
    seat = await house.join(who=who)
    house.publish(about(1, 7))
    await until(lambda: bench.asked and seat.connection.is_live)

    bench.visible = {1: {7}}
    house.publish(row(2, "control", groups=[], order="look_up", users=[1], after=0), about(3, 7))

    await heard(seat, 3)
    assert bench.read == [[1], [1]]


async def test_what_waits_while_rights_change_is_not_shown_but_read_afresh(
    house: House, bench: Bench
) -> None:
    bench.visible = {1: {7}}
    line = Line()
    seat = await house.join(line, who=somebody(1))
    line.stall()
    house.publish(row(1), about(2, 7), row(3))
    await until(lambda: seat.connection.position == 3)

    judging.forget([1])
    line.read_on()

    await heard(seat, 1, 3)
    assert seat.last("resync")["data"]["reason"] == "rights_changed"


async def test_what_is_known_of_a_user_counts_for_a_while(
    house: House, bench: Bench, settings: Settings
) -> None:
    settings.SCHEDULER_REALTIME = {"REVALIDATE_INTERVAL": 0.05}
    seat = await house.join(who=somebody(1))
    house.publish(about(1, 7))
    await until(lambda: bench.asked and seat.connection.is_live)
    known_at = house.rows[0].verdicts[somebody(1).listener].known_at

    bench.visible = {1: {7}}
    await until(lambda: judging.verdict_on(house.rows[0], somebody(1).listener) is None)
    house.publish(about(2, 7))

    await until(lambda: 2 in seat.positions or "resync" in seat.types)
    assert len(bench.read) >= 2
    assert house.rows[1].verdicts[somebody(1).listener].known_at > known_at


async def test_who_is_through_hears_before_all_are_judged(
    house: House, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jury, "TOGETHER", 1)
    monkeypatch.setattr(jury, "BUDGET", 0)
    bench.visible = {user: {7} for user in (1, 2, 3)}
    seats = [await house.join(who=somebody(user)) for user in (1, 2, 3)]

    house.publish(about(1, 7), row(2))
    for seat in seats:
        await heard(seat, 1, 2)

    assert sorted(bench.asked) == [(1, 7), (2, 7), (3, 7)]


async def test_no_more_verdicts_are_kept_than_there_is_room_for(
    house: House, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jury, "VERDICTS", 4)
    bench.visible = {1: {7}}
    seat = await house.join(who=somebody(1))

    for position in range(1, 11):
        house.publish(about(position, 7))
        await until(lambda position=position: position in seat.positions)

    kept = [each.position for each in house.rows if each.verdicts]
    assert kept == list(range(11 - len(kept), 11))
    assert len(kept) <= 5
