"""Many new rows, and those that were there already."""

import datetime as dt
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db.models import Value
from django.db.models.functions import Lower

from scheduler_realtime.querysets import upserts
from tests.hosts.bound import Bind, Told
from tests.hosts.models import (
    Appointment,
    Booking,
    Coded,
    Operation,
    Procedure,
    Slot,
    Theatre,
)

pytestmark = pytest.mark.django_db

EIGHT = dt.datetime(2026, 3, 10, 7, tzinfo=dt.UTC)

EIGHT = dt.datetime(2026, 3, 10, 7, tzinfo=dt.UTC)


def test_each_new_object_is_told(bind: Bind) -> None:
    bind(Operation, tracked=["status"])
    told = Told()

    made = Operation.objects.bulk_create([Operation(status=Value("a")), Operation()])

    assert [(d["action"], d["surgery_id"], d["changes"]) for d in told.data()] == [
        ("create", made[0].pk, {"status": "a"}),
        ("create", made[1].pk, {"status": "planned"}),
    ]


def test_keys_made_in_python_are_told(bind: Bind) -> None:
    bind(Appointment)
    told = Told()

    made = Appointment.objects.bulk_create(Appointment() for _ in range(2))

    assert {d["surgery_id"] for d in told.data()} == {str(each.pk) for each in made}


def test_what_existed_already_is_not_told_as_new(bind: Bind, codes: list[Coded]) -> None:
    bind(Coded)
    told = Told()

    Coded.objects.bulk_create([Coded(code="a"), Coded(code="z")], ignore_conflicts=True)

    assert [(d["action"], d["surgery_id"]) for d in told.data()] == [("create", "z")]


@pytest.mark.parametrize("as_keywords", [True, False])
def test_an_upsert_is_told_as_what_it_was_of_each(
    bind: Bind, codes: list[Coded], as_keywords: bool
) -> None:
    bind(Coded, tracked=["status"])
    told = Told()
    names: Any = {"update_fields": ["status"], "unique_fields": ["code"]}
    new = [Coded(code="a", status="done"), Coded(code="z")]

    if as_keywords:
        Coded.objects.bulk_create(new, update_conflicts=True, **names)
    else:
        Coded.objects.bulk_create(new, None, False, True, *names.values())

    assert told.changes() == [
        ("update", {"status": "planned"}, {"status": "done"}),
        ("create", {}, {"status": "planned"}),
    ]


def test_where_new_and_old_cannot_be_told_apart_everyone_reads_afresh(bind: Bind) -> None:
    bind(Operation)
    told = Told()

    Operation.objects.bulk_create([Operation()], ignore_conflicts=True)

    assert told.types() == ["resync"]


@pytest.mark.postgres_only
def test_a_row_that_another_made_meanwhile_is_not_told_as_new(
    bind: Bind, codes: list[Coded], monkeypatch: pytest.MonkeyPatch
) -> None:
    bind(Coded, tracked=["status"])
    monkeypatch.setattr(upserts, "_existing", lambda *args: set())
    told = Told()

    Coded.objects.bulk_create(
        [Coded(code="a", status="done"), Coded(code="z")],
        update_conflicts=True,
        update_fields=["status"],
        unique_fields=["code"],
    )

    assert told.types() == ["resync"]


def test_nothing_created_tells_nothing(bind: Bind) -> None:
    bind(Operation)
    told = Told()

    Operation.objects.bulk_create([])
    Operation.objects.bulk_create([], ignore_conflicts=True)

    assert told.rows() == []


def test_objects_that_are_refused_tell_nothing(bind: Bind, codes: list[Coded]) -> None:
    bind(Coded)
    told = Told()

    with pytest.raises(IntegrityError), transaction.atomic():
        Coded.objects.bulk_create([Coded(code="z"), Coded(code="a")])

    assert told.rows() == []


def test_more_new_objects_than_the_limit_make_everyone_read_afresh(
    bind: Bind, settings: Any
) -> None:
    settings.SCHEDULER_REALTIME = {"CAPTURE_LIMIT": 2}
    bind(Operation)
    told = Told()

    Operation.objects.bulk_create([Operation() for _ in range(3)])

    assert [row.data["reason"] for row in told.rows()] == ["too_many"]


def test_an_upsert_of_new_and_old_by_the_key_alone_is_told(bind: Bind) -> None:
    slot = Slot.objects.create(start=EIGHT)
    bind(Slot, tracked=["status"])
    told = Told()

    Slot.objects.bulk_create(
        [Slot(pk=slot.pk, start=EIGHT, status="done"), Slot(start=EIGHT, status="new")],
        update_conflicts=True,
        update_fields=["status"],
        unique_fields=["pk"],
    )

    assert told.changes() == [
        ("update", {"status": "planned"}, {"status": "done"}),
        ("create", {}, {"status": "new"}),
    ]


def test_an_upsert_of_a_parents_rows_is_told_as_the_child_that_is_bound(bind: Bind) -> None:
    theatre = Theatre.objects.create(start=EIGHT)
    bind(Theatre, tracked=["status"])
    told = Told()

    Slot.objects.bulk_create(
        [Slot(pk=theatre.pk, start=EIGHT, status="done"), Slot(start=EIGHT)],
        update_conflicts=True,
        update_fields=["status"],
        unique_fields=["pk"],
    )

    assert told.changes() == [("update", {"status": "planned"}, {"status": "done"})]


def test_an_upsert_of_what_others_depend_on_is_told(bind: Bind) -> None:
    procedure = Procedure.objects.create()
    Booking.objects.create(start=EIGHT, procedure=procedure)
    bind(Booking, depends_on=["procedure.minutes"])
    told = Told()

    Procedure.objects.bulk_create(
        [Procedure(pk=procedure.pk, minutes=90)],
        update_conflicts=True,
        update_fields=["minutes"],
        unique_fields=["id"],
    )

    assert told.changes() == [("update", {"procedure.minutes": 60}, {"procedure.minutes": 90})]


def test_an_upsert_by_what_the_database_makes_makes_everyone_read_afresh(
    bind: Bind, codes: list[Coded]
) -> None:
    bind(Coded)
    told = Told()

    Coded.objects.bulk_create(
        [Coded(code=Lower(Value("A")), status="done")],
        update_conflicts=True,
        update_fields=["status"],
        unique_fields=["code"],
    )

    assert told.types() == ["resync"]
