"""Updates of many rows: each is told with its own old and new values."""

import datetime as dt
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, NotSupportedError, connection, models, transaction
from django.db.models import Count, F
from django.test.utils import CaptureQueriesContext

from scheduler_realtime import RealtimeQuerySet
from tests.hosts.bound import Bind, Told
from tests.hosts.models import (
    Coded,
    Hybrid,
    Operation,
    Slot,
    Theatre,
    Unwatched,
    UrgentSlot,
)

pytestmark = pytest.mark.django_db

SKIPS_LOCKED = connection.vendor == "postgresql"
EIGHT = dt.datetime(2026, 3, 10, 7, tzinfo=dt.UTC)


def told_statuses(told: Told) -> dict[Any, Any]:
    """By key, the new status of what was updated, and nothing else was told."""
    data = told.data()
    assert {each["action"] for each in data} <= {"update"}
    return {each["surgery_id"]: each["changes"].get("status") for each in data}


def test_each_row_is_told_with_its_own_old_value(bind: Bind, codes: list[Coded]) -> None:
    Coded.objects.filter(code="a").update(status="begun")
    bind(Coded, tracked=["status"])
    told = Told()

    count = Coded.objects.filter(code__in="ab").update(status="done")

    assert count == 2
    assert {d["surgery_id"]: d["previous"] for d in told.data()} == {
        "a": {"status": "begun"},
        "b": {"status": "planned"},
    }


def test_a_row_that_stays_as_it_was_is_not_told(bind: Bind, codes: list[Coded]) -> None:
    Coded.objects.filter(code="a").update(status="done")
    bind(Coded, tracked=["status"])
    told = Told()

    count = Coded.objects.update(status="done")

    assert count == 3
    assert set(told_statuses(told)) == {"b", "c"}


def test_an_expression_is_told_by_the_value_it_came_to(bind: Bind) -> None:
    Operation.objects.create(room_changes=4)
    bind(Operation, tracked=["room_changes"])
    told = Told()

    Operation.objects.update(room_changes=F("room_changes") * 2)

    assert told.changes() == [("update", {"room_changes": 4}, {"room_changes": 8})]


def test_rows_that_no_longer_match_after_it_are_told(bind: Bind, codes: list[Coded]) -> None:
    bind(Coded, tracked=["status"])
    told = Told()

    Coded.objects.filter(status="planned").update(status="done")

    assert told_statuses(told) == {"a": "done", "b": "done", "c": "done"}


def test_a_filter_over_relations_and_a_count_may_narrow_it(bind: Bind) -> None:
    user = User.objects.create(username="a")
    alone, staffed = Operation.objects.create(), Operation.objects.create()
    staffed.team.add(user)
    bind(Operation, tracked=["status"])
    told = Told()

    crowded = Operation.objects.annotate(n=Count("team")).filter(n__gt=0, team__username="a")
    crowded.update(status="done")

    assert told_statuses(told) == {staffed.pk: "done"}
    alone.refresh_from_db()
    assert alone.status == "planned"


def test_a_changed_key_makes_everyone_read_afresh(bind: Bind, codes: list[Coded]) -> None:
    bind(Coded, tracked=["status"])
    told = Told()

    Coded.objects.filter(code="a").update(code="z")

    assert told.types() == ["schedule_update", "resync"]


def test_a_proxys_and_a_childs_update_are_told_as_their_model(bind: Bind) -> None:
    hybrid = Hybrid.objects.create(start=EIGHT)
    bind(Slot, tracked=["status"])
    told = Told()

    UrgentSlot.objects.update(status="one")
    by_proxy = told.data()
    Hybrid.objects.update(status="two", scanner="MR")

    [one], [two] = by_proxy, told.data()
    assert [one["model"], two["model"]] == ["hosts.slot"] * 2
    assert (one["surgery_id"], two["surgery_id"]) == (hybrid.pk, hybrid.pk)
    assert two["changes"] == {"status": "two"}


def test_a_parents_update_is_told_of_its_children_and_changes_the_rest(bind: Bind) -> None:
    slot, theatre = Slot.objects.create(start=EIGHT), Theatre.objects.create(start=EIGHT)
    bind(Theatre, tracked=["status"])
    told = Told()

    count = Slot.objects.update(status="done")

    slot.refresh_from_db()
    assert (count, slot.status) == (2, "done")
    assert told_statuses(told) == {theatre.pk: "done"}


