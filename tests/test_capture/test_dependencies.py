"""depends_on: a change there is a change here."""

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core import serializers
from django.db.models import Count

from scheduler_realtime.registry import unregister
from tests.hosts.bound import Bind, Told
from tests.hosts.models import (
    Booking,
    Category,
    Clinic,
    Procedure,
    Room,
    Visit,
    Ward,
)

pytestmark = pytest.mark.django_db

VIENNA = ZoneInfo("Europe/Vienna")
EIGHT = dt.datetime(2026, 3, 10, 8, tzinfo=VIENNA)
NINE = dt.datetime(2026, 3, 10, 9, tzinfo=VIENNA)


@pytest.fixture
def booking(bind: Bind) -> Booking:
    category = Category.objects.create(minutes=30)
    procedure = Procedure.objects.create(minutes=60, category=category)
    booking = Booking.objects.create(start=EIGHT, procedure=procedure)
    bind(
        Booking,
        room="pk",
        start="start",
        duration="procedure.minutes",
        depends_on=["procedure.minutes", "procedure.category.minutes"],
    )
    return booking


def test_a_change_there_is_a_change_here(booking: Booking) -> None:
    told = Told()

    procedure = Procedure.objects.get()
    procedure.minutes = 90
    procedure.save()

    [data] = told.data()
    assert (data["model"], data["surgery_id"]) == ("hosts.booking", booking.pk)
    assert data["previous"] == {"procedure.minutes": 60}
    assert data["changes"] == {"procedure.minutes": 90}


def test_the_time_before_is_that_of_the_old_value(booking: Booking) -> None:
    told = Told()

    procedure = Procedure.objects.get()
    procedure.minutes = 90
    procedure.save()

    [row] = told.rows()
    ends = [EIGHT + dt.timedelta(minutes=minutes) for minutes in (60, 90)]
    assert [dt.datetime.fromisoformat(end) for _, _, end in row.scope["spans"]] == ends


def test_another_object_on_the_way_is_told_by_the_values_at_the_end(booking: Booking) -> None:
    told = Told()

    procedure = Procedure.objects.get()
    procedure.category = Category.objects.create(minutes=45)
    procedure.save()

    assert told.changes() == [
        ("update", {"procedure.category.minutes": 30}, {"procedure.category.minutes": 45})
    ]


def test_a_change_two_relations_away_is_told(booking: Booking) -> None:
    told = Told()

    category = Category.objects.get()
    category.minutes = 45
    category.save()

    assert told.changes() == [
        ("update", {"procedure.category.minutes": 30}, {"procedure.category.minutes": 45})
    ]


def test_an_unrelated_change_there_is_none_here(booking: Booking) -> None:
    told = Told()

    procedure = Procedure.objects.get()
    procedure.room = Room.objects.create()
    procedure.save()

    assert told.rows() == []


def test_an_update_in_bulk_there_is_a_change_here(booking: Booking) -> None:
    told = Told()

    crowded = Procedure.objects.annotate(n=Count("booking")).filter(n=1).distinct()
    crowded.update(minutes=90)

    assert told.changes() == [("update", {"procedure.minutes": 60}, {"procedure.minutes": 90})]


def test_a_fixture_loaded_there_is_a_change_here(booking: Booking) -> None:
    told = Told()
    text = serializers.serialize("json", Procedure.objects.all())

    for found in serializers.deserialize("json", text.replace("60", "90")):
        found.save()

    assert told.changes() == [("update", {"procedure.minutes": 60}, {"procedure.minutes": 90})]


@pytest.fixture
def visit(bind: Bind) -> Visit:
    visit = Visit.objects.create(clinic=Clinic.objects.create())
    bind(Visit, depends_on=["clinic.status"])
    return visit


@pytest.mark.parametrize("model", [Ward, Clinic])
def test_a_save_of_either_table_of_what_it_depends_on_is_told(visit: Visit, model: Any) -> None:
    told = Told()

    row = model.objects.get()
    row.status = "shut"
    row.save()

    assert told.changes() == [
        ("update", {"clinic.status": "planned"}, {"clinic.status": "shut"}),
    ]


def test_a_parent_that_is_no_such_child_is_none_of_its_business(visit: Visit) -> None:
    told = Told()

    Ward.objects.create().save()

    assert told.rows() == []


def test_a_path_that_leads_nowhere_fails_no_registration(bind: Bind) -> None:
    bind(Booking, tracked=["start"], depends_on=["nowhere.minutes"])
    told = Told()

    Booking.objects.create(start=EIGHT)

    assert [data["action"] for data in told.data()] == ["create"]


def test_what_is_unregistered_hears_of_nothing_any_more(booking: Booking) -> None:
    unregister(Booking)
    told = Told()

    Procedure.objects.update(minutes=90)
    for procedure in Procedure.objects.all():
        procedure.minutes = 120
        procedure.save()

    assert told.rows() == []
