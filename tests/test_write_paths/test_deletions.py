"""Deletes, and whatever Django takes along."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.hosts.models import Coded, Note, Operation, Room, Tent
from tests.test_write_paths.conftest import Watch

pytestmark = pytest.mark.django_db

ROW = (
    "`delete()` on an object or a queryset, with its cascades over keys and generic relations",
    "yes",
)


@pytest.mark.parametrize(
    "delete",
    [
        lambda: Coded.objects.get().delete(),
        lambda: Coded.objects.all().delete(),
        lambda: Coded.objects.filter(code="a").order_by("code").delete(),
        lambda: Coded.objects.all()._raw_delete("default"),  # noqa: SLF001 - hosts do
    ],
    ids=["object", "queryset", "filtered", "raw"],
)
def test_a_delete_is_told(watch: Watch, delete: Callable[[], Any]) -> None:
    Coded.objects.create(code="a")
    told = watch(Coded, "status")

    delete()

    assert told.changes() == [("delete", {"status": "planned"}, {})]


def test_a_cascade_over_a_key_is_told(watch: Watch) -> None:
    room = Room.objects.create()
    Operation.objects.create(room=room)
    told = watch(Operation, "status")

    room.delete()

    assert told.changes() == [("delete", {"status": "planned"}, {})]


def test_a_cascade_over_a_generic_relation_is_told(watch: Watch) -> None:
    tent = Tent.objects.create()
    tent.notes.create(text="torn")
    told = watch(Note, "text")

    tent.delete()

    assert told.changes() == [("delete", {"text": "torn"}, {})]
