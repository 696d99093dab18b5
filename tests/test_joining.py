"""Joining and leaving a hub: who is let in, and that nothing of them is left behind."""

import asyncio
from typing import Any

import pytest
from django.db import OperationalError

from scheduler_realtime import catching_up, log
from scheduler_realtime.exceptions import TokenRejected
from tests.harness.house import House, row, tasks_of_ours
from tests.harness.line import Line, turns, until

pytestmark = pytest.mark.sqlite_only

OUT = OperationalError("the database is out")


async def test_leaving_twice_leaves_nothing_behind(house: House) -> None:
    before = tasks_of_ours()
    seats = [await house.join(), await house.join()]
    seats[0].line.stall()
    house.publish_more(50)
    await house.told()
    await turns()  # the one that catches up waits for its client by now
    assert tasks_of_ours() > before

    for seat in [*seats, *seats]:
        seat.leave()

    await until(lambda: tasks_of_ours() <= before)
    assert house.hub.connections == set()
    assert list(house.hub.groups.names()) == []
    assert not house.hub.attendance.holds(1)


async def test_a_message_after_the_last_has_left_harms_nobody(house: House) -> None:
    seat = await house.join()
    seat.leave()

    house.publish_more(20)
    await house.told()

    assert seat.positions == []


async def test_a_join_that_is_cancelled_takes_no_place(house: House, settings: Any) -> None:
    settings.SCHEDULER_REALTIME = {"MAX_CONNECTIONS": 1}
    house.hub.road.ready.clear()
    joining = asyncio.create_task(house.join())
    await turns()

    joining.cancel()
    await asyncio.wait([joining])
    house.hub.road.ready.set()
    await house.join()

    assert len(house.hub.connections) == 1


async def test_those_that_are_joining_count_as_well(house: House, settings: Any) -> None:
    settings.SCHEDULER_REALTIME = {"MAX_CONNECTIONS": 1}
    house.hub.road.ready.clear()
    first = asyncio.create_task(house.join())
    await turns()

    with pytest.raises(TokenRejected) as refused:
        await house.join()

    assert refused.value.close_code == 4513
    house.hub.road.ready.set()
    await first


@pytest.mark.parametrize("fault", ["not read yet", "out"])
async def test_who_joins_while_the_log_cannot_be_read_is_told_to_come_again(
    house: House, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setattr(catching_up, "JUDGE_TIMEOUT", 0.05)
    house.publish_more(3)
    await house.told()
    if fault == "not read yet":
        house.hub.road.ready.clear()
    house.hub.road.ring.restart(3)
    house.faults = [OUT]

    with pytest.raises(TokenRejected) as refused:
        await house.join(query=f"since=1&epoch={house.epoch}")

    assert refused.value.close_code == 4513
    assert house.hub.connections == set()


async def test_a_log_that_is_replaced_while_somebody_joins_is_not_resumed_in(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.publish_more(3)
    await house.told()
    house.hub.road.ring.restart(3)
    old = house.epoch
    read = house.read_after

    def read_while_it_is_replaced(position: int, *, limit: int = 500) -> Any:
        page = read(position, limit=limit)
        house.epoch, house.rows = "another", [row(9)]
        house.hub.road.replaced(house.state(), "epoch_changed")
        return page

    monkeypatch.setattr(log, "read_after", read_while_it_is_replaced)

    seat = await house.join(query=f"since=1&epoch={old}")

    assert seat.frames[0]["data"]["recovered"] is False
    assert seat.frames[0]["data"]["epoch"] == "another"
    assert seat.last("resync")["data"]["reason"] == "epoch_changed"
    assert seat.positions == []


async def test_a_draining_hub_takes_nobody_and_closes_those_it_has(house: House) -> None:
    seat = await house.join()

    house.hub.drain()

    assert seat.line.close_code == 4512
    with pytest.raises(TokenRejected) as refused:
        await house.join()
    assert refused.value.close_code == 4512


async def test_a_socket_that_is_gone_in_the_middle_of_its_welcome_is_let_go(house: House) -> None:
    line = Line()
    line.error = ConnectionResetError("gone")

    seat = await house.join(line)
    seat.leave()

    assert seat.is_cut
    assert house.hub.connections == set()
