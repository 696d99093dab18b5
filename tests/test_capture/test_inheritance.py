"""Parents, children and proxies: whose row it is, and as what it is told."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from tests.hosts.bound import Bind, Told
from tests.hosts.models import (
    Clinic,
    Hybrid,
    Slot,
    Theatre,
    UrgentSlot,
    Ward,
)

pytestmark = pytest.mark.django_db

VIENNA = ZoneInfo("Europe/Vienna")
EIGHT = dt.datetime(2026, 3, 10, 8, tzinfo=VIENNA)
NINE = dt.datetime(2026, 3, 10, 9, tzinfo=VIENNA)


def test_a_child_is_told_as_the_parent_that_is_bound(bind: Bind) -> None:
    bind(Slot, tracked=["status"])
    told = Told()

    theatre = Theatre.objects.create(start=EIGHT)
    theatre.status = "done"
    theatre.save()

    [data] = told.data()
    assert (data["model"], data["surgery_id"], data["changes"]) == (
        "hosts.slot",
        theatre.pk,
        {"status": "done"},
    )


def test_a_parents_save_is_told_as_the_child_that_is_bound(bind: Bind) -> None:
    clinic = Clinic.objects.create()
    bind(Clinic, tracked=["status", "beds"])
    told = Told()

    ward = Ward.objects.get(pk=clinic.pk)
    ward.status = "done"
    ward.save()

    [data] = told.data()
    assert (data["model"], data["changes"]) == ("hosts.clinic", {"status": "done"})


def test_a_parent_without_a_child_is_not_told_as_one(bind: Bind) -> None:
    bind(Theatre)
    told = Told()

    slot = Slot.objects.create(start=EIGHT)
    slot.status = "done"
    slot.save()
    Slot.objects.update(status="planned")
    slot.delete()

    assert told.rows() == []


def test_a_row_of_two_bound_models_is_told_as_both(bind: Bind) -> None:
    hybrid = Hybrid.objects.create(start=EIGHT)
    bind(Slot, tracked=["status"])
    bind(Hybrid, tracked=["status", "scanner"])
    told = Told()

    hybrid.status, hybrid.scanner = "done", "MR"
    hybrid.save()

    assert [(data["model"], data["changes"]) for data in told.data()] == [
        ("hosts.slot", {"status": "done"}),
        ("hosts.hybrid", {"status": "done", "scanner": "MR"}),
    ]


def test_a_deleted_child_is_told_once_for_each_bound_model(bind: Bind) -> None:
    hybrid = Hybrid.objects.create(start=EIGHT)
    bind(Slot)
    bind(Theatre)
    told = Told()

    hybrid.delete()

    assert sorted((data["model"], data["action"]) for data in told.data()) == [
        ("hosts.slot", "delete"),
        ("hosts.theatre", "delete"),
    ]


def test_a_parent_that_outlives_its_child_is_not_told_as_gone(bind: Bind) -> None:
    theatre = Theatre.objects.create(start=EIGHT)
    bind(Slot)
    told = Told()

    theatre.delete(keep_parents=True)

    assert told.rows() == []


def test_a_proxy_is_told_as_its_model(bind: Bind) -> None:
    bind(Slot, tracked=["status"])
    told = Told()

    slot = UrgentSlot.objects.create(start=EIGHT)
    created = told.data()
    slot.status = "done"
    slot.save()
    updated = told.data()
    slot.delete()

    actions = [(d["model"], d["action"]) for d in created + updated + told.data()]
    assert actions == [("hosts.slot", each) for each in ("create", "update", "delete")]
