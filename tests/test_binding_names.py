"""Names in a binding: fields, paths and methods, where they lead, and where they lead nowhere."""

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from scheduler_realtime import ScheduleBinding
from scheduler_realtime.binding import Interval
from tests.hosts.models import (
    Booking,
    Operation,
    Procedure,
    Room,
    Slot,
    Stay,
    Theatre,
)

VIENNA = ZoneInfo("Europe/Vienna")


def at(hour: int, minute: int = 0, *, day: int = 10, month: int = 3) -> dt.datetime:
    """A moment of March 2026 by the clock in Vienna, which is the tests' TIME_ZONE."""
    return dt.datetime(2026, month, day, hour, minute, tzinfo=VIENNA)


def binding(model: Any, **attributes: Any) -> ScheduleBinding:
    return type("Binding", (ScheduleBinding,), attributes)(model)


def test_a_path_may_lead_two_relations_away() -> None:
    bound = binding(Booking, room="procedure.room", start="start", duration="procedure.minutes")
    procedure = Procedure(room=Room(pk=7), minutes=30)

    booking = Booking(start=at(8), procedure=procedure)

    assert bound.room_of(booking) == 7
    assert bound.interval_of(booking) == Interval(start=at(8), end=at(8, 30))


def test_a_path_ends_where_a_relation_points_to_nothing() -> None:
    bound = binding(Booking, room="procedure.room")

    assert bound.room_of(Booking(procedure=None)) is None


@pytest.mark.parametrize("owner", ["model", "binding"])
def test_a_room_may_be_what_a_method_says(owner: str) -> None:
    own = {"ward_room": lambda self, operation: Room(pk=operation.room_id)}
    attributes = {"room": "which_room"} if owner == "model" else {"room": "ward_room"} | own
    bound = binding(Operation, **attributes)

    assert bound.room_of(Operation(room=Room(pk=7))) == 7


def test_a_method_of_the_binding_comes_before_a_field_of_that_name() -> None:
    bound = binding(Operation, room="status", status=lambda self, operation: "a method's")

    assert bound.room_of(Operation(status="planned")) == "a method's"
    assert bound.lookup("status") is None


def test_every_column_is_tracked_where_none_is_named() -> None:
    names = {column.name for column in binding(Theatre).fields}

    assert names == {"id", "slot_ptr", "start", "status", "lights"}


def test_a_generic_key_is_tracked_by_its_columns() -> None:
    bound = binding(Stay, tracked=["where", "object_id"])

    assert [column.name for column in bound.fields] == ["content_type", "object_id"]


@pytest.mark.parametrize(("name", "on_the_wire"), [("lead_id", "lead"), ("pk", "id")])
def test_a_protected_field_is_protected_by_any_of_its_names(name: str, on_the_wire: str) -> None:
    assert on_the_wire in binding(Operation, protected=[name]).protected_names


@pytest.mark.parametrize(
    ("model", "attributes", "runs"),
    [
        (Operation, {"room": "room", "start": "start", "end": "end"}, False),
        (Operation, {"room": "which_room"}, True),
        (Operation, {"audience": lambda self, operation: None}, True),
        (Booking, {"room": "procedure.room"}, True),
        (Stay, {"room": "where"}, True),
    ],
)
def test_only_columns_of_its_own_are_read_without_running_the_hosts_code(
    model: Any, attributes: dict[str, Any], runs: bool
) -> None:
    assert binding(model, **attributes).runs_host_code is runs


@pytest.mark.parametrize(
    ("model", "attributes"),
    [
        (Operation, {"room": "which_room", "staff": ["team"], "tracked": ["pk", "team"]}),
        (Booking, {"room": "procedure.room", "duration": "procedure.doubled"}),
        (Booking, {"depends_on": ["procedure.minutes", "procedure.category.minutes"]}),
        (Stay, {"room": "where.name", "start": "first_day", "end": "last_day"}),
        (Theatre, {"start": "start", "tracked": ["status"]}),
    ],
)
def test_what_leads_somewhere_is_no_fault(model: Any, attributes: dict[str, Any]) -> None:
    assert list(binding(model, **attributes).faults()) == []


@pytest.mark.parametrize(
    ("model", "attributes", "named"),
    [
        (Operation, {"room": "rom"}, "`rom`"),
        (Operation, {"staff": ["team.boss"]}, "`team.boss`"),
        (Booking, {"room": "procedure.rom"}, "`procedure.rom`"),
        (Booking, {"start": "procedur.minutes"}, "`procedur.minutes`"),
        (Operation, {"tracked": ["stat"]}, "`stat`"),
        (Operation, {"tracked": ["assignment"]}, "`assignment`"),
        (Operation, {"protected": ["patient"]}, "`patient`"),
        (Booking, {"depends_on": ["minutes"]}, "`minutes`"),
        (Booking, {"depends_on": ["procedure.doubled"]}, "`procedure.doubled`"),
        (Booking, {"depends_on": ["nowhere.minutes"]}, "`nowhere.minutes`"),
        (Slot, {"depends_on": ["theatre.lights"]}, "`theatre.lights`"),
        (Booking, {"end": "start", "duration": "length"}, "`end` and `duration`"),
    ],
)
def test_a_name_that_leads_nowhere_is_a_fault(
    model: Any, attributes: dict[str, Any], named: str
) -> None:
    [fault] = binding(model, **attributes).faults()

    assert named in fault
