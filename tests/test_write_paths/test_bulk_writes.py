"""Bulk writes, by our manager and by Django's own."""

from typing import Any

import pytest

from tests.hosts.models import Coded, Note, Operation
from tests.test_write_paths.conftest import Watch

pytestmark = pytest.mark.django_db

ROW = (
    "`update()`, `bulk_create()`, `bulk_update()` by `RealtimeManager` or by Django's own `Manager`",
    "yes, each row with its own old and new values",
)


MANAGERS = [Operation.objects, Operation.plain]


@pytest.mark.parametrize("manager", MANAGERS, ids=["ours", "Django's"])
def test_an_update_is_told_of_each_row(watch: Watch, manager: Any) -> None:
    for status in ("planned", "begun"):
        Operation.objects.create(status=status)
    told = watch(Operation, "status")

    manager.update(status="done")

    assert told.changes() == [
        ("update", {"status": status}, {"status": "done"}) for status in ("planned", "begun")
    ]


@pytest.mark.parametrize("manager", MANAGERS, ids=["ours", "Django's"])
def test_a_bulk_creation_is_told_of_each_row(watch: Watch, manager: Any) -> None:
    told = watch(Operation, "status")

    manager.bulk_create([Operation(status="a"), Operation(status="b")])

    assert told.changes() == [("create", {}, {"status": "a"}), ("create", {}, {"status": "b"})]


@pytest.mark.parametrize("manager", MANAGERS, ids=["ours", "Django's"])
def test_a_bulk_update_is_told_of_each_row(watch: Watch, manager: Any) -> None:
    rows = [Operation.objects.create() for _ in range(2)]
    told = watch(Operation, "status")
    for number, row in enumerate(rows):
        row.status = f"step {number}"

    manager.bulk_update(rows, ["status"])

    assert [changes["status"] for _, _, changes in told.changes()] == ["step 0", "step 1"]


def test_an_upsert_is_told_as_what_it_was_of_each(watch: Watch) -> None:
    Coded.objects.create(code="a")
    told = watch(Coded, "status")

    Coded.objects.bulk_create(
        [Coded(code="a", status="done"), Coded(code="z")],
        update_conflicts=True,
        update_fields=["status"],
        unique_fields=["code"],
    )

    assert told.changes() == [
        ("update", {"status": "planned"}, {"status": "done"}),
        ("create", {}, {"status": "planned"}),
    ]


def test_a_manager_that_nobody_wrote_is_told_of(watch: Watch) -> None:
    Note.objects.create()
    told = watch(Note, "text")

    Note.objects.update(text="read")
    Note._base_manager.update(text="read twice")

    assert told.changes() == [("update", {"text": "seen"}, {"text": "read twice"})]
