"""Captured changes: what the log says after saves, deletes and changed relations."""

import contextlib
import datetime as dt
import uuid
from collections.abc import Callable, Iterator
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import User
from django.core import serializers
from django.db import IntegrityError, connection, models, transaction
from django.db.models import F, signals
from django.test.utils import CaptureQueriesContext

from scheduler_realtime import Audience, acting_as
from scheduler_realtime.models import Message
from scheduler_realtime.testing import heard_by
from tests.hosts.bound import Bind, Told, binder
from tests.hosts.models import (
    Appointment,
    Assignment,
    Booking,
    Category,
    Coded,
    Hybrid,
    Operation,
    Procedure,
    Room,
    Slot,
    Stay,
    Theatre,
    Unwatched,
    UrgentSlot,
)

pytestmark = pytest.mark.django_db

VIENNA = ZoneInfo("Europe/Vienna")
EIGHT = dt.datetime(2026, 3, 10, 8, tzinfo=VIENNA)
NINE = dt.datetime(2026, 3, 10, 9, tzinfo=VIENNA)


@pytest.fixture
def bind() -> Iterator[Bind]:
    with binder() as bind:
        yield bind


@pytest.fixture
def receive() -> Iterator[Callable[..., None]]:
    """`receive(signal, receiver, sender)`: the host's own receiver, for the test."""
    connected: list[Any] = []

    def receive(signal: Any, receiver: Any, sender: type[models.Model]) -> None:
        signal.connect(receiver, sender=sender)
        connected.append((signal, receiver, sender))

    yield receive
    for signal, receiver, sender in connected:
        signal.disconnect(receiver, sender=sender)


def statements(context: CaptureQueriesContext) -> list[str]:
    """The first word of each statement."""
    return [query["sql"].split()[0] for query in context.captured_queries]


