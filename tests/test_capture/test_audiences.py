"""Audiences before and after: who hears the change, and who only that it left."""

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import User

from scheduler_realtime import Audience
from scheduler_realtime.testing import heard_by
from tests.hosts.bound import Bind
from tests.hosts.models import (
    Operation,
    Room,
)

pytestmark = pytest.mark.django_db

VIENNA = ZoneInfo("Europe/Vienna")
EIGHT = dt.datetime(2026, 3, 10, 8, tzinfo=VIENNA)
NINE = dt.datetime(2026, 3, 10, 9, tzinfo=VIENNA)


@pytest.fixture
def users() -> dict[str, User]:
    return {name: User.objects.create(username=name) for name in ("old", "new", "both")}


@pytest.fixture
def operation(users: dict[str, User], bind: Bind) -> Operation:
    operation = Operation.objects.create(lead=users["old"], start=EIGHT)

    def audience(self: Any, operation: Operation) -> Audience:
        return Audience(users=[operation.lead_id, users["both"]])

    bind(Operation, start="start", audience=audience)
    return operation


def test_whoever_is_only_in_the_old_audience_hears_that_it_left_and_no_value(
    operation: Operation, users: dict[str, User]
) -> None:
    operation.lead, operation.status = users["new"], "secret"
    operation.save()

    [frame] = heard_by(users["old"])
    assert frame["data"] == {
        "action": "delete",
        "reason": "left",
        "model": "hosts.operation",
        "surgery_id": operation.pk,
        "room_id": None,
        "schedule_date": None,
        "changes": {},
        "previous": {},
        "affected_surgeries": [],
    }


def test_whoever_is_in_both_audiences_hears_the_update(
    operation: Operation, users: dict[str, User]
) -> None:
    operation.lead = users["new"]
    operation.save()

    for name in ("both", "new"):
        [frame] = heard_by(users[name])
        assert (frame["data"]["action"], frame["data"]["changes"]) == (
            "update",
            {"lead": users["new"].pk},
        )


def test_nobody_else_hears_it(operation: Operation) -> None:
    operation.status = "done"
    operation.save()

    assert heard_by(User.objects.create(username="stranger")) == []


def test_a_change_of_audience_alone_is_told(bind: Bind, users: dict[str, User]) -> None:
    operation = Operation.objects.create(lead=users["old"])

    def audience(self: Any, operation: Operation) -> Audience:
        return Audience(users=[operation.lead_id])

    bind(Operation, tracked=["status"], audience=audience)

    operation.lead = users["new"]
    operation.save()

    assert [f["data"].get("reason") for f in heard_by(users["old"])] == ["left"]


def test_the_audience_is_asked_of_what_the_database_holds(bind: Bind) -> None:
    room = Room.objects.create(name="as it was")
    operation = Operation.objects.create(room=room)
    names: list[Any] = []

    def audience(self: Any, operation: Operation) -> Audience:
        names.append(operation.room.name if operation.room else None)
        return Audience()

    bind(Operation, audience=audience)
    operation.room.name = "never saved"

    operation.status = "done"
    operation.save()

    assert names == ["as it was", "as it was"]
