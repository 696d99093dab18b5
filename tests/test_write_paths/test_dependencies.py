"""What a binding depends on: told whichever way it was written."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.core import serializers
from django.db import connection

from scheduler_realtime import capture
from tests.hosts.models import Booking, Procedure
from tests.test_write_paths.conftest import Watch

pytestmark = pytest.mark.django_db

ROW = (
    "what `depends_on` leads to, changed in any of these ways",
    "yes, as a change of what depends on it",
)


EIGHT = dt.datetime(2026, 3, 10, 7, tzinfo=dt.UTC)


def save() -> None:
    procedure = Procedure.objects.get()
    procedure.minutes = 90
    procedure.save()


def load() -> None:
    text = serializers.serialize("json", Procedure.objects.all())
    for found in serializers.deserialize("json", text.replace("60", "90")):
        found.save()


def bulk_update() -> None:
    procedure = Procedure.objects.get()
    procedure.minutes = 90
    Procedure.objects.bulk_update([procedure], ["minutes"])


def upsert() -> None:
    Procedure.objects.bulk_create(
        [Procedure(pk=Procedure.objects.get().pk, minutes=90)],
        update_conflicts=True,
        update_fields=["minutes"],
        unique_fields=["id"],
    )


def in_sql() -> None:
    with capture(Procedure), connection.cursor() as cursor:
        cursor.execute("UPDATE hosts_procedure SET minutes = 90")


WRITES: list[Callable[[], Any]] = [
    save,
    load,
    bulk_update,
    upsert,
    in_sql,
    lambda: Procedure.objects.update(minutes=90),
    lambda: Procedure._base_manager.update(minutes=90),
    lambda: Procedure.objects.update_or_create(defaults={"minutes": 90}),
]


@pytest.mark.parametrize("write", WRITES)
def test_a_change_there_is_a_change_here(watch: Watch, write: Callable[[], Any]) -> None:
    Booking.objects.create(start=EIGHT, procedure=Procedure.objects.create())
    told = watch(Booking, depends_on=["procedure.minutes"])

    write()

    [data] = told.data()
    assert data["model"] == "hosts.booking"
    assert (data["previous"], data["changes"]) == (
        {"procedure.minutes": 60},
        {"procedure.minutes": 90},
    )
