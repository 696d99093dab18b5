"""New objects, and what only looks like one: by its key, old or copied or made in Python."""

import datetime as dt
import uuid
from zoneinfo import ZoneInfo

import pytest
from django.db import IntegrityError, transaction

from tests.hosts.bound import Bind, Told
from tests.hosts.models import (
    Appointment,
    Coded,
    Operation,
    Room,
)

pytestmark = pytest.mark.django_db

VIENNA = ZoneInfo("Europe/Vienna")
EIGHT = dt.datetime(2026, 3, 10, 8, tzinfo=VIENNA)
NINE = dt.datetime(2026, 3, 10, 9, tzinfo=VIENNA)


def test_a_new_object_is_told_with_all_it_has(bind: Bind) -> None:
    room = Room.objects.create()
    bind(Operation, room="room", start="start", end="end", tracked=["status", "start", "room"])
    told = Told()

    operation = Operation.objects.create(room=room, start=EIGHT, end=NINE)

    assert told.data() == [
        {
            "action": "create",
            "model": "hosts.operation",
            "surgery_id": operation.pk,
            "room_id": room.pk,
            "schedule_date": "2026-03-10",
            "changes": {
                "status": "planned",
                "start": "2026-03-10T07:00:00.000Z",
                "room": room.pk,
            },
            "previous": {},
            "affected_surgeries": [],
        }
    ]


def test_what_the_database_fills_in_is_told(bind: Bind) -> None:
    bind(Coded, tracked=["loud", "made"])
    told = Told()

    coded = Coded.objects.create(code="a", status="done")

    [(_, _, changes)] = told.changes()
    coded.refresh_from_db()
    assert changes["loud"] == "DONE"
    assert changes["made"][:19] == coded.made.astimezone(dt.UTC).isoformat()[:19]


def test_a_copy_without_its_key_is_a_new_object(bind: Bind) -> None:
    operation = Operation.objects.create()
    bind(Operation)
    told = Told()

    operation.pk = None
    operation.save()

    [data] = told.data()
    assert (data["action"], data["surgery_id"]) == ("create", operation.pk)


def test_a_copy_of_an_object_whose_key_python_makes_is_new(bind: Bind) -> None:
    visit = Appointment.objects.create()
    bind(Appointment)
    told = Told()

    visit.pk = None
    visit.save()

    [data] = told.data()
    assert (data["action"], data["surgery_id"]) == ("create", str(visit.pk))


def test_a_changed_key_is_a_new_object(bind: Bind) -> None:
    coded = Coded.objects.create(code="old")
    bind(Coded, tracked=["status"])
    told = Told()

    coded.code = "new"
    coded.save()

    [data] = told.data()
    assert (data["action"], data["surgery_id"]) == ("create", "new")


def test_a_new_instance_with_the_key_of_a_row_is_an_update(bind: Bind) -> None:
    Coded.objects.create(code="a")
    bind(Coded, tracked=["status"])
    told = Told()

    Coded(code="a", status="done").save()

    assert told.changes() == [("update", {"status": "planned"}, {"status": "done"})]


def test_a_forced_update_of_a_row_that_was_never_read_is_an_update(bind: Bind) -> None:
    visit = Appointment.objects.create(place="North")
    bind(Appointment, tracked=["place"])
    told = Told()

    Appointment(pk=visit.pk, place="South").save(force_update=True)

    assert told.changes() == [("update", {"place": "North"}, {"place": "South"})]


def test_update_or_create_tells_each_once(bind: Bind) -> None:
    bind(Coded, tracked=["status"])
    told = Told()

    actions = []
    for status in ("new", "done", "done"):
        Coded.objects.update_or_create(code="a", defaults={"status": status})
        actions += told.changes()

    assert actions == [
        ("create", {}, {"status": "new"}),
        ("update", {"status": "new"}, {"status": "done"}),
    ]


def test_get_or_create_tells_only_what_it_creates(bind: Bind) -> None:
    bind(Coded, tracked=["status"])
    told = Told()

    for _ in range(2):
        Coded.objects.get_or_create(code="a")

    assert told.changes() == [("create", {}, {"status": "planned"})]


def test_a_save_that_fails_tells_nothing(bind: Bind) -> None:
    first = Coded.objects.create(code="a")
    bind(Coded)
    told = Told()

    with pytest.raises(IntegrityError), transaction.atomic():
        Coded(code="a").save(force_insert=True)

    assert told.rows() == []
    first.status = "done"
    first.save()
    assert [data["action"] for data in told.data()] == ["update"]


def test_a_key_made_in_python_is_told_as_a_text(bind: Bind) -> None:
    bind(Appointment)
    told = Told()

    key = uuid.uuid4()
    Appointment.objects.create(pk=key)

    assert [data["surgery_id"] for data in told.data()] == [str(key)]
