"""System checks of writes: whatever could change unseen is complained of by its name."""

import django
import pytest
from django.contrib.auth.models import Group
from django.db import models
from pytest_django import Settings

from scheduler_realtime import RealtimeManager, ScheduleBinding, registry
from scheduler_realtime import checks as room
from tests.harness.complaints import complaints, make_sound
from tests.hosts.models import Assignment, Bed, Booking, Operation, Room, Slot, UrgentSlot

DATABASES_DELETE = django.VERSION >= (6, 1)


@pytest.fixture(autouse=True)
def _sound(settings: Settings) -> None:
    make_sound(settings)


class Sound(ScheduleBinding):
    pass


def bind(monkeypatch: pytest.MonkeyPatch, *bindings: ScheduleBinding) -> None:
    monkeypatch.setattr(registry, "bindings", lambda: bindings)


def test_a_manager_whose_bulk_writes_are_not_seen_is_complained_of_by_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bind(monkeypatch, Sound(Group))

    found = complaints()

    assert list(found) == ["W010"]
    assert found["W010"].msg.startswith("Bulk writes through auth.Group.objects, ._base_manager")
    assert found["W010"].obj is Group


def test_the_hint_for_bulk_writes_mends_them(monkeypatch: pytest.MonkeyPatch) -> None:
    class GroupManager(RealtimeManager):
        pass

    manager = GroupManager()
    manager.model = Group
    bind(monkeypatch, Sound(Group))

    monkeypatch.setitem(Group._meta.__dict__, "managers", (manager,))
    monkeypatch.setitem(Group._meta.__dict__, "base_manager", manager)

    assert complaints() == {}


class Staffed(ScheduleBinding):
    tracked = ["helpers"]


class Dependent(ScheduleBinding):
    depends_on = ["procedure.room.name"]


@pytest.mark.parametrize(
    ("binding", "model"),
    [(Staffed(Operation), Assignment), (Dependent(Booking), Room), (Sound(UrgentSlot), Slot)],
    ids=["a table between", "what it depends on", "a parent"],
)
def test_bulk_writes_of_what_a_binding_tells_as_well_are_complained_of(
    binding: ScheduleBinding, model: type[models.Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    bind(monkeypatch, binding)
    monkeypatch.setattr(room, "uncaptured", lambda other: ["objects"] if other is model else [])

    found = complaints()

    assert list(found) == ["W010"]
    assert found["W010"].obj is model


class Portered(ScheduleBinding):
    tracked = ["porter"]


class Cleaned(ScheduleBinding):
    tracked = ["id"]
    depends_on = ["bay.wing.id"]


@pytest.mark.parametrize(
    ("binding", "keys"),
    [
        (Portered(Bed), "hosts.Bed.bay, hosts.Bed.porter"),
        (Cleaned(Bed), "hosts.Bed.bay, hosts.Bay.wing"),
    ],
)
def test_keys_that_the_database_minds_by_itself_are_complained_of(
    binding: ScheduleBinding, keys: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bind(monkeypatch, binding)
    monkeypatch.setattr(room, "uncaptured", lambda model: [])

    found = complaints()

    assert [(id_, f" by {keys} what" in each.msg) for id_, each in found.items()] == (
        [("W014", True)] if DATABASES_DELETE else []
    )


def test_keys_that_django_minds_are_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    bind(monkeypatch, Sound(Operation))
    monkeypatch.setattr(room, "uncaptured", lambda model: [])

    assert complaints() == {}
