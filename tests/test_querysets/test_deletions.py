"""Deletes of many rows."""

import datetime as dt

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.hosts.bound import Bind, Told
from tests.hosts.models import (
    Coded,
    Unwatched,
)

pytestmark = pytest.mark.django_db

EIGHT = dt.datetime(2026, 3, 10, 7, tzinfo=dt.UTC)


def test_each_row_is_told(bind: Bind, codes: list[Coded]) -> None:
    bind(Coded)
    told = Told()

    Coded.objects.filter(code__in="ab").delete()

    assert {d["surgery_id"]: d["action"] for d in told.data()} == {"a": "delete", "b": "delete"}


def test_a_raw_delete_is_told(bind: Bind, codes: list[Coded]) -> None:
    bind(Coded, tracked=["status"])
    told = Told()

    count = Coded.objects.filter(code__in="ab")._raw_delete("default")  # noqa: SLF001 - hosts do

    assert count == 2
    assert told.changes() == [("delete", {"status": "planned"}, {})] * 2


def test_a_raw_delete_of_what_no_binding_concerns_is_djangos_own(bind: Bind) -> None:
    bind(Coded)
    Unwatched.objects.create()

    with CaptureQueriesContext(connection) as context:
        Unwatched.objects.all()._raw_delete("default")  # noqa: SLF001 - hosts do

    assert len(context.captured_queries) == 1
