"""Thousands of rows in one statement: told in messages of five hundred, to each audience its own."""

import sqlite3
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection

from scheduler_realtime import Audience
from scheduler_realtime.models import Message
from scheduler_realtime.testing import heard_by, pump
from tests.hosts.bound import Bind, Told
from tests.hosts.models import Operation

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

ROWS = 5000
FEWER = 1100

Timed = Callable[[str], Any]


def to_its_lead(self: Any, operation: Operation) -> Audience:
    return Audience(users=[operation.lead_id])


@pytest.fixture
def users() -> list[User]:
    return [User.objects.create(username=name) for name in ("old", "other", "new")]


@pytest.fixture
def told(users: list[User], bind: Bind) -> Told:
    """Thousands of operations, half of them of one user and half of another."""
    make(ROWS, *users[:2])
    bind(Operation, tracked=["lead", "status"], audience=to_its_lead)
    return Told()


def make(count: int, *leads: User) -> list[Operation]:
    return Operation.objects.bulk_create(
        [Operation(lead=leads[n % len(leads)], status="secret") for n in range(count)]
    )


@pytest.fixture
def timed(capsys: pytest.CaptureFixture[str]) -> Timed:
    """`with timed(f"an update of {ROWS} rows"):` prints how long the block took; nothing depends on it."""

    @contextmanager
    def timed(what: str) -> Iterator[None]:
        begin = time.perf_counter()
        yield
        with capsys.disabled():
            seconds = time.perf_counter() - begin
            print(f"\n{what} on {connection.vendor}: {seconds:.2f} s")  # noqa: T201

    return timed


@pytest.fixture
def _few_variables() -> Iterator[None]:
    """Hardly more variables in a statement of SQLite than the log's own have."""
    if connection.vendor != "sqlite":
        yield
        return
    connection.ensure_connection()
    limit = sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER
    before = connection.connection.setlimit(limit, 7_001)
    yield
    connection.connection.setlimit(limit, before)


@pytest.mark.usefixtures("_few_variables")
def test_each_audience_hears_of_its_own_rows_by_five_hundred(
    told: Told, users: list[User], timed: Timed
) -> None:
    with timed(f"an update of {ROWS} rows"):
        Operation.objects.update(lead=users[2])
    with timed(f"the relay's turn after an update of {ROWS} rows"):
        pump()

    frames = heard_by(users[2])
    assert {frame["data"]["action"] for frame in frames} == {"bulk"}
    assert [len(frame["data"]["objects"]) for frame in frames] == [500] * 10
    keys = {each["surgery_id"] for frame in frames for each in frame["data"]["objects"]}
    assert keys == set(Operation.objects.values_list("pk", flat=True))


@pytest.mark.usefixtures("_few_variables")
def test_those_who_lose_sight_of_them_hear_of_their_own_and_no_values(
    told: Told, users: list[User]
) -> None:
    before = {
        user.pk: set(Operation.objects.filter(lead=user).values_list("pk", flat=True))
        for user in users[:2]
    }

    Operation.objects.update(lead=users[2], status="done")

    for user in users[:2]:
        frames = heard_by(user)
        objects = [each for frame in frames for each in frame["data"]["objects"]]
        assert {each["surgery_id"] for each in objects} == before[user.pk]
        assert {(each["action"], each["reason"]) for each in objects} == {("delete", "left")}
        assert "secret" not in str(frames)
        assert "done" not in str(frames)


@pytest.mark.usefixtures("_few_variables")
@pytest.mark.parametrize("name", ["bulk_create", "bulk_update", "upsert", "delete", "_raw_delete"])
def test_other_writes_of_many_rows_are_told(
    users: list[User], bind: Bind, timed: Timed, name: str
) -> None:
    rows = make(FEWER, users[0])
    bind(Operation, tracked=["lead", "status"], audience=to_its_lead)
    told = Told()
    for row in rows:
        row.status = "done"

    with timed(f"`{name}` of {FEWER} rows"):
        write(name, rows)

    assert sum(len(data["objects"]) for data in told.data()) == FEWER


def write(name: str, rows: list[Operation]) -> None:
    match name:
        case "bulk_create":
            Operation.objects.bulk_create([Operation(status="new") for _ in rows])
        case "bulk_update":
            Operation.objects.bulk_update(rows, ["status"])
        case "upsert":
            Operation.objects.bulk_create(
                rows, update_conflicts=True, update_fields=["status"], unique_fields=["id"]
            )
        case "delete":
            Operation.objects.all().delete()
        case _:
            Operation.objects.all()._raw_delete("default")  # noqa: SLF001 - hosts do


def test_its_memory_is_that_of_its_rows_and_not_of_their_messages(
    told: Told, users: list[User]
) -> None:
    tracemalloc.start()
    rows = list(Operation.objects.all())
    _, of_rows = tracemalloc.get_traced_memory()
    del rows
    tracemalloc.reset_peak()

    Operation.objects.update(lead=users[2])

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert Message.objects.filter(position=None).count() == ROWS
    assert peak < 2 * of_rows
