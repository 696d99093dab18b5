"""Managers that Django makes: what is written through them is told."""

import datetime as dt

import pytest
from django.db.models import Manager

from tests.hosts.bound import Bind, Told
from tests.hosts.models import (
    Operation,
    Room,
    Stay,
    Unwatched,
)

pytestmark = pytest.mark.django_db

EIGHT = dt.datetime(2026, 3, 10, 7, tzinfo=dt.UTC)


@pytest.fixture
def room() -> Room:
    return Room.objects.create()


def test_objects_added_to_a_room_are_told(bind: Bind, room: Room) -> None:
    Operation.objects.create()
    bind(Operation, tracked=["room"])
    told = Told()

    room.operations.add(Operation.objects.get())

    assert told.changes() == [("update", {"room": None}, {"room": room.pk})]


def test_objects_removed_and_cleared_from_a_room_are_told(bind: Bind, room: Room) -> None:
    operation = Operation.objects.create(room=room)
    bind(Operation, tracked=["room"])
    told = Told()

    room.operations.remove(operation)
    removed = told.changes()
    room.operations.add(operation)
    told.rows()
    room.operations.clear()

    assert removed == told.changes() == [("update", {"room": room.pk}, {"room": None})]


def test_a_model_that_captures_nothing_keeps_its_base_manager(bind: Bind) -> None:
    bind(Stay)

    assert type(Stay._base_manager) is type(Stay.objects)
    assert type(Unwatched._base_manager) is Manager
