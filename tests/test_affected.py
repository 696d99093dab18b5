"""affected_surgeries: those of the same room whose time overlaps the old or the new one."""

import datetime as dt
from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

from tests.hosts.bound import Bind, Told, binder
from tests.hosts.models import Appointment, Booking, Operation, Procedure, Room, Stay, Tent

pytestmark = pytest.mark.django_db

VIENNA = ZoneInfo("Europe/Vienna")
DAY = dt.date(2026, 3, 10)


def at(hour: int, minute: int = 0, *, day: int = 10) -> dt.datetime:
    return dt.datetime(2026, 3, day, hour, minute, tzinfo=VIENNA)


@pytest.fixture
def bind() -> Iterator[Bind]:
    with binder() as bind:
        yield bind
    ContentType.objects.clear_cache()


@pytest.fixture
def room() -> Room:
    return Room.objects.create()


def affected(told: Told) -> list[Any]:
    [data] = told.data()
    found = data["affected_surgeries"]
    assert isinstance(found, list)
    return found


class TestDatetimes:
    @pytest.fixture(autouse=True)
    def _bound(self, bind: Bind) -> None:
        bind(Operation, room="room", start="start", end="end")

    def taken(self, room: Room | None, start: Any, end: Any) -> int:
        return Operation.plain.create(room=room, start=start, end=end).pk

    def test_what_overlaps_the_new_time_is_affected(self, room: Room) -> None:
        near = self.taken(room, at(9), at(11))
        told = Told()

        Operation.objects.create(room=room, start=at(10), end=at(12))

        assert affected(told) == [near]

    def test_what_overlapped_the_old_time_or_room_is_affected(self, room: Room) -> None:
        other = Room.objects.create()
        moved = Operation.objects.create(room=room, start=at(8), end=at(9))
        left, met = self.taken(room, at(8), at(10)), self.taken(other, at(12), at(13))
        self.taken(room, at(12), at(13))
        told = Told()

        moved.room, moved.start, moved.end = other, at(12), at(13)
        moved.save()

        assert affected(told) == [left, met]

    def test_what_only_touches_is_not_affected(self, room: Room) -> None:
        self.taken(room, at(8), at(9))
        self.taken(room, at(10), at(11))
        told = Told()

        Operation.objects.create(room=room, start=at(9), end=at(10))

        assert affected(told) == []

    def test_another_room_and_no_room_are_not_affected(self, room: Room) -> None:
        self.taken(Room.objects.create(), at(9), at(11))
        self.taken(None, at(9), at(11))
        told = Told()

        Operation.objects.create(room=room, start=at(9), end=at(11))

        assert affected(told) == []

    def test_what_has_no_room_affects_nothing(self) -> None:
        self.taken(None, at(9), at(11))
        told = Told()

        Operation.objects.create(start=at(9), end=at(11))

        assert affected(told) == []

    def test_what_has_no_end_yet_goes_on(self, room: Room) -> None:
        endless = self.taken(room, at(6), None)
        told = Told()

        created = Operation.objects.create(room=room, start=at(9), end=at(10))
        first = affected(told)
        created.end = None
        created.save()

        assert first == affected(told) == [endless]

    def test_a_deleted_one_names_those_that_gain_its_time(self, room: Room) -> None:
        gone = Operation.objects.create(room=room, start=at(8), end=at(10))
        near = self.taken(room, at(9), at(11))
        told = Told()

        gone.delete()

        assert affected(told) == [near]

    def test_all_places_of_a_transaction_count(self, room: Room) -> None:
        moved = Operation.objects.create(room=room, start=at(8), end=at(9))
        hits = [self.taken(room, at(hour), at(hour + 1)) for hour in (8, 12, 16)]
        told = Told()

        for hour in (12, 16):
            moved.start, moved.end = at(hour), at(hour + 1)
            moved.save()

        assert affected(told) == hits

    def test_two_objects_of_one_transaction_affect_each_other(self, room: Room) -> None:
        told = Told()

        made = [Operation.objects.create(room=room, start=at(8), end=at(9)) for _ in range(2)]

        assert [each["affected_surgeries"] for each in told.data()] == [[made[1].pk], [made[0].pk]]

    def test_a_hundred_changes_are_looked_up_by_few_queries(self, room: Room) -> None:
        told = Told()
        for hour in range(2):
            for _ in range(30):
                Operation.objects.create(room=room, start=at(hour), end=at(hour, 30))

        with (
            override_settings(SCHEDULER_REALTIME={"BULK_THRESHOLD": 100}),
            CaptureQueriesContext(connection) as context,
        ):
            data = told.data()

        asked = [q for q in context.captured_queries if '"hosts_operation"' in q["sql"]]
        assert {len(each["affected_surgeries"]) for each in data} == {29}
        assert len(asked) == 1


def test_times_of_day_count_past_midnight(bind: Bind) -> None:
    bind(Appointment, room="place", date="day", start="begins", end="ends")
    night = Appointment.objects.create(place="N", day=DAY, begins=dt.time(23), ends=dt.time(1))
    Appointment.objects.create(place="N", day=DAY, begins=dt.time(0), ends=dt.time(1))
    told = Told()

    morning = DAY + dt.timedelta(days=1)
    Appointment.objects.create(place="N", day=morning, begins=dt.time(0, 30), ends=dt.time(2))

    assert affected(told) == [str(night.pk)]


