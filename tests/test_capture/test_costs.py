"""What a host pays, in statements, inside a transaction as a request has it."""

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.db.models import signals
from django.test.utils import CaptureQueriesContext

from scheduler_realtime import Audience
from scheduler_realtime.models import Message
from tests.hosts.bound import Bind
from tests.hosts.models import (
    Appointment,
    Operation,
    Unwatched,
)

pytestmark = pytest.mark.django_db

VIENNA = ZoneInfo("Europe/Vienna")
EIGHT = dt.datetime(2026, 3, 10, 8, tzinfo=VIENNA)
NINE = dt.datetime(2026, 3, 10, 9, tzinfo=VIENNA)


def statements(context: CaptureQueriesContext) -> list[str]:
    """The first word of each statement."""
    return [query["sql"].split()[0] for query in context.captured_queries]


def test_an_unwatched_model_costs_nothing(bind: Bind) -> None:
    bind(Operation)
    with CaptureQueriesContext(connection) as context:
        row = Unwatched.objects.create()
        row.save()
        Unwatched.objects.update(status="done")
        Unwatched.objects.bulk_create([Unwatched()])

    # Django opens its own savepoint for `bulk_create`, inside a transaction none.
    assert statements(context) == ["INSERT", "UPDATE", "UPDATE", "INSERT"]


def test_an_unwatched_model_keeps_its_fast_deletes(bind: Bind) -> None:
    bind(Operation)
    Unwatched.objects.create(parent=Unwatched.objects.create())

    assert not signals.pre_delete.has_listeners(Unwatched)
    assert not signals.post_delete.has_listeners(Unwatched)


@pytest.mark.parametrize("model", [Operation, Appointment])
def test_a_new_object_costs_one_insert_into_the_log(bind: Bind, model: Any) -> None:
    bind(model)
    _warm_up()

    with CaptureQueriesContext(connection) as context:
        model.objects.create()

    assert statements(context) == ["INSERT", "INSERT"]
    assert Message._meta.db_table in context.captured_queries[1]["sql"]


def test_an_update_costs_a_locked_select_and_an_insert(bind: Bind) -> None:
    operation = Operation.objects.create()
    bind(Operation, room="room", start="start", end="end")
    _warm_up()

    with CaptureQueriesContext(connection) as context:
        operation.status = "done"
        operation.save()

    assert statements(context) == ["SELECT", "UPDATE", "INSERT"]
    if connection.vendor == "postgresql":
        assert context.captured_queries[0]["sql"].endswith("FOR NO KEY UPDATE")


def test_an_unchanged_save_costs_a_select(bind: Bind) -> None:
    operation = Operation.objects.create()
    bind(Operation)

    with CaptureQueriesContext(connection) as context:
        operation.save()

    assert statements(context) == ["SELECT", "UPDATE"]


def asking(self: Any, operation: Operation) -> Audience:
    """An audience that asks the database, as those do that follow a relation."""
    Operation.objects.exists()
    return Audience()


def test_host_code_that_asks_nothing_costs_nothing(bind: Bind) -> None:
    operation = Operation.objects.create()
    bind(Operation, audience=lambda self, operation: Audience())
    _warm_up()

    with CaptureQueriesContext(connection) as context:
        operation.status = "done"
        operation.save()

    assert statements(context) == ["SELECT", "UPDATE", "INSERT"]


def test_host_code_that_asks_costs_one_savepoint_besides(bind: Bind) -> None:
    operation = Operation.objects.create()
    bind(Operation, audience=asking)
    _warm_up()

    with CaptureQueriesContext(connection) as context:
        operation.status = "done"
        operation.save()

    asked = ["SAVEPOINT", "SELECT", "SELECT", "RELEASE"]
    assert statements(context) == ["SELECT", "UPDATE", *asked, "INSERT"]


def test_many_objects_share_one_savepoint(bind: Bind) -> None:
    Operation.objects.bulk_create([Operation() for _ in range(20)])
    bind(Operation, audience=asking)
    _warm_up()

    with CaptureQueriesContext(connection) as context:
        Operation.objects.update(status="done")

    assert statements(context).count("SAVEPOINT") == 1


def _warm_up() -> None:
    """The first message of a transaction may register what the rest finds registered."""
    Message.objects.count()


def test_the_one_row_that_is_saved_is_not_sorted(
    bind: Bind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Operation._meta, "ordering", ["start", "room_id"])
    bind(Operation)
    row = Operation.objects.create()

    with CaptureQueriesContext(connection) as context:
        row.status = "done"
        row.save()

    assert statements(context) == ["SELECT", "UPDATE", "INSERT"]
    assert "ORDER BY" not in context.captured_queries[0]["sql"]
