"""Rows that come to match while a bulk write has begun: it leaves alone what it did not read."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models import QuerySet

from scheduler_realtime.changes import BulkWrite, links
from tests.hosts.bound import Bind, Told
from tests.hosts.models import Assignment, Booking, Operation, Procedure, Slot, Theatre

# SQLite has one writer at a time: none comes while another writes.
pytestmark = [pytest.mark.django_db, pytest.mark.postgres_only]

EIGHT = "2026-03-10T07:00Z"


@pytest.fixture
def late(monkeypatch: pytest.MonkeyPatch) -> Any:
    """`late(row)`: the row is there once a bulk write has read what it is about to change."""
    begin = BulkWrite.begin

    def come(*rows: Any) -> None:
        def begin_and_come(self: BulkWrite, *args: Any) -> None:
            begin(self, *args)
            for row in rows:
                row.save_base()

        monkeypatch.setattr(BulkWrite, "begin", begin_and_come)

    return come


def test_a_registered_row_is_left_alone(bind: Bind, late: Any) -> None:
    Operation.objects.create()
    row = Operation()
    late(row)
    bind(Operation, tracked=["status"])

    Operation.objects.filter(status="planned").update(status="done")

    row.refresh_from_db()
    assert row.status == "planned"


def test_a_row_of_a_child_is_left_alone(bind: Bind, late: Any) -> None:
    Theatre.objects.create(start=EIGHT)
    row = Theatre(start=EIGHT)
    late(row)
    bind(Slot, tracked=["status"])

    Theatre.objects.update(status="done")

    row.refresh_from_db()
    assert row.status == "planned"


def test_what_others_depend_on_is_left_alone(bind: Bind, late: Any) -> None:
    Booking.objects.create(start=EIGHT, procedure=Procedure.objects.create())
    row = Procedure()
    late(row)
    bind(Booking, depends_on=["procedure.minutes"])

    Procedure.objects.update(minutes=90)

    row.refresh_from_db()
    assert row.minutes == 60


def test_a_link_is_left_alone(bind: Bind, late: Any) -> None:
    old, new = (User.objects.create(username=name) for name in "ab")
    operation = Operation.objects.create()
    row = Assignment(operation=operation, user=old)
    late(row)
    bind(Operation, tracked=["helpers"])

    Assignment.objects.update(user=new)

    row.refresh_from_db()
    assert row.user == old


def test_a_raw_delete_leaves_it_alone(bind: Bind, late: Any) -> None:
    Operation.objects.create()
    late(Operation(status="late"))
    bind(Operation, tracked=["status"])
    told = Told()

    Operation.objects.all()._raw_delete("default")  # noqa: SLF001 - hosts do

    assert Operation.objects.get().status == "late"
    assert {data["action"] for data in told.data()} == {"delete", "create"}


def test_a_link_that_moved_before_its_owner_was_locked_is_told_of_where_it_was(
    bind: Bind, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other, there = (Operation.objects.create() for _ in range(3))
    user = User.objects.create(username="a")
    Assignment.objects.create(operation=one, user=user)
    bind(Operation, tracked=["helpers"])
    told = Told()
    moves, see = iter([True]), links.see

    def see_late(watched: Any, owners: Any, using: str) -> Any:
        seen = see(watched, owners, using)
        if one.pk in owners and next(moves, False):  # as by whoever held that lock before us
            QuerySet(Assignment).update(operation=other)
        return seen

    monkeypatch.setattr(links, "see", see_late)

    Assignment.objects.update(operation=there)

    assert {data["surgery_id"] for data in told.data()} >= {other.pk, there.pk}
