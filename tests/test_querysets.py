"""Writes in bulk: what the manager and the capturing block tell that no signal does."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.db.models import Count, F, Manager, Value
from django.test.utils import CaptureQueriesContext

from tests.hosts.bound import Bind, Told, binder
from tests.hosts.models import (
    Appointment,
    Coded,
    Hybrid,
    Operation,
    Room,
    Slot,
    Stay,
    Theatre,
    Unwatched,
    UrgentSlot,
)

pytestmark = pytest.mark.django_db

EIGHT = dt.datetime(2026, 3, 10, 7, tzinfo=dt.UTC)


@pytest.fixture
def bind() -> Iterator[Bind]:
    with binder() as bind:
        yield bind


@pytest.fixture
def codes() -> list[Coded]:
    return [Coded.objects.create(code=code) for code in "abc"]


def told_statuses(told: Told) -> dict[Any, Any]:
    """By key, the new status of what was updated, and nothing else was told."""
    data = told.data()
    assert {each["action"] for each in data} <= {"update"}
    return {each["surgery_id"]: each["changes"].get("status") for each in data}


class TestUpdate:
    def test_each_row_is_told_with_its_own_old_value(self, bind: Bind, codes: list[Coded]) -> None:
        Coded.objects.filter(code="a").update(status="begun")
        bind(Coded, tracked=["status"])
        told = Told()

        count = Coded.objects.filter(code__in="ab").update(status="done")

        assert count == 2
        assert {d["surgery_id"]: d["previous"] for d in told.data()} == {
            "a": {"status": "begun"},
            "b": {"status": "planned"},
        }

    def test_a_row_that_stays_as_it_was_is_not_told(self, bind: Bind, codes: list[Coded]) -> None:
        Coded.objects.filter(code="a").update(status="done")
        bind(Coded, tracked=["status"])
        told = Told()

        count = Coded.objects.update(status="done")

        assert count == 3
        assert set(told_statuses(told)) == {"b", "c"}

    def test_an_expression_is_told_by_the_value_it_came_to(self, bind: Bind) -> None:
        Operation.objects.create(room_changes=4)
        bind(Operation, tracked=["room_changes"])
        told = Told()

        Operation.objects.update(room_changes=F("room_changes") * 2)

        assert told.changes() == [("update", {"room_changes": 4}, {"room_changes": 8})]

    def test_rows_that_no_longer_match_after_it_are_told(
        self, bind: Bind, codes: list[Coded]
    ) -> None:
        bind(Coded, tracked=["status"])
        told = Told()

        Coded.objects.filter(status="planned").update(status="done")

        assert told_statuses(told) == {"a": "done", "b": "done", "c": "done"}

    def test_a_filter_over_relations_and_a_count_may_narrow_it(self, bind: Bind) -> None:
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

    def test_a_changed_key_makes_everyone_read_afresh(self, bind: Bind, codes: list[Coded]) -> None:
        bind(Coded, tracked=["status"])
        told = Told()

        Coded.objects.filter(code="a").update(code="z")

        assert told.types() == ["schedule_update", "resync"]

    def test_a_proxys_and_a_childs_update_are_told_as_their_model(self, bind: Bind) -> None:
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

    def test_a_parents_update_is_told_of_its_children_and_changes_the_rest(
        self, bind: Bind
    ) -> None:
        slot, theatre = Slot.objects.create(start=EIGHT), Theatre.objects.create(start=EIGHT)
        bind(Theatre, tracked=["status"])
        told = Told()

        count = Slot.objects.update(status="done")

        slot.refresh_from_db()
        assert (count, slot.status) == (2, "done")
        assert told_statuses(told) == {theatre.pk: "done"}

    def test_an_update_that_fails_tells_nothing(self, bind: Bind, codes: list[Coded]) -> None:
        bind(Coded)
        told = Told()

        with pytest.raises(IntegrityError), transaction.atomic():
            Coded.objects.filter(code="a").update(code="b")

        assert told.rows() == []

    def test_an_update_of_nothing_tells_nothing(self, bind: Bind) -> None:
        bind(Coded)
        told = Told()

        assert Coded.objects.update(status="done") + Coded.objects.update() == 0
        assert told.rows() == []

    def test_the_rows_are_read_under_a_lock(self, bind: Bind, codes: list[Coded]) -> None:
        bind(Coded)

        with CaptureQueriesContext(connection) as context:
            Coded.objects.update(status="done")

        reads = [q["sql"] for q in context.captured_queries if q["sql"].startswith("SELECT")]
        assert ("FOR NO KEY UPDATE" in reads[0]) is (connection.vendor == "postgresql")
        assert len(reads) == 2

    def test_a_binding_that_raises_fails_no_update(self, bind: Bind, codes: list[Coded]) -> None:
        bind(Coded, audience=lambda self, coded: 1 // 0)
        told = Told()

        assert Coded.objects.update(status="done") == 3
        assert told.types() == ["resync"]

    def test_a_model_without_a_binding_is_updated_by_django_alone(self, bind: Bind) -> None:
        bind(Coded)
        Unwatched.objects.create()

        with CaptureQueriesContext(connection) as context:
            Unwatched.objects.update(status="done")

        assert len(context.captured_queries) == 1


class TestBulkUpdate:
    def test_each_row_is_told(self, bind: Bind, codes: list[Coded]) -> None:
        bind(Coded, tracked=["status"])
        told = Told()
        for number, coded in enumerate(codes):
            coded.status = f"step {number}"

        Coded.objects.bulk_update(codes, ["status"], batch_size=2)

        assert told_statuses(told) == {"a": "step 0", "b": "step 1", "c": "step 2"}


class TestRelatedManagers:
    @pytest.fixture
    def room(self) -> Room:
        return Room.objects.create()

    def test_objects_added_to_a_room_are_told(self, bind: Bind, room: Room) -> None:
        Operation.objects.create()
        bind(Operation, tracked=["room"])
        told = Told()

        room.operations.add(Operation.objects.get())

        assert told.changes() == [("update", {"room": None}, {"room": room.pk})]

    def test_objects_removed_and_cleared_from_a_room_are_told(self, bind: Bind, room: Room) -> None:
        operation = Operation.objects.create(room=room)
        bind(Operation, tracked=["room"])
        told = Told()

        room.operations.remove(operation)
        removed = told.changes()
        room.operations.add(operation)
        told.rows()
        room.operations.clear()

        assert removed == told.changes() == [("update", {"room": room.pk}, {"room": None})]

    def test_a_model_that_captures_nothing_keeps_its_base_manager(self, bind: Bind) -> None:
        bind(Stay)

        assert type(Stay._base_manager) is type(Stay.objects)
        assert type(Unwatched._base_manager) is Manager


class TestBulkCreate:
    def test_each_new_object_is_told(self, bind: Bind) -> None:
        bind(Operation, tracked=["status"])
        told = Told()

        made = Operation.objects.bulk_create([Operation(status=Value("a")), Operation()])

        assert [(d["action"], d["surgery_id"], d["changes"]) for d in told.data()] == [
            ("create", made[0].pk, {"status": "a"}),
            ("create", made[1].pk, {"status": "planned"}),
        ]

    def test_keys_made_in_python_are_told(self, bind: Bind) -> None:
        bind(Appointment)
        told = Told()

        made = Appointment.objects.bulk_create(Appointment() for _ in range(2))

        assert {d["surgery_id"] for d in told.data()} == {str(each.pk) for each in made}

    def test_what_existed_already_is_not_told_as_new(self, bind: Bind, codes: list[Coded]) -> None:
        bind(Coded)
        told = Told()

        Coded.objects.bulk_create([Coded(code="a"), Coded(code="z")], ignore_conflicts=True)

        assert [(d["action"], d["surgery_id"]) for d in told.data()] == [("create", "z")]

    @pytest.mark.parametrize("as_keywords", [True, False])
    def test_where_new_and_old_cannot_be_told_apart_everyone_reads_afresh(
        self, bind: Bind, codes: list[Coded], as_keywords: bool
    ) -> None:
        bind(Coded)
        told = Told()
        names: Any = {"update_fields": ["status"], "unique_fields": ["code"]}
        new = [Coded(code="a", status="done"), Coded(code="z")]

        if as_keywords:
            Coded.objects.bulk_create(new, update_conflicts=True, **names)
        else:
            Coded.objects.bulk_create(new, None, False, True, *names.values())

        assert told.types() == ["resync"]

    def test_nothing_created_tells_nothing(self, bind: Bind) -> None:
        bind(Operation)
        told = Told()

        Operation.objects.bulk_create([])
        Operation.objects.bulk_create([], ignore_conflicts=True)

        assert told.rows() == []

    def test_objects_that_are_refused_tell_nothing(self, bind: Bind, codes: list[Coded]) -> None:
        bind(Coded)
        told = Told()

        with pytest.raises(IntegrityError), transaction.atomic():
            Coded.objects.bulk_create([Coded(code="z"), Coded(code="a")])

        assert told.rows() == []


class TestBulkDelete:
    def test_each_row_is_told(self, bind: Bind, codes: list[Coded]) -> None:
        bind(Coded)
        told = Told()

        Coded.objects.filter(code__in="ab").delete()

        assert {d["surgery_id"]: d["action"] for d in told.data()} == {"a": "delete", "b": "delete"}