def test_an_update_that_fails_tells_nothing(bind: Bind, codes: list[Coded]) -> None:
    bind(Coded)
    told = Told()

    with pytest.raises(IntegrityError), transaction.atomic():
        Coded.objects.filter(code="a").update(code="b")

    assert told.rows() == []


def test_an_update_of_nothing_tells_nothing(bind: Bind) -> None:
    bind(Coded)
    told = Told()

    assert Coded.objects.update(status="done") + Coded.objects.update() == 0
    assert told.rows() == []


def test_the_rows_are_read_under_a_lock(bind: Bind, codes: list[Coded]) -> None:
    bind(Coded)

    with CaptureQueriesContext(connection) as context:
        Coded.objects.update(status="done")

    reads = [q["sql"] for q in context.captured_queries if q["sql"].startswith("SELECT")]
    assert ("FOR NO KEY UPDATE" in reads[0]) is (connection.vendor == "postgresql")
    assert len(reads) == 2


def test_a_binding_that_raises_fails_no_update(bind: Bind, codes: list[Coded]) -> None:
    bind(Coded, audience=lambda self, coded: 1 // 0)
    told = Told()

    assert Coded.objects.update(status="done") == 3
    assert told.types() == ["resync"]


def test_a_model_without_a_binding_is_updated_by_django_alone(bind: Bind) -> None:
    bind(Coded)
    Unwatched.objects.create()

    with CaptureQueriesContext(connection) as context:
        Unwatched.objects.update(status="done")

    assert len(context.captured_queries) == 1


def test_each_row_of_a_bulk_update_is_told(bind: Bind, codes: list[Coded]) -> None:
    bind(Coded, tracked=["status"])
    told = Told()
    for number, coded in enumerate(codes):
        coded.status = f"step {number}"

    Coded.objects.bulk_update(codes, ["status"], batch_size=2)

    assert told_statuses(told) == {"a": "step 0", "b": "step 1", "c": "step 2"}


def test_rows_that_others_have_locked_are_waited_for(bind: Bind) -> None:
    Operation.objects.create()
    bind(Operation, tracked=["status"])

    with CaptureQueriesContext(connection) as context:
        Operation.objects.select_for_update(skip_locked=SKIPS_LOCKED).update(status="done")

    assert "SKIP LOCKED" not in str(context.captured_queries)


@pytest.mark.parametrize("refused", ["sliced", "combined"])
def test_what_django_refuses_to_update_is_refused_by_django(bind: Bind, refused: str) -> None:
    bind(Operation)
    rows = Operation.objects.all()
    wrong = rows[:1] if refused == "sliced" else rows.union(rows)

    with pytest.raises((TypeError, NotSupportedError), match=r"update"):
        wrong.update(status="done")


class Counting(models.QuerySet):
    """A queryset of a host's that does more than Django's."""

    def update(self, **kwargs: Any) -> int:
        return super().update(**{"room_changes": F("room_changes") + 1} | kwargs)


class Both(RealtimeQuerySet, Counting):
    pass


def test_what_another_queryset_adds_to_an_update_is_done_and_told(bind: Bind) -> None:
    Operation.objects.create()
    bind(Operation, tracked=["status", "room_changes"])
    told = Told()

    Both(Operation).update(status="done")

    [(_, _, changes)] = told.changes()
    assert changes == {"status": "done", "room_changes": 1}


class TestMoreThanTheLimit:
    @pytest.fixture(autouse=True)
    def _limited(self, settings: Any) -> None:
        settings.SCHEDULER_REALTIME = {"CAPTURE_LIMIT": 2}

    def test_everyone_reads_afresh_and_every_row_is_updated(
        self, bind: Bind, codes: list[Coded]
    ) -> None:
        bind(Coded)
        told = Told()

        count = Coded.objects.update(status="done")

        assert count == Coded.objects.filter(status="done").count() == 3
        assert [(row.type, row.data) for row in told.rows()] == [("resync", {"reason": "too_many"})]

    def test_as_many_as_the_limit_are_told(self, bind: Bind, codes: list[Coded]) -> None:
        bind(Coded, tracked=["status"])
        told = Told()

        Coded.objects.exclude(code="a").update(status="done")

        assert told_statuses(told) == {"b": "done", "c": "done"}

    def test_no_more_rows_are_read_than_that(self, bind: Bind, codes: list[Coded]) -> None:
        bind(Coded)

        with CaptureQueriesContext(connection) as context:
            Coded.objects.update(status="done")

        [read] = [q["sql"] for q in context.captured_queries if 'FROM "hosts_coded"' in q["sql"]]
        assert "LIMIT 3" in read
