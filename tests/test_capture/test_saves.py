"""Saves: what is told of an object that is saved, in whatever way."""

import datetime as dt
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db.models import F

from scheduler_realtime import Audience, acting_as
from tests.hosts.bound import Bind, Told
from tests.hosts.models import (
    Operation,
    Room,
)

pytestmark = pytest.mark.django_db

VIENNA = ZoneInfo("Europe/Vienna")
EIGHT = dt.datetime(2026, 3, 10, 8, tzinfo=VIENNA)
NINE = dt.datetime(2026, 3, 10, 9, tzinfo=VIENNA)


def test_only_tracked_fields_that_differ_are_told(bind: Bind) -> None:
    operation = Operation.objects.create(weight=1)
    bind(Operation, tracked=["status", "start"])
    told = Told()

    operation.status, operation.weight = "done", 2
    operation.save()

    assert told.changes() == [("update", {"status": "planned"}, {"status": "done"})]


def test_a_change_of_what_is_not_tracked_is_not_told(bind: Bind) -> None:
    operation = Operation.objects.create()
    bind(Operation, tracked=["status"])
    told = Told()

    operation.weight = 2
    operation.save()

    assert told.rows() == []


def test_saving_an_unchanged_object_tells_nothing(bind: Bind) -> None:
    Operation.objects.create(
        start=EIGHT, weight=1.5, cost="9.50", details={"a": [1, {"b": None}]}, files="scan.png"
    )
    bind(Operation, room="room", start="start")
    told = Told()

    Operation.objects.get().save()

    assert told.rows() == []


def test_old_values_are_the_databases_and_not_the_instances(bind: Bind) -> None:
    operation = Operation.objects.create()
    bind(Operation, tracked=["status"])
    Operation.plain.update(status="begun")
    told = Told()

    operation.status = "done"
    operation.save()

    assert told.changes() == [("update", {"status": "begun"}, {"status": "done"})]


def test_a_stale_instance_that_puts_back_old_values_says_so(bind: Bind) -> None:
    operation = Operation.objects.create()
    bind(Operation, tracked=["status", "weight"])
    Operation.plain.update(status="begun")
    told = Told()

    operation.weight = 2.0
    operation.save()

    assert told.changes() == [
        ("update", {"status": "begun", "weight": None}, {"status": "planned", "weight": 2.0})
    ]


def test_update_fields_leave_out_what_memory_holds_besides(bind: Bind) -> None:
    operation = Operation.objects.create()
    bind(Operation, room="room")
    told = Told()

    operation.status, operation.weight, operation.room_id = "done", 9.0, 12345
    operation.save(update_fields=["status"])

    [data] = told.data()
    assert (data["changes"], data["room_id"]) == ({"status": "done"}, None)


def test_update_fields_may_name_a_keys_column(bind: Bind) -> None:
    operation, room = Operation.objects.create(), Room.objects.create()
    bind(Operation)
    told = Told()

    operation.room = room
    operation.save(update_fields=["room_id"])

    assert told.changes() == [("update", {"room": None}, {"room": room.pk})]


def test_an_expression_is_told_by_the_value_it_came_to(bind: Bind) -> None:
    operation = Operation.objects.create(room_changes=4)
    bind(Operation, tracked=["room_changes"])
    told = Told()

    operation.room_changes = F("room_changes") + 1
    operation.save()

    assert told.changes() == [("update", {"room_changes": 4}, {"room_changes": 5})]


@pytest.mark.parametrize(
    ("field", "same"),
    [
        ("start", "2026-03-10T08:00:00+01:00"),
        ("weight", "1.5"),
        ("cost", 9.5),
        ("cost", "9.500"),
        ("room_changes", "4"),
        ("details", {"pair": (1, 2), "at": EIGHT}),
    ],
)
def test_another_spelling_of_a_value_is_no_change(bind: Bind, field: str, same: Any) -> None:
    given = {"start": EIGHT, "weight": 1.5, "cost": "9.50", "room_changes": 4}
    operation = Operation.objects.create(**given, details={"pair": [1, 2], "at": EIGHT})
    bind(Operation)
    told = Told()

    setattr(operation, field, same)
    operation.save()

    assert told.rows() == []


def test_a_text_assigned_to_a_datetime_is_told_as_one(bind: Bind) -> None:
    operation = Operation.objects.create(start=EIGHT)
    bind(Operation, tracked=["start"], start="start")
    told = Told()

    operation.start = "2026-03-11T00:30:00+01:00"
    operation.save()

    [data] = told.data()
    assert data["changes"] == {"start": "2026-03-10T23:30:00.000Z"}
    assert data["schedule_date"] == "2026-03-11"


def test_a_deferred_column_is_neither_fetched_nor_told(bind: Bind) -> None:
    Operation.objects.create(details={"a": 1}, room_changes=3)
    bind(Operation)
    told = Told()
    operation = Operation.objects.only("status").get()

    operation.status = "done"
    operation.save()

    assert told.changes() == [("update", {"status": "planned"}, {"status": "done"})]
    assert "details" in operation.get_deferred_fields()


def test_a_refreshed_instance_tells_only_what_it_changes(bind: Bind) -> None:
    operation = Operation.objects.create()
    bind(Operation)
    Operation.plain.update(status="begun")
    told = Told()

    operation.refresh_from_db()
    operation.weight = 2.0
    operation.save()

    assert told.changes() == [("update", {"weight": None}, {"weight": 2.0})]


def test_a_save_says_who_did_it(bind: Bind) -> None:
    bind(Operation)
    told = Told()

    with acting_as(7):
        Operation.objects.create()

    assert [row.actor for row in told.rows()] == ["7"]


def test_a_number_is_told_as_the_database_rounds_it(bind: Bind) -> None:
    bind(Operation, tracked=["cost"])
    told = Told()

    Operation.objects.create(cost=Decimal("9.5"))

    assert told.changes() == [("create", {}, {"cost": "9.50"})]


@pytest.mark.filterwarnings("ignore:DateTimeField Operation.start received a naive datetime")
def test_a_naive_datetime_is_one_of_the_projects_time_zone(bind: Bind) -> None:
    operation = Operation.objects.create(start=EIGHT)

    def audience(self: Any, operation: Operation) -> Audience:
        return Audience(roles=["late" if operation.start > EIGHT else "early"])

    bind(Operation, audience=audience)
    told = Told()

    operation.start = EIGHT.replace(tzinfo=None)
    operation.save()

    assert told.rows() == []


def test_a_file_still_belongs_to_the_instance_it_was_got_from(bind: Bind) -> None:
    operation = Operation.objects.create(files="scan.png")
    bind(Operation)
    file = operation.files

    operation.status = "done"
    operation.save()

    assert file.instance is operation
