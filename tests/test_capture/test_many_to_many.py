"""Many-to-many relations: told from either side and by the rows between."""

import datetime as dt
import sqlite3
from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import User
from django.db import connection

from scheduler_realtime import Audience
from scheduler_realtime.testing import heard_by
from tests.hosts.bound import Bind, Told
from tests.hosts.models import (
    Assignment,
    Operation,
)

pytestmark = pytest.mark.django_db

VIENNA = ZoneInfo("Europe/Vienna")
EIGHT = dt.datetime(2026, 3, 10, 8, tzinfo=VIENNA)
NINE = dt.datetime(2026, 3, 10, 9, tzinfo=VIENNA)


@pytest.fixture
def users() -> list[User]:
    return [User.objects.create(username=name) for name in "abc"]


@pytest.fixture
def operation(users: list[User], bind: Bind) -> Operation:
    operation = Operation.objects.create()
    operation.team.add(users[0])
    bind(Operation, tracked=["status", "team", "linked", "helpers"])
    return operation


@pytest.mark.parametrize(
    ("change", "after"),
    [
        (lambda team, users: team.add(users[1]), [0, 1]),
        (lambda team, users: team.remove(users[0]), []),
        (lambda team, users: team.set(users[1:]), [1, 2]),
        (lambda team, users: team.clear(), []),
    ],
    ids=["add", "remove", "set", "clear"],
)
def test_a_change_from_its_own_side_is_told(
    operation: Operation, users: list[User], change: Any, after: list[int]
) -> None:
    told = Told()

    change(operation.team, users)

    assert told.changes() == [
        ("update", {"team": [users[0].pk]}, {"team": [users[n].pk for n in after]})
    ]


@pytest.mark.parametrize(
    ("user", "change", "after"),
    [
        (1, lambda side, operation: side.add(operation), [0, 1]),
        (0, lambda side, operation: side.remove(operation), []),
        (1, lambda side, operation: side.set([operation]), [0, 1]),
        (0, lambda side, operation: side.clear(), []),
    ],
    ids=["add", "remove", "set", "clear"],
)
def test_a_change_from_the_other_side_is_told(
    operation: Operation, users: list[User], user: int, change: Any, after: list[int]
) -> None:
    told = Told()

    change(users[user].operations, operation)

    assert told.changes() == [
        ("update", {"team": [users[0].pk]}, {"team": [users[n].pk for n in after]})
    ]


@pytest.fixture
def _few_variables(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A SQLite as it was before 3.32, and a log that writes few messages at once."""
    monkeypatch.setattr("scheduler_realtime.log.writing.BATCH", 50)
    connection.ensure_connection()
    limit = sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER
    before = connection.connection.setlimit(limit, 999)
    yield
    connection.connection.setlimit(limit, before)


@pytest.mark.sqlite_only
@pytest.mark.usefixtures("_few_variables")
def test_more_objects_than_a_statement_has_variables_are_told(
    operation: Operation, users: list[User]
) -> None:
    user, link = users[1], Operation.team.through
    Operation.objects.bulk_create([Operation() for _ in range(1200)])
    keys = Operation.objects.values_list("pk", flat=True)
    link.objects.bulk_create([link(operation_id=key, user=user) for key in keys])
    told = Told()

    user.delete()

    assert sum(len(data["objects"]) for data in told.data()) == 1201


def test_a_key_that_was_assigned_as_a_text_fails_no_change(
    operation: Operation, users: list[User]
) -> None:
    other = Operation.objects.create()
    told = Told()

    Operation(pk=str(operation.pk)).linked.add(other.pk)

    assert {data["surgery_id"]: data["changes"] for data in told.data()} == {
        operation.pk: {"linked": [other.pk]},
        other.pk: {"linked": [operation.pk]},
    }


def test_adding_who_is_there_already_tells_nothing(operation: Operation, users: list[User]) -> None:
    told = Told()

    operation.team.add(users[0])

    assert told.rows() == []


def test_a_deleted_target_is_told_to_be_off_the_list(
    operation: Operation, users: list[User]
) -> None:
    told, gone = Told(), users[0].pk

    users[0].delete()

    assert told.changes() == [("update", {"team": [gone]}, {"team": []})]


def test_a_symmetrical_relation_is_told_at_both_ends(operation: Operation) -> None:
    other = Operation.objects.create()
    told = Told()

    operation.linked.add(other)

    assert {data["surgery_id"]: data["changes"] for data in told.data()} == {
        operation.pk: {"linked": [other.pk]},
        other.pk: {"linked": [operation.pk]},
    }


def test_a_row_between_that_is_saved_moved_and_deleted_is_told(
    operation: Operation, users: list[User]
) -> None:
    other = Operation.objects.create()
    told = Told()
    key = users[0].pk

    link = Assignment.objects.create(operation=operation, user=users[0])
    added = told.changes()
    link.operation = other
    link.save()
    moved = {data["surgery_id"]: data["changes"] for data in told.data()}
    link.delete()
    removed = told.changes()

    assert added == [("update", {"helpers": []}, {"helpers": [key]})]
    assert moved == {operation.pk: {"helpers": []}, other.pk: {"helpers": [key]}}
    assert removed == [("update", {"helpers": [key]}, {"helpers": []})]


def test_a_cascade_to_rows_between_is_told_once(operation: Operation, users: list[User]) -> None:
    operation.helpers.add(users[1])
    told, gone = Told(), users[1].pk

    users[1].delete()

    assert told.changes() == [("update", {"helpers": [gone]}, {"helpers": []})]


def test_whoever_is_taken_off_hears_that_it_left(users: list[User], bind: Bind) -> None:
    operation = Operation.objects.create()
    operation.team.set(users[:2])

    def audience(self: Any, operation: Operation) -> Audience:
        return Audience(users=operation.team.values_list("pk", flat=True))

    bind(Operation, tracked=["team"], audience=audience)
    Told()

    operation.team.remove(users[0])

    assert [f["data"].get("reason") for f in heard_by(users[0])] == ["left"]
    assert [f["data"]["action"] for f in heard_by(users[1])] == ["update"]


def test_a_relation_that_is_not_tracked_is_left_alone(users: list[User], bind: Bind) -> None:
    operation = Operation.objects.create()
    bind(Operation, tracked=["status"])
    told = Told()

    operation.team.set(users)

    assert told.rows() == []
