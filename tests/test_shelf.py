"""The shelf: one reading serves all who are as far behind, and never the wrong log's."""

import asyncio
import threading
from typing import Any

import pytest

from scheduler_realtime import log
from scheduler_realtime import shelf as shelves
from scheduler_realtime.exceptions import HistoryGap
from scheduler_realtime.log import Page
from scheduler_realtime.shelf import Shelf
from tests.harness.house import House, row
from tests.harness.line import until

pytestmark = pytest.mark.sqlite_only


class Archive:
    """A log in memory, whose readings a test may hold up."""

    def __init__(self, count: int, body: str = "{}") -> None:
        self.house = House()
        self.house.rows = [row(position, body=body) for position in range(1, count + 1)]
        self.may_read = threading.Event()
        self.may_read.set()

    def read_after(self, position: int, *, limit: int = 500) -> Page:
        self.may_read.wait(5)
        return self.house.read_after(position, limit=limit)


@pytest.fixture
async def archive(monkeypatch: pytest.MonkeyPatch) -> Archive:
    archive = Archive(100)
    monkeypatch.setattr(log, "read_after", archive.read_after)
    return archive


async def positions(shelf: Shelf, archive: Archive, after: int, limit: int = 10) -> list[int]:
    page = await shelf.after(after, limit, archive.house.epoch)
    return [each.position for each in page.rows]


async def test_what_one_has_read_the_others_find_there(archive: Archive) -> None:
    shelf = Shelf()

    found = [await positions(shelf, archive, after, limit=30) for after in (20, 20, 35, 49)]

    assert found == [list(range(21, 51)), list(range(21, 51)), list(range(36, 51)), [50]]
    assert archive.house.reads == 1


async def test_behind_its_last_row_a_page_says_nothing(archive: Archive) -> None:
    shelf = Shelf()
    await positions(shelf, archive, 20)

    assert await positions(shelf, archive, 30) == list(range(31, 41))
    assert await positions(shelf, archive, 19) == list(range(20, 30))
    assert archive.house.reads == 3


async def test_who_asks_while_somebody_reads_waits_for_that(archive: Archive) -> None:
    shelf = Shelf()
    archive.may_read.clear()

    asking = [asyncio.create_task(positions(shelf, archive, 50)) for _ in range(20)]
    await asyncio.sleep(0)
    archive.may_read.set()
    found = await asyncio.gather(*asking)

    assert found == [list(range(51, 61))] * 20
    assert archive.house.reads == 1


async def test_a_reading_that_fails_is_no_answer_for_the_others(archive: Archive) -> None:
    shelf = Shelf()
    archive.house.faults = [HistoryGap("trimmed")]

    found = await asyncio.gather(
        *(positions(shelf, archive, 50) for _ in range(3)), return_exceptions=True
    )

    assert [type(each) for each in found] == [HistoryGap, list, list]
    assert archive.house.reads == 2


async def test_pages_of_another_epoch_are_not_shared(archive: Archive) -> None:
    shelf = Shelf()
    await positions(shelf, archive, 50)
    archive.house.epoch, archive.house.rows = "another", [row(55), row(56)]

    assert await positions(shelf, archive, 50) == [55, 56]


@pytest.mark.parametrize(("rows", "size"), [(25, 10**6), (10**6, 60)])
async def test_what_it_keeps_is_bounded(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, rows: int, size: int
) -> None:
    monkeypatch.setattr(shelves, "ROWS", rows)
    monkeypatch.setattr(shelves, "BYTES", size)
    shelf = Shelf()
    for after in (0, 10, 20, 30):
        await positions(shelf, archive, after)
    read = archive.house.reads

    await positions(shelf, archive, 30)
    assert archive.house.reads == read
    await positions(shelf, archive, 0)
    assert archive.house.reads == read + 1


async def test_many_who_come_back_at_once_share_what_is_read(house: House) -> None:
    house.publish_more(60)
    await house.told()
    house.hub.road.ring.restart(60)
    house.reads = 0

    seats: list[Any] = await asyncio.gather(
        *(house.join(query=f"since={10 + n % 10}&epoch={house.epoch}") for n in range(100))
    )
    house.publish_more(3)
    await house.told()
    await until(lambda: all("caught_up" in seat.types for seat in seats))

    assert house.reads <= 20
    for n, seat in enumerate(seats):
        assert seat.positions == list(range(11 + n % 10, 64))


async def test_a_log_that_is_replaced_leaves_nothing_there(house: House) -> None:
    house.publish_more(10)
    await house.told()
    house.hub.road.ring.restart(10)
    await house.join(query=f"since=5&epoch={house.epoch}")
    read = house.reads

    house.hub.road.replaced(house.state(), "trimmed")
    await until(lambda: house.hub.road.generation == 2)
    await house.hub.road.shelf.after(5, 1, house.epoch)

    assert house.reads == read + 1
