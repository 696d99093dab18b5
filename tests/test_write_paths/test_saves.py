"""Saves, whatever they are called: told as the database has the row afterwards."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db.models import F, Value
from django.db.models.functions import Concat

from tests.hosts.models import Coded, Operation
from tests.test_write_paths.conftest import Watch

pytestmark = pytest.mark.django_db

ROW = (
    "`save()`, `create()`, `get_or_create()`, `update_or_create()`; `update_fields`, `F()`, `force_insert`",
    "yes, as the database has it afterwards",
)


def save(operation: Operation, **options: Any) -> None:
    operation.status, operation.room_changes = "done", 1
    operation.save(**options)


def save_expression(operation: Operation) -> None:
    operation.status = Concat(F("status"), Value("!"))
    operation.save()


CREATING: list[Callable[[], Any]] = [
    lambda: Operation.objects.create(status="done"),
    lambda: Operation(status="done").save(),
    lambda: Operation(status="done").save(force_insert=True),
    lambda: Operation(status="done").save_base(),
    lambda: Operation.objects.get_or_create(status="done"),
    lambda: Operation.objects.update_or_create(pk=None, defaults={"status": "done"}),
    lambda: Operation.plain.create(status="done"),
]


@pytest.mark.parametrize("create", CREATING)
def test_a_new_object_is_told(watch: Watch, create: Callable[[], Any]) -> None:
    told = watch(Operation, "status")

    create()

    assert told.changes() == [("create", {}, {"status": "done"})]


UPDATING: list[tuple[Callable[[Operation], Any], dict[str, Any]]] = [
    (save, {"status": "done", "room_changes": 1}),
    (lambda it: save(it, force_update=True), {"status": "done", "room_changes": 1}),
    (lambda it: save(it, update_fields=["status"]), {"status": "done"}),
    (save_expression, {"status": "planned!"}),
    (
        lambda it: Operation.objects.update_or_create(pk=it.pk, defaults={"status": "done"}),
        {"status": "done"},
    ),
]


@pytest.mark.parametrize(("update", "changes"), UPDATING)
def test_what_a_save_changes_is_told(
    watch: Watch, update: Callable[[Operation], Any], changes: dict[str, Any]
) -> None:
    operation = Operation.objects.create()
    told = watch(Operation, "status", "room_changes")

    update(operation)

    was = {"status": "planned", "room_changes": 0}
    assert told.changes() == [("update", {name: was[name] for name in changes}, changes)]


def test_what_the_database_makes_of_it_is_told(watch: Watch) -> None:
    coded = Coded.objects.create(code="a")
    told = watch(Coded, "loud")

    coded.status = "done"
    coded.save()

    assert told.changes() == [("update", {"loud": "PLANNED"}, {"loud": "DONE"})]
