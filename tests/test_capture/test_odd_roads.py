"""Saves by odd roads: fixtures, other databases, managers that hide rows."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import User
from django.core import serializers

from scheduler_realtime.models import Message
from tests.hosts.bound import Bind, Told
from tests.hosts.models import (
    Operation,
    Stay,
    Theatre,
)

pytestmark = pytest.mark.django_db

VIENNA = ZoneInfo("Europe/Vienna")
EIGHT = dt.datetime(2026, 3, 10, 8, tzinfo=VIENNA)
NINE = dt.datetime(2026, 3, 10, 9, tzinfo=VIENNA)


def test_a_fixture_that_is_loaded_is_told(bind: Bind) -> None:
    user = User.objects.create(username="a")
    operation = Operation.objects.create()
    operation.team.add(user)
    text = serializers.serialize("json", [operation]).replace("planned", "loaded")
    bind(Operation, tracked=["status", "team"])
    told = Told()

    for found in serializers.deserialize("json", text):
        found.save()
    operation.team.clear()
    told_of_load = told.changes()[0]
    for found in serializers.deserialize("json", text):
        found.save()

    assert told_of_load[2]["status"] == "loaded"
    assert told.changes() == [("update", {"team": []}, {"team": [user.pk]})]


def test_a_child_that_is_loaded_is_told_with_its_parents_columns(bind: Bind) -> None:
    theatre = Theatre.objects.create(start=EIGHT, status="kept")
    text = serializers.serialize("json", [theatre])
    bind(Theatre, tracked=["status", "lights"])
    told = Told()

    for found in serializers.deserialize("json", text.replace('"lights": 1', '"lights": 2')):
        found.save()

    assert told.changes() == [("update", {"lights": 1}, {"lights": 2})]


def test_a_row_that_every_manager_hides_is_told_all_the_same(bind: Bind) -> None:
    stay = Stay.everything.create(first_day=EIGHT.date(), last_day=EIGHT.date())
    bind(Stay, tracked=["first_day", "last_day"])
    told = Told()

    stay.last_day = None
    stay.save()

    assert told.changes() == [("update", {"last_day": "2026-03-10"}, {"last_day": None})]


def test_a_write_to_another_database_is_none_of_ours(
    bind: Bind, monkeypatch: pytest.MonkeyPatch
) -> None:
    bind(Operation, tracked=["status", "lead"], staff=["team"])
    user = User.objects.create(username="a")
    monkeypatch.setattr("scheduler_realtime.log.database", lambda: "elsewhere")

    operation = Operation.objects.create(lead=user)
    Operation.objects.update(status="done")
    operation.team.add(user)
    user.delete()
    operation.delete()

    assert not Message.objects.exists()
