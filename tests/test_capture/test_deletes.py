"""Deletes: cascades, and keys that the database sets."""

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import User
from django.db.models import ProtectedError, RestrictedError

from scheduler_realtime import Audience
from scheduler_realtime.testing import heard_by
from tests.hosts.bound import Bind, Told
from tests.hosts.models import (
    Bay,
    Bed,
    Booking,
    Category,
    Loan,
    Operation,
    Porter,
    Procedure,
    Room,
    Tent,
    Wing,
)

pytestmark = pytest.mark.django_db

VIENNA = ZoneInfo("Europe/Vienna")
EIGHT = dt.datetime(2026, 3, 10, 8, tzinfo=VIENNA)
NINE = dt.datetime(2026, 3, 10, 9, tzinfo=VIENNA)


def test_a_delete_is_told_with_what_there_was(bind: Bind) -> None:
    operation = Operation.objects.create(start=EIGHT)
    key = operation.pk
    bind(Operation, tracked=["status"], start="start")
    told = Told()

    operation.delete()

    [data] = told.data()
    assert (data["action"], data["surgery_id"], data["schedule_date"]) == (
        "delete",
        key,
        "2026-03-10",
    )
    assert (data["changes"], data["previous"]) == ({}, {"status": "planned"})


def test_a_cascade_is_told(bind: Bind) -> None:
    room = Room.objects.create()
    keys = {Operation.objects.create(room=room).pk: "delete" for _ in range(2)}
    bind(Operation, room="room")
    told = Told()

    room.delete()

    assert {data["surgery_id"]: data["action"] for data in told.data()} == keys
    assert not Operation.objects.exists()


def test_a_cascade_two_relations_away_is_told_with_the_room_there_was(bind: Bind) -> None:
    room, category = Room.objects.create(), Category.objects.create()
    procedure = Procedure.objects.create(room=room, category=category)
    Booking.objects.create(start=EIGHT, procedure=procedure)
    bind(Booking, room="procedure.room", start="start")
    told = Told()

    category.delete()

    assert [(data["action"], data["room_id"]) for data in told.data()] == [("delete", room.pk)]


@pytest.mark.parametrize("field", ["lead", "deputy"])
def test_a_key_that_the_database_sets_is_told(bind: Bind, field: str) -> None:
    user = User.objects.create(username="a")
    Operation.objects.create(**{field: user})
    key = user.pk
    bind(Operation, tracked=["lead", "deputy"])
    told = Told()

    user.delete()

    assert told.changes() == [("update", {field: key}, {field: None})]


def test_those_who_knew_by_a_key_hear_that_it_was_emptied(bind: Bind) -> None:
    lead = User.objects.create(username="lead")
    nurse = User.objects.create(username="nurse")
    operation = Operation.objects.create(lead=lead)

    def audience(self: Any, operation: Operation) -> Audience:
        return Audience(users=[nurse] if operation.lead and operation.lead.username else [])

    bind(Operation, tracked=["lead"], audience=audience)
    Told()

    lead.delete()

    [frame] = heard_by(nurse)
    assert (frame["data"]["surgery_id"], frame["data"]["reason"]) == (operation.pk, "left")


def test_a_key_that_is_not_tracked_is_left_alone(bind: Bind) -> None:
    user = User.objects.create(username="a")
    Operation.objects.create(lead=user)
    bind(Operation, tracked=["status"])
    told = Told()

    user.delete()

    assert told.rows() == []


def test_those_on_the_team_hear_of_the_delete(bind: Bind) -> None:
    nurse = User.objects.create(username="nurse")
    operation = Operation.objects.create()
    operation.team.add(nurse)

    def audience(self: Any, operation: Operation) -> Audience:
        return Audience(users=operation.team.all())

    bind(Operation, audience=audience)
    Told()

    operation.delete()

    assert [frame["data"]["action"] for frame in heard_by(nurse)] == ["delete"]


def test_what_the_database_deletes_two_keys_away_is_told(bind: Bind) -> None:
    wing = Wing.objects.create()
    bed = Bed.objects.create(bay=Bay.objects.create(wing=wing))
    key = bed.pk
    bind(Bed)
    told = Told()

    wing.delete()

    assert not Bed.objects.exists()
    assert [(data["action"], data["surgery_id"]) for data in told.data()] == [("delete", key)]


def test_what_a_tree_in_one_table_takes_along_is_told(bind: Bind) -> None:
    hospital = Wing.objects.create()
    Bed.objects.create(bay=Bay.objects.create(wing=Wing.objects.create(within=hospital)))
    bind(Bed)
    told = Told()

    hospital.delete()

    assert [data["action"] for data in told.data()] == ["delete"]


def test_what_the_database_deletes_in_bulk_is_told_once(bind: Bind) -> None:
    for _ in range(2):
        Bed.objects.create(bay=Bay.objects.create(wing=Wing.objects.create()))
    bind(Bed)
    told = Told()

    Wing.objects.all().delete()

    assert [data["action"] for data in told.data()] == ["delete"] * 2


def test_a_key_that_the_database_itself_sets_null_is_told(bind: Bind) -> None:
    porter = Porter.objects.create()
    Bed.objects.create(bay=Bay.objects.create(wing=Wing.objects.create()), porter=porter)
    bind(Bed, tracked=["porter"])
    told, key = Told(), porter.pk

    porter.delete()

    assert told.changes() == [("update", {"porter": key}, {"porter": None})]


def test_a_key_that_a_function_sets_is_told(bind: Bind) -> None:
    category = Category.objects.create(minutes=30)
    Loan.objects.create(category=category)
    bind(Loan, tracked=["category"])
    told, key = Told(), category.pk

    category.delete()

    spare = Category.objects.get(minutes=0)
    assert told.changes() == [("update", {"category": key}, {"category": spare.pk})]


@pytest.mark.parametrize("kind", [Room, Tent])
def test_a_delete_that_is_forbidden_tells_nothing(bind: Bind, kind: Any) -> None:
    held = kind.objects.create()
    Loan.objects.create(**{kind._meta.model_name: held})
    Operation.objects.create(room=Room.objects.first())
    bind(Operation)
    bind(Loan)
    told = Told()

    with pytest.raises((ProtectedError, RestrictedError)):
        held.delete()

    assert told.rows() == []
