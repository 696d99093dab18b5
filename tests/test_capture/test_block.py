"""`with capture(...)`: what a block does to rows by whatever means is told."""

import datetime as dt
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import QuerySet

from scheduler_realtime import Audience, InvalidBinding, capture
from scheduler_realtime.testing import heard_by
from tests.hosts.bound import Bind, Told
from tests.hosts.models import (
    Coded,
    Operation,
    Unwatched,
)

pytestmark = pytest.mark.django_db

EIGHT = dt.datetime(2026, 3, 10, 7, tzinfo=dt.UTC)


@pytest.fixture
def codes() -> list[Coded]:
    return [Coded.objects.create(code=code) for code in "abc"]


@pytest.mark.parametrize("target", [Coded, Coded.objects.filter(code="a")])
def test_raw_sql_is_told(bind: Bind, codes: list[Coded], target: Any) -> None:
    bind(Coded, tracked=["status"])
    told = Told()

    with capture(target), connection.cursor() as cursor:
        cursor.execute("UPDATE hosts_coded SET status = 'done' WHERE code = 'a'")

    assert told.changes() == [("update", {"status": "planned"}, {"status": "done"})]


def test_a_plain_managers_update_is_told(bind: Bind) -> None:
    Operation.objects.create()
    bind(Operation, tracked=["status"])
    told = Told()

    with capture(Operation.plain.filter(status="planned")):
        Operation.plain.update(status="done")

    assert told.changes() == [("update", {"status": "planned"}, {"status": "done"})]


def test_a_plain_managers_new_rows_are_told(bind: Bind) -> None:
    Operation.objects.create()
    bind(Operation, tracked=["status"])
    told = Told()

    with capture(Operation):
        Operation.plain.bulk_create([Operation(status="a"), Operation(status="b")])

    assert [changes for _, _, changes in told.changes()] == [{"status": "a"}, {"status": "b"}]


def test_rows_that_are_gone_are_told(bind: Bind, codes: list[Coded]) -> None:
    bind(Coded)
    told = Told()

    with capture(Coded), connection.cursor() as cursor:
        cursor.execute("DELETE FROM hosts_coded WHERE code = 'a'")

    assert [(d["action"], d["surgery_id"]) for d in told.data()] == [("delete", "a")]


def test_a_new_row_in_a_narrowed_queryset_is_told_as_new(bind: Bind) -> None:
    Operation.objects.create(status="a")
    bind(Operation, tracked=["status"])
    told = Told()

    with capture(Operation.plain.filter(status="a")):
        Operation.plain.bulk_create([Operation(status="a")])

    assert told.changes() == [("create", {}, {"status": "a"})]


@pytest.mark.parametrize("model", [Operation, Coded])
def test_a_row_that_comes_into_the_queryset_is_not_told_as_new(bind: Bind, model: Any) -> None:
    model.objects.create(status="elsewhere")
    bind(model, tracked=["status"])
    told = Told()
    everything = QuerySet(model)

    with capture(everything.filter(status="here")):
        everything.update(status="here")

    assert told.types() == ["resync"]


def test_what_signals_tell_as_well_is_told_once(bind: Bind, codes: list[Coded]) -> None:
    bind(Coded, tracked=["status"])
    told = Told()

    with capture(Coded):
        codes[0].status = "done"
        codes[0].save()
        codes[1].delete()
        Coded.objects.create(code="z")

    assert {d["surgery_id"]: d["action"] for d in told.data()} == {
        "a": "update",
        "b": "delete",
        "z": "create",
    }


def test_a_block_that_raises_is_undone_and_not_told(bind: Bind, codes: list[Coded]) -> None:
    bind(Coded)
    told = Told()

    def fail() -> None:
        with capture(Coded):
            Coded.objects.filter(code="a").update(status="done")
            raise LookupError

    with pytest.raises(LookupError):
        fail()

    assert told.rows() == []
    assert Coded.objects.get(code="a").status == "planned"


def test_a_model_without_a_binding_is_refused() -> None:
    with (
        pytest.raises(InvalidBinding, match=r"hosts\.Unwatched is not registered"),
        capture(Unwatched),
    ):
        pytest.fail("the block must not run")


def test_whoever_loses_sight_of_it_hears_that_it_left(bind: Bind) -> None:
    old, new = (User.objects.create(username=name) for name in ("old", "new"))
    Operation.objects.create(lead=old)

    def audience(self: Any, operation: Operation) -> Audience:
        return Audience(users=[operation.lead_id])

    bind(Operation, audience=audience)
    Told()

    with capture(Operation):
        Operation.plain.update(lead=new)

    assert [frame["data"].get("reason") for frame in heard_by(old)] == ["left"]
    assert [frame["data"]["action"] for frame in heard_by(new)] == ["update"]