class TestSaves:
    def test_a_new_object_is_told_with_all_it_has(self, bind: Bind) -> None:
        room = Room.objects.create()
        bind(Operation, room="room", start="start", end="end", tracked=["status", "start", "room"])
        told = Told()

        operation = Operation.objects.create(room=room, start=EIGHT, end=NINE)

        assert told.data() == [
            {
                "action": "create",
                "model": "hosts.operation",
                "surgery_id": operation.pk,
                "room_id": room.pk,
                "schedule_date": "2026-03-10",
                "changes": {
                    "status": "planned",
                    "start": "2026-03-10T07:00:00.000Z",
                    "room": room.pk,
                },
                "previous": {},
                "affected_surgeries": [],
            }
        ]

    def test_only_tracked_fields_that_differ_are_told(self, bind: Bind) -> None:
        operation = Operation.objects.create(weight=1)
        bind(Operation, tracked=["status", "start"])
        told = Told()

        operation.status, operation.weight = "done", 2
        operation.save()

        assert told.changes() == [("update", {"status": "planned"}, {"status": "done"})]

    def test_a_change_of_what_is_not_tracked_is_not_told(self, bind: Bind) -> None:
        operation = Operation.objects.create()
        bind(Operation, tracked=["status"])
        told = Told()

        operation.weight = 2
        operation.save()

        assert told.rows() == []

    def test_saving_an_unchanged_object_tells_nothing(self, bind: Bind) -> None:
        Operation.objects.create(
            start=EIGHT, weight=1.5, cost="9.50", details={"a": [1, {"b": None}]}, files="scan.png"
        )
        bind(Operation, room="room", start="start")
        told = Told()

        Operation.objects.get().save()

        assert told.rows() == []

    def test_old_values_are_the_databases_and_not_the_instances(self, bind: Bind) -> None:
        operation = Operation.objects.create()
        bind(Operation, tracked=["status"])
        Operation.plain.update(status="begun")
        told = Told()

        operation.status = "done"
        operation.save()

        assert told.changes() == [("update", {"status": "begun"}, {"status": "done"})]

    def test_a_stale_instance_that_puts_back_old_values_says_so(self, bind: Bind) -> None:
        operation = Operation.objects.create()
        bind(Operation, tracked=["status", "weight"])
        Operation.plain.update(status="begun")
        told = Told()

        operation.weight = 2.0
        operation.save()

        assert told.changes() == [
            ("update", {"status": "begun", "weight": None}, {"status": "planned", "weight": 2.0})
        ]

    def test_update_fields_leave_out_what_memory_holds_besides(self, bind: Bind) -> None:
        operation = Operation.objects.create()
        bind(Operation, room="room")
        told = Told()

        operation.status, operation.weight, operation.room_id = "done", 9.0, 12345
        operation.save(update_fields=["status"])

        [data] = told.data()
        assert (data["changes"], data["room_id"]) == ({"status": "done"}, None)

    def test_update_fields_may_name_a_keys_column(self, bind: Bind) -> None:
        operation, room = Operation.objects.create(), Room.objects.create()
        bind(Operation)
        told = Told()

        operation.room = room
        operation.save(update_fields=["room_id"])

        assert told.changes() == [("update", {"room": None}, {"room": room.pk})]

    def test_an_expression_is_told_by_the_value_it_came_to(self, bind: Bind) -> None:
        operation = Operation.objects.create(room_changes=4)
        bind(Operation, tracked=["room_changes"])
        told = Told()

        operation.room_changes = F("room_changes") + 1
        operation.save()

        assert told.changes() == [("update", {"room_changes": 4}, {"room_changes": 5})]

    def test_what_the_database_fills_in_is_told(self, bind: Bind) -> None:
        bind(Coded, tracked=["loud", "made"])
        told = Told()

        coded = Coded.objects.create(code="a", status="done")

        [(_, _, changes)] = told.changes()
        coded.refresh_from_db()
        assert changes["loud"] == "DONE"
        assert changes["made"][:19] == coded.made.astimezone(dt.UTC).isoformat()[:19]

    @pytest.mark.parametrize(
        ("field", "same"),
        [
            ("start", "2026-03-10T08:00:00+01:00"),
            ("weight", "1.5"),
            ("cost", 9.5),
            ("cost", "9.500"),
            ("room_changes", "4"),
            ("details", {"pair": (1, 2)}),
        ],
    )
    def test_another_spelling_of_a_value_is_no_change(
        self, bind: Bind, field: str, same: Any
    ) -> None:
        given = {"start": EIGHT, "weight": 1.5, "cost": "9.50", "room_changes": 4}
        operation = Operation.objects.create(**given, details={"pair": [1, 2]})
        bind(Operation)
        told = Told()

        setattr(operation, field, same)
        operation.save()

        assert told.rows() == []

    def test_a_text_assigned_to_a_datetime_is_told_as_one(self, bind: Bind) -> None:
        operation = Operation.objects.create(start=EIGHT)
        bind(Operation, tracked=["start"], start="start")
        told = Told()

        operation.start = "2026-03-11T00:30:00+01:00"
        operation.save()

        [data] = told.data()
        assert data["changes"] == {"start": "2026-03-10T23:30:00.000Z"}
        assert data["schedule_date"] == "2026-03-11"

    def test_a_deferred_column_is_neither_fetched_nor_told(self, bind: Bind) -> None:
        Operation.objects.create(details={"a": 1}, room_changes=3)
        bind(Operation)
        told = Told()
        operation = Operation.objects.only("status").get()

        operation.status = "done"
        operation.save()

        assert told.changes() == [("update", {"status": "planned"}, {"status": "done"})]
        assert "details" in operation.get_deferred_fields()

    def test_a_refreshed_instance_tells_only_what_it_changes(self, bind: Bind) -> None:
        operation = Operation.objects.create()
        bind(Operation)
        Operation.plain.update(status="begun")
        told = Told()

        operation.refresh_from_db()
        operation.weight = 2.0
        operation.save()

        assert told.changes() == [("update", {"weight": None}, {"weight": 2.0})]

    def test_a_copy_without_its_key_is_a_new_object(self, bind: Bind) -> None:
        operation = Operation.objects.create()
        bind(Operation)
        told = Told()

        operation.pk = None
        operation.save()

        [data] = told.data()
        assert (data["action"], data["surgery_id"]) == ("create", operation.pk)

    def test_a_copy_of_an_object_whose_key_python_makes_is_new(self, bind: Bind) -> None:
        visit = Appointment.objects.create()
        bind(Appointment)
        told = Told()

        visit.pk = None
        visit.save()

        [data] = told.data()
        assert (data["action"], data["surgery_id"]) == ("create", str(visit.pk))

    def test_a_changed_key_is_a_new_object(self, bind: Bind) -> None:
        coded = Coded.objects.create(code="old")
        bind(Coded, tracked=["status"])
        told = Told()

        coded.code = "new"
        coded.save()

        [data] = told.data()
        assert (data["action"], data["surgery_id"]) == ("create", "new")

    def test_a_new_instance_with_the_key_of_a_row_is_an_update(self, bind: Bind) -> None:
        Coded.objects.create(code="a")
        bind(Coded, tracked=["status"])
        told = Told()

        Coded(code="a", status="done").save()

        assert told.changes() == [("update", {"status": "planned"}, {"status": "done"})]

    def test_a_forced_update_of_a_row_that_was_never_read_is_an_update(self, bind: Bind) -> None:
        visit = Appointment.objects.create(place="North")
        bind(Appointment, tracked=["place"])
        told = Told()

        Appointment(pk=visit.pk, place="South").save(force_update=True)

        assert told.changes() == [("update", {"place": "North"}, {"place": "South"})]

    def test_update_or_create_tells_each_once(self, bind: Bind) -> None:
        bind(Coded, tracked=["status"])
        told = Told()

        actions = []
        for status in ("new", "done", "done"):
            Coded.objects.update_or_create(code="a", defaults={"status": status})
            actions += told.changes()

        assert actions == [
            ("create", {}, {"status": "new"}),
            ("update", {"status": "new"}, {"status": "done"}),
        ]

    def test_get_or_create_tells_only_what_it_creates(self, bind: Bind) -> None:
        bind(Coded, tracked=["status"])
        told = Told()

        for _ in range(2):
            Coded.objects.get_or_create(code="a")

        assert told.changes() == [("create", {}, {"status": "planned"})]

    def test_a_save_that_fails_tells_nothing(self, bind: Bind) -> None:
        first = Coded.objects.create(code="a")
        bind(Coded)
        told = Told()

        with pytest.raises(IntegrityError), transaction.atomic():
            Coded(code="a").save(force_insert=True)

        assert told.rows() == []
        first.status = "done"
        first.save()
        assert [data["action"] for data in told.data()] == ["update"]

    def test_a_fixture_that_is_loaded_is_told(self, bind: Bind) -> None:
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

    def test_a_child_that_is_loaded_is_told_with_its_parents_columns(self, bind: Bind) -> None:
        theatre = Theatre.objects.create(start=EIGHT, status="kept")
        text = serializers.serialize("json", [theatre])
        bind(Theatre, tracked=["status", "lights"])
        told = Told()

        for found in serializers.deserialize("json", text.replace('"lights": 1', '"lights": 2')):
            found.save()

        assert told.changes() == [("update", {"lights": 1}, {"lights": 2})]

    def test_a_save_says_who_did_it(self, bind: Bind) -> None:
        bind(Operation)
        told = Told()

        with acting_as(7):
            Operation.objects.create()

        assert [row.actor for row in told.rows()] == ["7"]

    def test_a_key_made_in_python_is_told_as_a_text(self, bind: Bind) -> None:
        bind(Appointment)
        told = Told()

        key = uuid.uuid4()
        Appointment.objects.create(pk=key)

        assert [data["surgery_id"] for data in told.data()] == [str(key)]

    def test_a_row_that_every_manager_hides_is_told_all_the_same(self, bind: Bind) -> None:
        stay = Stay.everything.create(first_day=EIGHT.date(), last_day=EIGHT.date())
        bind(Stay, tracked=["first_day", "last_day"])
        told = Told()

        stay.last_day = None
        stay.save()

        assert told.changes() == [("update", {"last_day": "2026-03-10"}, {"last_day": None})]

    def test_a_write_to_another_database_is_none_of_ours(
        self, bind: Bind, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bind(Operation, tracked=["status"], staff=["team"])
        told = Told()

        with monkeypatch.context() as patch:
            patch.setattr("scheduler_realtime.log.database", lambda: "elsewhere")
            operation = Operation.objects.create()
            Operation.objects.update(status="done")
            operation.team.add(User.objects.create(username="a"))
            operation.delete()

        assert told.rows() == []


class TestHostsReceivers:
    def test_a_save_inside_the_hosts_own_post_save_is_part_of_the_change(
        self, bind: Bind, receive: Any
    ) -> None:
        def on_saved(instance: Coded, **kwargs: Any) -> None:
            if instance.status == "begun":
                instance.status = "done"
                instance.save()

        receive(signals.post_save, on_saved, Coded)
        coded = Coded.objects.create(code="a")
        bind(Coded, tracked=["status"])
        told = Told()

        coded.status = "begun"
        coded.save()

        assert told.changes() == [("update", {"status": "planned"}, {"status": "done"})]

    def test_what_the_hosts_own_post_save_deletes_is_not_told_as_alive(
        self, bind: Bind, receive: Any
    ) -> None:
        def on_saved(instance: Operation, **kwargs: Any) -> None:
            if instance.status == "cancelled":
                Operation.objects.get(pk=instance.pk).delete()

        receive(signals.post_save, on_saved, Operation)
        operation = Operation.objects.create()
        bind(Operation, tracked=["status"])
        told = Told()

        operation.status = "cancelled"
        operation.save()
        Operation.objects.create(status="cancelled")

        assert told.changes() == [("delete", {"status": "planned"}, {})]

    def test_what_the_hosts_own_post_delete_makes_anew_is_not_told_as_gone(
        self, bind: Bind, receive: Any
    ) -> None:
        def on_deleted(instance: Coded, **kwargs: Any) -> None:
            Coded.objects.create(code=instance.code, status="again")

        receive(signals.post_delete, on_deleted, Coded)
        coded = Coded.objects.create(code="a")
        bind(Coded, tracked=["status"])
        told = Told()

        coded.delete()

        assert told.changes() == [("update", {"status": "planned"}, {"status": "again"})]

    def test_a_nested_save_that_fails_leaves_the_outer_one_its_old_values(
        self, bind: Bind, receive: Any
    ) -> None:
        def on_saving(instance: Coded, **kwargs: Any) -> None:
            if instance.status == "begun":
                instance.status = "x" * 99
                with pytest.raises(LookupError), transaction.atomic():
                    instance.save()
                instance.status = "done"

        def refuse(instance: Coded, **kwargs: Any) -> None:
            if len(instance.status) == 99:
                raise LookupError

        coded = Coded.objects.create(code="a")
        bind(Coded, tracked=["status"])
        receive(signals.pre_save, on_saving, Coded)
        receive(signals.pre_save, refuse, Coded)
        told = Told()

        coded.status = "begun"
        coded.save()

        assert told.changes() == [("update", {"status": "planned"}, {"status": "done"})]


class TestInheritance:
    def test_a_child_is_told_as_the_parent_that_is_bound(self, bind: Bind) -> None:
        bind(Slot, tracked=["status"])
        told = Told()

        theatre = Theatre.objects.create(start=EIGHT)
        theatre.status = "done"
        theatre.save()

        [data] = told.data()
        assert (data["model"], data["surgery_id"], data["changes"]) == (
            "hosts.slot",
            theatre.pk,
            {"status": "done"},
        )

    def test_a_parents_save_is_told_as_the_child_that_is_bound(self, bind: Bind) -> None:
        theatre = Theatre.objects.create(start=EIGHT)
        bind(Theatre, tracked=["status", "lights"])
        told = Told()

        slot = Slot.objects.get(pk=theatre.pk)
        slot.status = "done"
        slot.save()

        [data] = told.data()
        assert (data["model"], data["changes"]) == ("hosts.theatre", {"status": "done"})

    def test_a_parent_without_a_child_is_not_told_as_one(self, bind: Bind) -> None:
        bind(Theatre)
        told = Told()

        slot = Slot.objects.create(start=EIGHT)
        slot.status = "done"
        slot.save()
        Slot.objects.update(status="planned")
        slot.delete()

        assert told.rows() == []

    def test_a_row_of_two_bound_models_is_told_as_both(self, bind: Bind) -> None:
        hybrid = Hybrid.objects.create(start=EIGHT)
        bind(Slot, tracked=["status"])
        bind(Hybrid, tracked=["status", "scanner"])
        told = Told()

        hybrid.status, hybrid.scanner = "done", "MR"
        hybrid.save()

        assert [(data["model"], data["changes"]) for data in told.data()] == [
            ("hosts.slot", {"status": "done"}),
            ("hosts.hybrid", {"status": "done", "scanner": "MR"}),
        ]

    def test_a_deleted_child_is_told_once_for_each_bound_model(self, bind: Bind) -> None:
        hybrid = Hybrid.objects.create(start=EIGHT)
        bind(Slot)
        bind(Theatre)
        told = Told()

        hybrid.delete()

        assert sorted((data["model"], data["action"]) for data in told.data()) == [
            ("hosts.slot", "delete"),
            ("hosts.theatre", "delete"),
        ]

    def test_a_parent_that_outlives_its_child_is_not_told_as_gone(self, bind: Bind) -> None:
        theatre = Theatre.objects.create(start=EIGHT)
        bind(Slot)
        told = Told()

        theatre.delete(keep_parents=True)

        assert told.rows() == []

    def test_a_proxy_is_told_as_its_model(self, bind: Bind) -> None:
        bind(Slot, tracked=["status"])
        told = Told()

        slot = UrgentSlot.objects.create(start=EIGHT)
        created = told.data()
        slot.status = "done"
        slot.save()
        updated = told.data()
        slot.delete()

        actions = [(d["model"], d["action"]) for d in created + updated + told.data()]
        assert actions == [("hosts.slot", each) for each in ("create", "update", "delete")]


class TestDeletes:
    def test_a_delete_is_told_with_what_there_was(self, bind: Bind) -> None:
        operation = Operation.objects.create(start=EIGHT)
        key = operation.pk
        bind(Operation, tracked=["status"], start="start")
        told = Told()

        operation.delete()

        [data] = told.data()
        assert (data["action"], data["surgery_id"], data["schedule_date"]) == (
            "delete",
            key,
            "2026-03-10",
        )
        assert (data["changes"], data["previous"]) == ({}, {"status": "planned"})

    def test_a_cascade_is_told(self, bind: Bind) -> None:
        room = Room.objects.create()
        keys = {Operation.objects.create(room=room).pk: "delete" for _ in range(2)}
        bind(Operation, room="room")
        told = Told()

        room.delete()

        assert {data["surgery_id"]: data["action"] for data in told.data()} == keys
        assert not Operation.objects.exists()

    def test_a_cascade_two_relations_away_is_told_with_the_room_there_was(self, bind: Bind) -> None:
        room, category = Room.objects.create(), Category.objects.create()
        procedure = Procedure.objects.create(room=room, category=category)
        Booking.objects.create(start=EIGHT, procedure=procedure)
        bind(Booking, room="procedure.room", start="start")
        told = Told()

        category.delete()

        assert [(data["action"], data["room_id"]) for data in told.data()] == [("delete", room.pk)]

    @pytest.mark.parametrize("field", ["lead", "deputy"])
    def test_a_key_that_the_database_sets_is_told(self, bind: Bind, field: str) -> None:
        user = User.objects.create(username="a")
        Operation.objects.create(**{field: user})
        key = user.pk
        bind(Operation, tracked=["lead", "deputy"])
        told = Told()

        user.delete()

        assert told.changes() == [("update", {field: key}, {field: None})]

    def test_those_who_knew_by_a_key_hear_that_it_was_emptied(self, bind: Bind) -> None:
        lead = User.objects.create(username="lead")
        nurse = User.objects.create(username="nurse")
        operation = Operation.objects.create(lead=lead)

        def audience(self: Any, operation: Operation) -> Audience:
            return Audience(users=[nurse] if operation.lead and operation.lead.username else [])

        bind(Operation, tracked=["lead"], audience=audience)
        Told()

        lead.delete()

        [frame] = heard_by(nurse)
        assert (frame["data"]["surgery_id"], frame["data"]["reason"]) == (operation.pk, "left")

    def test_a_key_that_is_not_tracked_is_left_alone(self, bind: Bind) -> None:
        user = User.objects.create(username="a")
        Operation.objects.create(lead=user)
        bind(Operation, tracked=["status"])
        told = Told()

        user.delete()

        assert told.rows() == []

    def test_those_on_the_team_hear_of_the_delete(self, bind: Bind) -> None:
        nurse = User.objects.create(username="nurse")
        operation = Operation.objects.create()
        operation.team.add(nurse)

        def audience(self: Any, operation: Operation) -> Audience:
            return Audience(users=operation.team.all())

        bind(Operation, audience=audience)
        Told()

        operation.delete()

        assert [frame["data"]["action"] for frame in heard_by(nurse)] == ["delete"]


class TestManyToMany:
    @pytest.fixture
    def users(self) -> list[User]:
        return [User.objects.create(username=name) for name in "abc"]

    @pytest.fixture
    def operation(self, users: list[User], bind: Bind) -> Operation:
        operation = Operation.objects.create()
        operation.team.add(users[0])
        bind(Operation, tracked=["status", "team", "linked", "helpers"])
        return operation

    @pytest.mark.parametrize(
        ("change", "after"),
        [
            (lambda team, users: team.add(users[1]), [0, 1]),
            (lambda team, users: team.remove(users[0]), []),
            (lambda team, users: team.set(users[1:]), [1, 2]),
            (lambda team, users: team.clear(), []),
        ],
        ids=["add", "remove", "set", "clear"],
    )
    def test_a_change_from_its_own_side_is_told(
        self, operation: Operation, users: list[User], change: Any, after: list[int]
    ) -> None:
        told = Told()

        change(operation.team, users)

        assert told.changes() == [
            ("update", {"team": [users[0].pk]}, {"team": [users[n].pk for n in after]})
        ]

    @pytest.mark.parametrize(
        ("user", "change", "after"),
        [
            (1, lambda side, operation: side.add(operation), [0, 1]),
            (0, lambda side, operation: side.remove(operation), []),
            (1, lambda side, operation: side.set([operation]), [0, 1]),
            (0, lambda side, operation: side.clear(), []),
        ],
        ids=["add", "remove", "set", "clear"],
    )
    def test_a_change_from_the_other_side_is_told(
        self, operation: Operation, users: list[User], user: int, change: Any, after: list[int]
    ) -> None:
        told = Told()

        change(users[user].operations, operation)

        assert told.changes() == [
            ("update", {"team": [users[0].pk]}, {"team": [users[n].pk for n in after]})
        ]

    def test_adding_who_is_there_already_tells_nothing(
        self, operation: Operation, users: list[User]
    ) -> None:
        told = Told()

        operation.team.add(users[0])

        assert told.rows() == []

    def test_a_deleted_target_is_told_to_be_off_the_list(
        self, operation: Operation, users: list[User]
    ) -> None:
        told, gone = Told(), users[0].pk

        users[0].delete()

        assert told.changes() == [("update", {"team": [gone]}, {"team": []})]

    def test_a_symmetrical_relation_is_told_at_both_ends(self, operation: Operation) -> None:
        other = Operation.objects.create()
        told = Told()

        operation.linked.add(other)

        assert {data["surgery_id"]: data["changes"] for data in told.data()} == {
            operation.pk: {"linked": [other.pk]},
            other.pk: {"linked": [operation.pk]},
        }

    def test_a_row_between_that_is_saved_moved_and_deleted_is_told(
        self, operation: Operation, users: list[User]
    ) -> None:
        other = Operation.objects.create()
        told = Told()
        key = users[0].pk

        link = Assignment.objects.create(operation=operation, user=users[0])
        added = told.changes()
        link.operation = other
        link.save()
        moved = {data["surgery_id"]: data["changes"] for data in told.data()}
        link.delete()
        removed = told.changes()

        assert added == [("update", {"helpers": []}, {"helpers": [key]})]
        assert moved == {operation.pk: {"helpers": []}, other.pk: {"helpers": [key]}}
        assert removed == [("update", {"helpers": [key]}, {"helpers": []})]

    def test_a_cascade_to_rows_between_is_told_once(
        self, operation: Operation, users: list[User]
    ) -> None:
        operation.helpers.add(users[1])
        told, gone = Told(), users[1].pk

        users[1].delete()

        assert told.changes() == [("update", {"helpers": [gone]}, {"helpers": []})]

    def test_whoever_is_taken_off_hears_that_it_left(self, users: list[User], bind: Bind) -> None:
        operation = Operation.objects.create()
        operation.team.set(users[:2])

        def audience(self: Any, operation: Operation) -> Audience:
            return Audience(users=operation.team.values_list("pk", flat=True))

        bind(Operation, tracked=["team"], audience=audience)
        Told()

        operation.team.remove(users[0])

        assert [f["data"].get("reason") for f in heard_by(users[0])] == ["left"]
        assert [f["data"]["action"] for f in heard_by(users[1])] == ["update"]

    def test_a_relation_that_is_not_tracked_is_left_alone(
        self, users: list[User], bind: Bind
    ) -> None:
        operation = Operation.objects.create()
        bind(Operation, tracked=["status"])
        told = Told()

        operation.team.set(users)

        assert told.rows() == []


class TestDependencies:
    @pytest.fixture
    def booking(self, bind: Bind) -> Booking:
        category = Category.objects.create(minutes=30)
        procedure = Procedure.objects.create(minutes=60, category=category)
        booking = Booking.objects.create(start=EIGHT, procedure=procedure)
        bind(
            Booking,
            start="start",
            duration="procedure.minutes",
            depends_on=["procedure.minutes", "procedure.category.minutes"],
        )
        return booking

    def test_a_change_there_is_a_change_here(self, booking: Booking) -> None:
        told = Told()

        procedure = Procedure.objects.get()
        procedure.minutes = 90
        procedure.save()

        [data] = told.data()
        assert (data["model"], data["surgery_id"]) == ("hosts.booking", booking.pk)
        assert data["previous"] == {"procedure.minutes": 60}
        assert data["changes"] == {"procedure.minutes": 90}

    def test_the_time_before_is_that_of_the_old_value(self, booking: Booking) -> None:
        told = Told()

        procedure = Procedure.objects.get()
        procedure.minutes = 90
        procedure.save()

        [row] = told.rows()
        assert row.scope["dates"] == ["2026-03-10"]

    def test_another_object_on_the_way_is_told_by_the_values_at_the_end(
        self, booking: Booking
    ) -> None:
        told = Told()

        procedure = Procedure.objects.get()
        procedure.category = Category.objects.create(minutes=45)
        procedure.save()

        assert told.changes() == [
            ("update", {"procedure.category.minutes": 30}, {"procedure.category.minutes": 45})
        ]

    def test_a_change_two_relations_away_is_told(self, booking: Booking) -> None:
        told = Told()

        category = Category.objects.get()
        category.minutes = 45
        category.save()

        assert told.changes() == [
            ("update", {"procedure.category.minutes": 30}, {"procedure.category.minutes": 45})
        ]

    def test_an_unrelated_change_there_is_none_here(self, booking: Booking) -> None:
        told = Told()

        procedure = Procedure.objects.get()
        procedure.room = Room.objects.create()
        procedure.save()

        assert told.rows() == []

    def test_an_update_in_bulk_there_is_a_change_here(self, booking: Booking) -> None:
        told = Told()

        Procedure.objects.update(minutes=90)

        assert told.changes() == [("update", {"procedure.minutes": 60}, {"procedure.minutes": 90})]

    def test_a_fixture_loaded_there_is_a_change_here(self, booking: Booking) -> None:
        told = Told()
        text = serializers.serialize("json", Procedure.objects.all())

        for found in serializers.deserialize("json", text.replace("60", "90")):
            found.save()

        assert told.changes() == [("update", {"procedure.minutes": 60}, {"procedure.minutes": 90})]


class TestAudiences:
    @pytest.fixture
    def users(self) -> dict[str, User]:
        return {name: User.objects.create(username=name) for name in ("old", "new", "both")}

    @pytest.fixture
    def operation(self, users: dict[str, User], bind: Bind) -> Operation:
        operation = Operation.objects.create(lead=users["old"], start=EIGHT)

        def audience(self: Any, operation: Operation) -> Audience:
            return Audience(users=[operation.lead_id, users["both"]])

        bind(Operation, start="start", audience=audience)
        return operation

    def test_whoever_is_only_in_the_old_audience_hears_that_it_left_and_no_value(
        self, operation: Operation, users: dict[str, User]
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
        self, operation: Operation, users: dict[str, User]
    ) -> None:
        operation.lead = users["new"]
        operation.save()

        for name in ("both", "new"):
            [frame] = heard_by(users[name])
            assert (frame["data"]["action"], frame["data"]["changes"]) == (
                "update",
                {"lead": users["new"].pk},
            )

    def test_nobody_else_hears_it(self, operation: Operation) -> None:
        operation.status = "done"
        operation.save()

        assert heard_by(User.objects.create(username="stranger")) == []

    def test_a_change_of_audience_alone_is_told(self, bind: Bind, users: dict[str, User]) -> None:
        operation = Operation.objects.create(lead=users["old"])

        def audience(self: Any, operation: Operation) -> Audience:
            return Audience(users=[operation.lead_id])

        bind(Operation, tracked=["status"], audience=audience)

        operation.lead = users["new"]
        operation.save()

        assert [f["data"].get("reason") for f in heard_by(users["old"])] == ["left"]

    def test_the_audience_is_asked_of_what_the_database_holds(self, bind: Bind) -> None:
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


class TestFailures:
    """A host's code that fails: the row is there, the transaction goes on, everyone resyncs."""

    @pytest.fixture
    def told(self, bind: Bind) -> Told:
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
    def test_a_binding_that_raises_fails_no_save(
        self, bind: Bind, told: Told, fail: Any, where: str
    ) -> None:
        def broken(self: Any, operation: Operation) -> Any:
            return fail()

        bind(Operation, **({} if where == "audience" else {"room": "ward"}), **{where: broken})

        operation = Operation.objects.create(status="saved")

        assert Operation.objects.get().status == "saved"
        assert told.types() == ["resync"]
        operation.delete()
        assert told.types() == ["resync"]

    def test_a_query_that_failed_and_was_swallowed_fails_no_save(
        self, bind: Bind, told: Told
    ) -> None:
        def audience(self: Any, operation: Operation) -> Audience:
            with contextlib.suppress(Exception):
                connection.cursor().execute("SELECT * FROM nowhere")
            return Audience()

        bind(Operation, audience=audience)

        Operation.objects.create()

        assert Operation.objects.count() == 1
        assert len(told.types()) == 1

    def test_a_property_that_raises_fails_no_save(self, bind: Bind, told: Told) -> None:
        bind(Booking, start="start", duration="broken")

        Booking.objects.create(start=EIGHT)

        assert (Booking.objects.count(), told.types()) == (1, ["resync"])

    def test_an_audience_that_is_none_fails_no_save(self, bind: Bind, told: Told) -> None:
        bind(Operation, audience=lambda self, operation: None)

        Operation.objects.create()

        assert told.types() == ["resync"]

    def test_everyone_hears_the_resync(self, bind: Bind) -> None:
        bind(Operation, audience=lambda self, operation: 1 // 0)
        nurse = User.objects.create(username="nurse")

        Operation.objects.create()

        assert [frame["type"] for frame in heard_by(nurse)] == ["resync"]

    def test_many_failures_are_one_resync_and_the_rest_is_told(
        self, bind: Bind, told: Told
    ) -> None:
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
        self, bind: Bind, told: Told, field: str, value: Any
    ) -> None:
        bind(Operation)

        Operation.objects.create(**{field: value})

        assert (Operation.objects.count(), told.types()) == (1, ["resync"])

    @pytest.mark.postgres_only
    def test_a_value_that_json_cannot_hold_is_in_nobodys_way_later(self, bind: Bind) -> None:
        operation = Operation.objects.create(weight=float("nan"))
        bind(Operation)
        told = Told()

        operation.status = "done"
        operation.save()

        assert told.changes() == [("update", {"status": "planned"}, {"status": "done"})]

    def test_the_log_line_says_which_object_and_not_whose(
        self, bind: Bind, caplog: pytest.LogCaptureFixture
    ) -> None:
        def audience(self: Any, operation: Operation) -> Audience:
            raise ValueError(operation.status)

        bind(Operation, audience=audience)

        operation = Operation.objects.create(status="Rosa Secret")

        [record] = caplog.records
        assert f"hosts.operation failed for {operation.pk}, with ValueError" in record.getMessage()
        assert "Rosa" not in caplog.text

    def test_the_log_line_says_which_field_json_cannot_hold(
        self, bind: Bind, caplog: pytest.LogCaptureFixture
    ) -> None:
        bind(Operation)

        Operation.objects.create(weight=float("inf"))

        assert "InvalidMessage at data.changes.weight" in caplog.text


class TestCosts:
    """What a host pays, in statements, inside a transaction as a request has it."""

    def test_an_unwatched_model_costs_nothing(self, bind: Bind) -> None:
        bind(Operation)
        with CaptureQueriesContext(connection) as context:
            row = Unwatched.objects.create()
            row.save()
            Unwatched.objects.update(status="done")
            Unwatched.objects.bulk_create([Unwatched()])

        # Django opens its own savepoint for `bulk_create`, inside a transaction none.
        assert statements(context) == ["INSERT", "UPDATE", "UPDATE", "INSERT"]

    def test_an_unwatched_model_keeps_its_fast_deletes(self, bind: Bind) -> None:
        bind(Operation)
        Unwatched.objects.create(parent=Unwatched.objects.create())

        assert not signals.pre_delete.has_listeners(Unwatched)
        assert not signals.post_delete.has_listeners(Unwatched)

    @pytest.mark.parametrize("model", [Operation, Appointment])
    def test_a_new_object_costs_one_insert_into_the_log(self, bind: Bind, model: Any) -> None:
        bind(model)
        _warm_up()

        with CaptureQueriesContext(connection) as context:
            model.objects.create()

        assert statements(context) == ["INSERT", "INSERT"]
        assert Message._meta.db_table in context.captured_queries[1]["sql"]

    def test_an_update_costs_a_locked_select_and_an_insert(self, bind: Bind) -> None:
        operation = Operation.objects.create()
        bind(Operation, room="room", start="start", end="end")
        _warm_up()

        with CaptureQueriesContext(connection) as context:
            operation.status = "done"
            operation.save()

        assert statements(context) == ["SELECT", "UPDATE", "INSERT"]
        if connection.vendor == "postgresql":
            assert context.captured_queries[0]["sql"].endswith("FOR NO KEY UPDATE")

    def test_an_unchanged_save_costs_a_select(self, bind: Bind) -> None:
        operation = Operation.objects.create()
        bind(Operation)

        with CaptureQueriesContext(connection) as context:
            operation.save()

        assert statements(context) == ["SELECT", "UPDATE"]

    def test_host_code_costs_one_savepoint_besides(self, bind: Bind) -> None:
        operation = Operation.objects.create()
        bind(Operation, audience=lambda self, operation: Audience())
        _warm_up()

        with CaptureQueriesContext(connection) as context:
            operation.status = "done"
            operation.save()

        assert statements(context) == ["SELECT", "UPDATE", "SAVEPOINT", "RELEASE", "INSERT"]

    def test_many_objects_share_one_savepoint(self, bind: Bind) -> None:
        Operation.objects.bulk_create([Operation() for _ in range(20)])
        bind(Operation, audience=lambda self, operation: Audience())
        _warm_up()

        with CaptureQueriesContext(connection) as context:
            Operation.objects.update(status="done")

        assert statements(context).count("SAVEPOINT") == 2  # the other holds the update


def _warm_up() -> None:
    """The first message of a transaction may register what the rest finds registered."""
    Message.objects.count()
