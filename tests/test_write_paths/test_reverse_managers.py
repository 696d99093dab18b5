"""Managers at the far end of a key: Django writes by the base manager there."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.hosts.models import Note, Operation, Room, Tent
from tests.test_write_paths.conftest import Watch

pytestmark = pytest.mark.django_db

ROW = (
    "`room.surgeries.add`, `remove`, `set`, `clear`, `create`, in bulk or not; generic relations",
    "yes",
)


Write = Callable[[Any, Any], Any]

ADDING: list[Write] = [
    lambda manager, it: manager.add(it),
    lambda manager, it: manager.add(it, bulk=False),
    lambda manager, it: manager.set([it]),
    lambda manager, it: manager.set([it], bulk=False),
]

REMOVING: list[Write] = [
    lambda manager, it: manager.remove(it),
    lambda manager, it: manager.remove(it, bulk=False),
    lambda manager, it: manager.clear(),
    lambda manager, it: manager.clear(bulk=False),
    lambda manager, it: manager.set([]),
]


@pytest.fixture
def room() -> Room:
    return Room.objects.create()


@pytest.mark.parametrize("write", ADDING)
def test_what_is_added_is_told(watch: Watch, room: Room, write: Write) -> None:
    operation = Operation.objects.create()
    told = watch(Operation, "room")

    write(room.operations, operation)

    assert told.changes() == [("update", {"room": None}, {"room": room.pk})]


@pytest.mark.parametrize("write", REMOVING)
def test_what_is_removed_is_told(watch: Watch, room: Room, write: Write) -> None:
    operation = Operation.objects.create(room=room)
    told = watch(Operation, "room")

    write(room.operations, operation)

    assert told.changes() == [("update", {"room": room.pk}, {"room": None})]


@pytest.mark.parametrize("name", ["create", "get_or_create", "update_or_create"])
def test_what_is_created_there_is_told(watch: Watch, room: Room, name: str) -> None:
    told = watch(Operation, "room")

    getattr(room.operations, name)(status="new")

    assert told.changes() == [("create", {}, {"room": room.pk})]


@pytest.mark.parametrize("write", ADDING)
def test_what_a_generic_relation_adds_is_told(watch: Watch, write: Write) -> None:
    tent, note = Tent.objects.create(), Note.objects.create()
    told = watch(Note, "object_id")

    write(tent.notes, note)

    assert told.changes() == [("update", {"object_id": None}, {"object_id": tent.pk})]


@pytest.mark.parametrize("write", REMOVING)
def test_what_a_generic_relation_removes_is_told_as_deleted(watch: Watch, write: Write) -> None:
    tent = Tent.objects.create()
    note = tent.notes.create()
    told = watch(Note, "text")

    write(tent.notes, note)

    assert told.changes() == [("delete", {"text": "seen"}, {})]
