"""A host's code that fails: the row is there, the transaction goes on, everyone resyncs."""

import contextlib
import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import User
from django.db import connection

from scheduler_realtime import Audience
from scheduler_realtime.testing import heard_by
from tests.hosts.bound import Bind, Told
from tests.hosts.models import (
    Booking,
    Operation,
)

pytestmark = pytest.mark.django_db

VIENNA = ZoneInfo("Europe/Vienna")
EIGHT = dt.datetime(2026, 3, 10, 8, tzinfo=VIENNA)
NINE = dt.datetime(2026, 3, 10, 9, tzinfo=VIENNA)


@pytest.fixture
def told(bind: Bind) -> Told:
    return Told()


@pytest.mark.parametrize(
    "fail",
    [
        lambda: 1 // 0,
        lambda: Operation.objects.get(pk=-1),
        lambda: connection.cursor().execute("SELECT * FROM nowhere"),
    ],
    ids=["python", "missing row", "failing query"],
)
@pytest.mark.parametrize("where", ["audience", "ward"])
def test_a_binding_that_raises_fails_no_save(bind: Bind, told: Told, fail: Any, where: str) -> None:
    def broken(self: Any, operation: Operation) -> Any:
        return fail()

    bind(Operation, **({} if where == "audience" else {"room": "ward"}), **{where: broken})

    operation = Operation.objects.create(status="saved")

    assert Operation.objects.get().status == "saved"
    assert told.types() == ["resync"]
    operation.delete()
    assert told.types() == ["resync"]


def test_a_query_that_failed_and_was_swallowed_fails_no_save(bind: Bind, told: Told) -> None:
    def audience(self: Any, operation: Operation) -> Audience:
        with contextlib.suppress(Exception):
            connection.cursor().execute("SELECT * FROM nowhere")
        return Audience()

    bind(Operation, audience=audience)

    Operation.objects.create()

    assert Operation.objects.count() == 1
    assert len(told.types()) == 1


def test_a_property_that_raises_fails_no_save(bind: Bind, told: Told) -> None:
    bind(Booking, start="start", duration="broken")

    Booking.objects.create(start=EIGHT)

    assert (Booking.objects.count(), told.types()) == (1, ["resync"])


def test_an_audience_that_is_none_fails_no_save(bind: Bind, told: Told) -> None:
    bind(Operation, audience=lambda self, operation: None)

    Operation.objects.create()

    assert told.types() == ["resync"]


def test_everyone_hears_the_resync(bind: Bind) -> None:
    bind(Operation, audience=lambda self, operation: 1 // 0)
    nurse = User.objects.create(username="nurse")

    Operation.objects.create()

    assert [frame["type"] for frame in heard_by(nurse)] == ["resync"]


def test_many_failures_are_one_resync_and_the_rest_is_told(bind: Bind, told: Told) -> None:
    def audience(self: Any, operation: Operation) -> Audience:
        if operation.status == "bad":
            raise LookupError
        return Audience()

    bind(Operation, audience=audience)

    Operation.objects.bulk_create([Operation(status=s) for s in ("bad", "good", "bad")])

    assert told.types() == ["schedule_update", "resync"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("weight", float("inf")),
        pytest.param("weight", float("nan"), marks=pytest.mark.postgres_only),
        pytest.param("details", {"text": "a\ud800"}, marks=pytest.mark.sqlite_only),
        pytest.param("status", "a\x00b", marks=pytest.mark.sqlite_only),
        pytest.param("details", {"text": "a\x00b"}, marks=pytest.mark.sqlite_only),
    ],
)
def test_a_value_that_json_cannot_hold_is_saved_and_everyone_reads_afresh(
    bind: Bind, told: Told, field: str, value: Any
) -> None:
    bind(Operation)

    Operation.objects.create(**{field: value})

    assert (Operation.objects.count(), told.types()) == (1, ["resync"])


@pytest.mark.postgres_only
def test_a_value_that_json_cannot_hold_is_in_nobodys_way_later(bind: Bind) -> None:
    operation = Operation.objects.create(weight=float("nan"))
    bind(Operation)
    told = Told()

    operation.status = "done"
    operation.save()

    assert told.changes() == [("update", {"status": "planned"}, {"status": "done"})]


def test_the_log_line_says_which_object_and_not_whose(
    bind: Bind, caplog: pytest.LogCaptureFixture
) -> None:
    def audience(self: Any, operation: Operation) -> Audience:
        raise ValueError(operation.status)

    bind(Operation, audience=audience)

    operation = Operation.objects.create(status="Rosa Secret")

    [record] = caplog.records
    assert f"hosts.operation failed for {operation.pk}, with ValueError" in record.getMessage()
    assert "Rosa" not in caplog.text


def test_the_log_line_says_which_field_json_cannot_hold(
    bind: Bind, caplog: pytest.LogCaptureFixture
) -> None:
    bind(Operation)

    Operation.objects.create(weight=float("inf"))

    assert "InvalidMessage at data.changes.weight" in caplog.text
