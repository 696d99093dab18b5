"""The lease: a node lives on while its books thread is held up, and only then asks beside it."""

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest
from django.db import OperationalError

from scheduler_realtime import books, lease
from tests.harness.house import House
from tests.harness.line import until

pytestmark = pytest.mark.sqlite_only

OUT = OperationalError("the database is out")


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "LATE", 0.05)


@pytest.fixture
async def held_up(house: House) -> AsyncIterator[House]:
    """A hub whose books thread waits, as for roles that the host looks up in a slow directory."""
    await until(lambda: house.register.batches)
    begun, over = threading.Event(), threading.Event()
    waiting = asyncio.ensure_future(books.run(lambda: (begun.set(), over.wait(10))))
    await asyncio.to_thread(begun.wait, 5)
    house.register.renewals.clear()
    yield house
    over.set()
    await waiting


async def test_a_node_whose_books_are_held_up_keeps_its_lease(held_up: House) -> None:
    held_up.hub.attendance.report = lambda: '{"published": 5}'

    await until(lambda: len(held_up.register.renewals) >= 2)

    assert held_up.register.renewals[-1] == '{"published": 5}'


async def test_a_database_that_is_out_meanwhile_is_asked_again(held_up: House) -> None:
    held_up.register.faults = [OUT, OUT]

    await until(lambda: not held_up.register.faults)
    renewed = len(held_up.register.renewals)

    await until(lambda: len(held_up.register.renewals) > renewed)


async def test_a_node_whose_books_go_on_asks_for_nothing_beside_them(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "LATE", 3600)
    await until(lambda: house.register.batches)
    house.register.renewals.clear()

    for _ in range(3):
        await house.hub.attendance.turn(is_round=True)

    assert not house.register.renewals
