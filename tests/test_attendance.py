"""Attendance: a hub's sockets in the database, in batches, whatever the database does meanwhile."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from django.db import OperationalError
from pytest_django import Settings

from scheduler_realtime import attendance, close_codes
from scheduler_realtime.presence import Device
from scheduler_realtime.session import Session
from tests.harness.house import House, Seat, identity
from tests.harness.line import Line, until

pytestmark = pytest.mark.sqlite_only

OUT = OperationalError("the database is out")


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches follow one another, and rounds are only made where a test asks for one."""
    monkeypatch.setattr(attendance, "BATCH", 0.01)
    monkeypatch.setattr(attendance, "PAUSE", 0.01)
    monkeypatch.setattr(attendance, "RETRY", 0.01)


async def written(house: House, *seats: Seat) -> None:
    """Wait until exactly these sockets are written down."""
    ids = {seat.connection.id for seat in seats}
    await until(lambda: house.register.sockets == ids)


async def test_sockets_that_come_together_are_one_batch(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await until(lambda: house.register.batches)
    monkeypatch.setattr(attendance, "BATCH", 0.5)  # however long the joins take here
    seats = [await house.join() for _ in range(20)]

    await written(house, *seats)

    assert sum(bool(batch.arrived) for batch in house.register.batches) == 1


async def test_a_socket_that_comes_and_goes_at_once_is_never_written(house: House) -> None:
    await until(lambda: house.register.batches)

    (await house.join()).leave()
    stays = await house.join()
    await written(house, stays)

    assert all(not batch.left for batch in house.register.batches)
    assert [len(batch.arrived) for batch in house.register.batches if batch.arrived] == [1]


async def test_a_socket_that_goes_is_written_once_however_often_it_leaves(house: House) -> None:
    seat = await house.join()
    await written(house, seat)

    seat.leave()
    seat.leave()
    await written(house)

    assert [dict(batch.left) for batch in house.register.batches if batch.left] == [
        {seat.connection.id: 1}
    ]


async def test_what_comes_while_the_database_is_out_is_written_when_it_is_back(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    first, goes = await house.join(), await house.join()
    await written(house, first, goes)
    house.register.faults = [OUT] * 3
    second = await house.join()
    goes.leave()

    await written(house, first, second)

    assert house.register.batches[-1].is_all
    assert [record.message for record in caplog.records if "cannot be written" in record.message]


async def test_a_move_that_failed_is_written_again(house: House) -> None:
    seat = await house.join()
    await written(house, seat)
    house.register.faults = [OUT]

    house.hub.attendance.note(seat.connection, "/rooms", None)
    await until(lambda: any(batch.moved for batch in house.register.batches))

    assert house.register.people[1].current_page == "/rooms"


async def test_a_node_that_was_taken_for_dead_registers_everything_anew(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    seat = await house.join()
    await written(house, seat)
    house.register.is_lost = True

    other = await house.join()
    await written(house, seat, other)

    batch = house.register.batches[-1]
    assert batch.is_all
    assert {each.id for each in batch.arrived} == {seat.connection.id, other.connection.id}
    assert "taken for dead" in caplog.text


async def test_who_registers_everything_sweeps_nothing_until_the_others_are_back(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await until(lambda: house.register.batches)
    monkeypatch.setattr(attendance, "SETTLE", 0.0)
    house.hub.attendance.doubt()
    await house.hub.attendance.turn()
    settled = house.register.sweeps

    monkeypatch.setattr(attendance, "SETTLE", 3600)
    house.hub.attendance.doubt()
    await house.hub.attendance.turn()
    await house.hub.attendance.turn(is_round=True)

    assert 1 <= settled == house.register.sweeps


async def test_a_database_that_was_put_back_is_told_everything(house: House) -> None:
    seat = await house.join()
    await written(house, seat)
    house.register.sockets = {"of long ago"}
    count = len(house.register.batches)

    house.hub.road.replaced(house.state(), "epoch_changed")
    await written(house, seat)

    assert house.register.batches[count].is_all


async def test_a_page_is_cut_where_patients_and_tokens_stand(house: House) -> None:
    seat = await house.join()

    for page in ("/board?patient=7", "/board#7"):
        house.hub.attendance.note(seat.connection, page, "2026-01-15")
        assert seat.connection.current_page == "/board"
    house.hub.attendance.note(seat.connection, "/" + "x" * 500, None)

    assert len(seat.connection.current_page or "") == 200


@pytest.mark.parametrize("page", ["/\\u0000", "/\\ud800"])
async def test_a_page_that_no_database_takes_is_refused(house: House, page: str) -> None:
    seat = await house.join()
    text = '{"type": "heartbeat", "data": {"current_page": "' + page + '"}}'

    await Session(house.hub, seat.connection).receive({"text": text})

    assert seat.last("error")["data"]["code"] == "bad_json"
    assert seat.connection.current_page is None


async def test_the_same_page_again_is_no_move(house: House) -> None:
    seat = await house.join()
    house.hub.attendance.note(seat.connection, "/board", None)
    await written(house, seat)
    count = len(house.register.batches)

    house.hub.attendance.note(seat.connection, "/board?again", None)
    other = await house.join()
    await written(house, seat, other)

    assert not any(batch.moved for batch in house.register.batches[count:])


async def test_a_role_that_changes_is_written_as_well(house: House) -> None:
    seat = await house.join()
    await written(house, seat)

    house.hub.identify(seat.connection, identity(user_id=1))
    known = seat.connection.identity
    house.hub.identify(seat.connection, replace(known, roles=("surgeon",)))
    await until(lambda: any(batch.moved for batch in house.register.batches))

    assert house.register.people[1].roles == ("surgeon",)
    assert sum(len(batch.moved) for batch in house.register.batches) == 1


async def test_a_silent_client_is_gone_though_it_does_not_answer_the_close_frame(
    house: House,
) -> None:
    line = Line()
    seat = await house.join(line)
    await written(house, seat)
    line.stall()

    seat.connection.close(close_codes.SILENT_CLIENT)
    await house.hub.attendance.turn()

    assert house.register.sockets == set()
    assert seat.connection in house.hub.connections


async def test_activity_is_written_once_in_a_while_for_those_who_were_heard_of(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    active, idle = await house.join(), await house.join()
    await written(house, active, idle)
    active.connection.heard_at = house.hub.loop.time()
    idle.connection.heard_at -= 60

    await house.hub.attendance.turn()
    monkeypatch.setattr(attendance, "SEEN", 0.0)
    await house.hub.attendance.turn()
    await house.hub.attendance.turn()

    seen = [[each.id for each in batch.seen] for batch in house.register.batches if batch.seen]
    assert seen == [[active.connection.id]]


async def test_the_end_forgets_the_node_and_nothing_is_written_after_it(house: House) -> None:
    seat = await house.join()
    await written(house, seat)

    await house.hub.attendance.sign_off()
    count = len(house.register.batches)
    await house.hub.attendance.turn(is_round=True)

    await asyncio.wait_for(house.hub.attendance.run(), 1)  # there is nothing left to do
    assert house.register.has_signed_off
    assert len(house.register.batches) == count


async def test_a_report_goes_with_the_lease(house: House) -> None:
    house.hub.attendance.report = lambda: '{"published": 5}'

    await house.hub.attendance.turn()

    assert house.register.batches[-1].report == '{"published": 5}'


async def test_nothing_grows_while_the_database_is_out(house: House) -> None:
    await until(lambda: house.register.batches)
    house.register.faults = [OUT] * 20
    stays = await house.join()

    while house.register.faults:
        (await house.join()).leave()
        await asyncio.sleep(0)

    await written(house, stays)
    assert house.register.batches[-1].left == {}


def scope(**facts: Any) -> dict[str, Any]:
    return {"type": "websocket", "client": ("10.0.0.1", 5), "headers": []} | facts


@pytest.mark.parametrize(
    ("given", "device"),
    [
        (
            scope(headers=[(b"user-agent", b"Browser/1")]),
            Device(address="10.0.0.1", user_agent="Browser/1"),
        ),
        (scope(client=None), Device()),
        ({}, Device()),
        (
            scope(headers=[(b"user-agent", b"a\x00b\x1b[31m\r\n\xe9" + b"x" * 500)]),
            Device(address="10.0.0.1", user_agent=("ab[31m\xe9" + "x" * 500)[:200]),
        ),
        (scope(client=["x" * 100, 0]), Device(address="x" * 64)),
    ],
)
def test_a_device_is_what_the_server_says_of_it_in_one_line(given: Any, device: Device) -> None:
    assert Device.of(given) == device


async def test_sockets_elsewhere_are_counted_only_where_there_is_a_total(
    house: House, settings: Settings
) -> None:
    house.register.elsewhere = 7
    await house.hub.attendance.turn(is_round=True)
    assert house.hub.door.elsewhere == 0

    settings.SCHEDULER_REALTIME = {"MAX_CONNECTIONS_TOTAL": 100}
    await house.hub.attendance.turn(is_round=True)

    assert house.hub.door.elsewhere == 7