def test_the_last_day_of_a_stay_is_taken(bind: Bind, room: Room) -> None:
    bind(Stay, room="where", start="first_day", end="last_day")
    kind = ContentType.objects.get_for_model(Room)
    place = {"content_type": kind, "object_id": str(room.pk)}
    last = DAY + dt.timedelta(days=2)
    stay = Stay.everything.create(first_day=DAY, last_day=last, **place)
    told = Told()

    Stay.everything.create(first_day=last, last_day=last, **place)
    on_the_last_day = affected(told)
    after = last + dt.timedelta(days=1)
    Stay.everything.create(first_day=after, last_day=after, **place)

    assert on_the_last_day == [stay.pk]
    assert affected(told) == []


def test_generic_rooms_of_another_kind_are_not_affected(bind: Bind, room: Room) -> None:
    bind(Stay, room="where", start="first_day", end="last_day")
    kinds = [ContentType.objects.get_for_model(model) for model in (Room, Tent)]
    days = {"first_day": DAY, "last_day": DAY, "object_id": "7"}
    Stay.everything.create(content_type=kinds[0], **days)
    told = Told()

    Stay.everything.create(content_type=kinds[1], **days)

    assert affected(told) == []


def test_a_day_alone_is_taken_whole(bind: Bind) -> None:
    bind(Appointment, room="place", date="day")
    same = Appointment.objects.create(place="N", day=DAY)
    Appointment.objects.create(place="N", day=DAY + dt.timedelta(days=1))
    told = Told()

    Appointment.objects.create(place="N", day=DAY)

    assert affected(told) == [str(same.pk)]


@pytest.mark.parametrize(
    ("named", "long", "short"),
    [
        ("length", dt.timedelta(hours=30), dt.timedelta(hours=1)),
        ("minutes", 30 * 60, 60),
    ],
)
def test_a_duration_counts_for_as_long_as_it_is(
    bind: Bind, room: Room, named: str, long: Any, short: Any
) -> None:
    bind(Booking, room="procedure.room", start="start", duration=named)
    procedure = Procedure.objects.create(room=room)
    goes_on = Booking.objects.create(procedure=procedure, start=at(1, day=9), **{named: long})
    Booking.objects.create(procedure=procedure, start=at(1, day=10), **{named: short})
    told = Told()

    Booking.objects.create(procedure=procedure, start=at(6), **{named: short})

    assert affected(told) == [goes_on.pk]


def test_a_room_and_a_duration_two_relations_away_count(bind: Bind, room: Room) -> None:
    bind(Booking, room="procedure.room", start="start", duration="procedure.minutes")
    here = Procedure.objects.create(room=room, minutes=120)
    there = Procedure.objects.create(room=Room.objects.create(), minutes=120)
    near = Booking.objects.create(procedure=here, start=at(8))
    Booking.objects.create(procedure=there, start=at(8))
    told = Told()

    Booking.objects.create(procedure=here, start=at(9))

    assert affected(told) == [near.pk]


def test_a_room_that_a_method_names_counts(bind: Bind, room: Room) -> None:
    bind(Operation, room="which_room", start="start", end="end")
    near = Operation.objects.create(room=room, start=at(8), end=at(10))
    Operation.objects.create(room=Room.objects.create(), start=at(8), end=at(10))
    told = Told()

    Operation.objects.create(room=room, start=at(9), end=at(10))

    assert affected(told) == [near.pk]


def test_where_no_column_narrows_the_search_no_table_is_read(bind: Bind, room: Room) -> None:
    bind(Operation, room="which_room", start="begins", begins=lambda self, operation: at(8))
    Operation.objects.create(room=room)
    told = Told()

    Operation.objects.create(room=room)
    with CaptureQueriesContext(connection) as context:
        assert affected(told) == []

    assert not [q for q in context.captured_queries if '"hosts_operation"' in q["sql"]]


def test_a_lookup_that_fails_leaves_them_empty_and_the_change_told(bind: Bind, room: Room) -> None:
    calls: list[int] = []

    def breaks_later(self: Any, operation: Operation) -> Any:
        calls.append(operation.pk)
        if len(calls) > 2:
            connection.cursor().execute("SELECT * FROM nowhere")
        return operation.room

    Operation.objects.create(room=room, start=at(8), end=at(10))
    bind(Operation, room="ward", ward=breaks_later, start="start", end="end")
    told = Told()

    Operation.objects.create(room=room, start=at(9), end=at(10))

    assert affected(told) == []
    assert len(calls) > 2


def test_the_past_of_a_room_is_not_read(bind: Bind) -> None:
    bind(Appointment, room="place", date="day", start="begins", end="ends")
    times = {"begins": dt.time(8), "ends": dt.time(9)}
    for days in range(20, 40):
        Appointment.objects.create(place="N", day=DAY - dt.timedelta(days=days), **times)
    told = Told()

    Appointment.objects.create(place="N", day=DAY, **times)
    with CaptureQueriesContext(connection) as context:
        assert affected(told) == []

    [asked] = [q["sql"] for q in context.captured_queries if '"hosts_appointment"' in q["sql"]]
    with connection.cursor() as cursor:
        cursor.execute(asked)
        assert len(cursor.fetchall()) == 1  # itself
