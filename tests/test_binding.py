"""Bindings: what each kind of host says of where, when and who."""

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType

from scheduler_realtime import ScheduleBinding
from scheduler_realtime.binding import Interval
from tests.hosts.models import (
    Appointment,
    Booking,
    Operation,
    Room,
    Stay,
    Tent,
)

VIENNA = ZoneInfo("Europe/Vienna")


def at(hour: int, minute: int = 0, *, day: int = 10, month: int = 3) -> dt.datetime:
    """A moment of March 2026 by the clock in Vienna, which is the tests' TIME_ZONE."""
    return dt.datetime(2026, month, day, hour, minute, tzinfo=VIENNA)


def binding(model: Any, **attributes: Any) -> ScheduleBinding:
    return type("Binding", (ScheduleBinding,), attributes)(model)


def test_datetimes_are_an_interval() -> None:
    bound = binding(Operation, start="start", end="end")

    interval = bound.interval_of(Operation(start=at(8), end=at(9)))

    assert interval == Interval(start=at(8), end=at(9))


def test_what_has_no_start_has_no_interval_and_no_day() -> None:
    bound = binding(Operation, start="start", end="end")

    assert bound.interval_of(Operation(end=at(9))) is None
    assert bound.day_of(Operation(end=at(9))) is None


def test_an_empty_end_is_open_ended() -> None:
    bound = binding(Operation, start="start", end="end")

    assert bound.interval_of(Operation(start=at(8))) == Interval(start=at(8), end=None)


def test_a_start_without_any_end_is_a_moment() -> None:
    bound = binding(Operation, start="start")

    assert bound.interval_of(Operation(start=at(8))) == Interval(start=at(8), end=at(8))


def test_a_day_and_times_of_day_are_an_interval() -> None:
    bound = binding(Appointment, date="day", start="begins", end="ends")
    visit = Appointment(day=dt.date(2026, 3, 10), begins=dt.time(8), ends=dt.time(9, 30))

    assert bound.interval_of(visit) == Interval(start=at(8), end=at(9, 30))


def test_an_end_before_the_start_is_past_midnight() -> None:
    bound = binding(Appointment, date="day", start="begins", end="ends")
    visit = Appointment(day=dt.date(2026, 3, 10), begins=dt.time(22), ends=dt.time(2))

    assert bound.interval_of(visit) == Interval(start=at(22), end=at(2, day=11))


def test_a_day_whose_time_is_not_known_yet_has_a_day_and_no_interval() -> None:
    bound = binding(Appointment, date="day", start="begins", end="ends")
    visit = Appointment(day=dt.date(2026, 3, 10))

    assert bound.interval_of(visit) is None
    assert bound.day_of(visit) == dt.date(2026, 3, 10)


def test_an_end_that_is_a_day_is_included() -> None:
    bound = binding(Stay, start="first_day", end="last_day")
    stay = Stay(first_day=dt.date(2026, 3, 10), last_day=dt.date(2026, 3, 12))

    assert bound.interval_of(stay) == Interval(start=at(0), end=at(0, day=13))


@pytest.mark.parametrize("named", [{"start": "first_day"}, {"date": "first_day"}])
def test_a_day_alone_is_the_whole_day(named: dict[str, str]) -> None:
    bound = binding(Stay, **named)

    interval = bound.interval_of(Stay(first_day=dt.date(2026, 3, 10)))

    assert interval == Interval(start=at(0), end=at(0, day=11))


def test_the_last_day_of_the_calendar_is_for_ever() -> None:
    bound = binding(Stay, start="first_day", end="last_day")
    stay = Stay(first_day=dt.date(2026, 3, 10), last_day=dt.date.max)

    assert bound.interval_of(stay) == Interval(start=at(0), end=None)


@pytest.mark.parametrize(
    ("named", "values"),
    [("length", {"length": dt.timedelta(minutes=90)}), ("minutes", {"minutes": Decimal("90.0")})],
)
def test_a_duration_stands_for_an_end(named: str, values: dict[str, Any]) -> None:
    bound = binding(Booking, start="start", duration=named)

    assert bound.interval_of(Booking(start=at(8), **values)) == Interval(start=at(8), end=at(9, 30))


def test_a_duration_counts_hours_and_not_the_clock_when_it_is_put_forward() -> None:
    bound = binding(Booking, start="start", duration="length")
    night = Booking(start=at(1, day=29), length=dt.timedelta(hours=2))

    interval = bound.interval_of(night)

    assert interval is not None
    assert interval.end == at(4, day=29)


def test_the_hour_that_comes_twice_in_autumn_is_an_hour_apart() -> None:
    bound = binding(Operation, start="start", end="end")
    first = dt.datetime(2026, 10, 25, 2, 30, tzinfo=VIENNA)

    interval = bound.interval_of(Operation(start=first, end=first.replace(fold=1)))

    assert interval is not None
    assert interval.end is not None
    assert interval.end - interval.start == dt.timedelta(hours=1)


def test_a_text_assigned_to_a_datetime_is_read_as_one() -> None:
    bound = binding(Operation, start="start", end="end")
    operation = Operation(start="2026-03-10T08:00:00+01:00", end="2026-03-10T09:00:00+01:00")

    assert bound.interval_of(operation) == Interval(start=at(8), end=at(9))


def test_the_day_is_that_of_the_projects_time_zone() -> None:
    bound = binding(Operation, start="start", end="end")
    late = Operation(start=dt.datetime(2026, 3, 10, 23, 30, tzinfo=dt.UTC))

    assert bound.day_of(late) == dt.date(2026, 3, 11)


def test_a_room_that_is_a_key_is_not_fetched() -> None:
    bound = binding(Operation, room="room")

    assert bound.room_of(Operation(room_id=7)) == 7


def test_a_room_may_be_a_text() -> None:
    bound = binding(Appointment, room="place")

    assert bound.room_of(Appointment(place="North 3")) == "North 3"


@pytest.mark.django_db
def test_a_generic_room_is_known_by_its_key_without_being_fetched() -> None:
    bound = binding(Stay, room="where")
    kind = ContentType.objects.get_for_model(Room)

    assert bound.room_of(Stay(content_type=kind, object_id="7")) == 7
    assert bound.room_of(Stay()) is None


@pytest.mark.django_db
def test_generic_rooms_of_two_kinds_with_one_key_are_two_rooms() -> None:
    bound = binding(Stay, room="where")
    kinds = [ContentType.objects.get_for_model(model) for model in (Room, Tent)]
    stays = [Stay(content_type=kind, object_id="7") for kind in kinds]

    assert bound.room_identity(stays[0]) != bound.room_identity(stays[1])


def test_staff_may_be_one_or_several_keys_of_which_some_are_empty() -> None:
    bound = binding(Operation, staff=["lead", "deputy"])

    assert bound.staff_of(Operation(lead_id=3)) == {3}
    assert bound.staff_of(Operation(lead_id=3, deputy_id=4)) == {3, 4}


@pytest.mark.django_db
def test_staff_may_be_many_to_many() -> None:
    bound = binding(Operation, staff=["lead", "team", "helpers"])
    users = [User.objects.create(username=name) for name in "abc"]
    operation = Operation.objects.create(lead=users[0])
    operation.team.add(users[1])
    operation.helpers.add(users[2])

    assert bound.staff_of(operation) == {user.pk for user in users}


@pytest.fixture(autouse=True)
def _forgotten_content_types() -> Iterator[None]:
    """Their ids are kept in memory from test to test, and rolled back with each."""
    yield
    ContentType.objects.clear_cache()
