"""Deletes: cascades, and keys that the database sets."""

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import User

from scheduler_realtime import Audience
from scheduler_realtime.testing import heard_by
from tests.hosts.bound import Bind, Told
from tests.hosts.models import (
    Booking,
    Category,
    Operation,
    Procedure,
    Room,
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
