"""Managers that are Django's own capture once their model is registered; a host's stay as they are."""

import pickle
from typing import Any

import pytest
from django.db.migrations.state import ModelState
from django.db.models import Manager

from scheduler_realtime import RealtimeManager
from scheduler_realtime.querysets import take_over, uncaptured
from tests.hosts.bound import Bind, Told
from tests.hosts.models import (
    Booking,
    Category,
    Note,
    Operation,
    Procedure,
    Room,
    Stay,
    Unwatched,
    Wing,
)

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("name", ["objects", "plain", "_default_manager", "_base_manager"])
def test_a_bulk_write_through_any_of_them_is_told(bind: Bind, name: str) -> None:
    Operation.objects.create()
    bind(Operation, tracked=["status"])
    told = Told()

    getattr(Operation, name).update(status="done")

    assert told.changes() == [("update", {"status": "planned"}, {"status": "done"})]


def test_a_model_that_names_no_manager_is_told_of(bind: Bind) -> None:
    bind(Note, tracked=["text"])
    told = Told()

    Note.objects.bulk_create([Note(text="new")])

    assert told.changes() == [("create", {}, {"text": "new"})]


def test_a_bulk_write_of_what_another_depends_on_is_told(bind: Bind) -> None:
    category = Category.objects.create()
    booking = Booking.objects.create(
        start="2026-03-10T07:00Z", procedure=Procedure.objects.create(category=category)
    )
    bind(Booking, tracked=["procedure"], depends_on=["procedure.category.minutes"])
    told = Told()

    Category.objects.update(minutes=45)

    [data] = told.data()
    assert data["surgery_id"] == booking.pk
    assert data["changes"] == {"procedure.category.minutes": 45}


def test_a_key_on_the_way_that_is_set_null_is_told(bind: Bind) -> None:
    room = Room.objects.create(name="North")
    Booking.objects.create(start="2026-03-10T07:00Z", procedure=Procedure.objects.create(room=room))
    bind(Booking, tracked=["procedure"], depends_on=["procedure.room.name"])
    told = Told()

    room.delete()

    assert told.changes() == [
        ("update", {"procedure.room.name": "North"}, {"procedure.room.name": None})
    ]


def test_a_manager_that_somebody_has_in_hand_is_taken_over(bind: Bind) -> None:
    in_hand = Wing._base_manager, Wing.objects
    bind(Wing)
    told = Told()

    for manager in in_hand:
        manager.bulk_create([Wing()])

    assert [data["action"] for data in told.data()] == ["create", "create"]


def test_managers_that_are_copied_again_capture(bind: Bind) -> None:
    bind(Operation)

    for name in ("managers", "managers_map", "default_manager"):
        Operation._meta.__dict__.pop(name, None)

    assert type(Operation.plain) is RealtimeManager


def test_a_managers_place_among_the_others_stays(bind: Bind) -> None:
    names = [manager.name for manager in Operation._meta.managers]

    bind(Operation)

    assert [manager.name for manager in Operation._meta.managers] == names
    assert Operation._default_manager.name == "objects"


def test_what_is_taken_over_can_be_pickled(bind: Bind) -> None:
    bind(Note)

    again = pickle.loads(pickle.dumps(Note.objects.filter(text="seen")))  # noqa: S301 - our own

    assert list(again) == []


def test_no_migration_comes_of_it(bind: Bind) -> None:
    before = ModelState.from_model(Category).managers

    take_over(Category)

    assert ModelState.from_model(Category).managers == before == []


def test_a_managers_of_the_hosts_own_stays_as_it_is(bind: Bind) -> None:
    kinds: Any = [type(manager) for manager in Stay._meta.managers]

    bind(Stay)

    assert [type(Stay.objects), type(Stay.everything)] == [kinds[0], RealtimeManager]
    assert uncaptured(Stay) == ["objects"]


def test_a_model_that_is_not_registered_keeps_what_it_has(bind: Bind) -> None:
    bind(Operation)

    assert type(Unwatched._base_manager) is Manager
