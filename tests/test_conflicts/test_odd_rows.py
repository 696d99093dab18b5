"""Rows that nobody should have written, times that clocks make odd, and other ways to say when."""

import datetime as dt
from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.test import override_settings

from project.scheduling.models import Surgery
from tests.hosts.bound import Bind, binder
from tests.hosts.models import Appointment, Booking, Operation, Procedure, Room, Stay, Tent
from tests.test_conflicts.conftest import DAY, Heard, Plan, at

pytestmark = pytest.mark.django_db

VIENNA = ZoneInfo("Europe/Vienna")


@pytest.fixture
def bind() -> Iterator[Bind]:
    with binder() as bind:
        yield bind
    ContentType.objects.clear_cache()


class TestWhatTakesUpNothing:
    @pytest.mark.parametrize("hours", [0, -1, 24 * 8, 24 * 800])
    def test_no_time_or_too_much_of_it_collides_with_nothing(
        self, hours: float, plan: Plan
    ) -> None:
        heard = Heard()
        plan(0, 8, 10)

        plan(0, 9, 9 + hours)

        assert heard.said() == []

    def test_a_week_is_the_longest_that_counts(self, plan: Plan) -> None:
        heard = Heard()
        plan(0, 8 - 24 * 6, 8 + 24)

        plan(0, 31, 31.5)

        assert [kind for _, kind, _ in heard.said()] == ["room_overlap"]

    def test_who_has_no_room_no_start_or_no_end_is_in_nobodys_way(self, bind: Bind) -> None:
        bind(Operation, room="room", start="start", end="end", staff=["lead"])
        ward, heard = Room.objects.create(), Heard()
        Operation.objects.create(room=ward, start=at(8), end=at(10))
        for facts in (
            {"room": None, "start": at(8), "end": at(10)},
            {"room": None, "start": at(8), "end": at(10)},
            {"room": ward, "start": None, "end": at(10)},
            {"room": ward, "start": at(8), "end": None},
        ):
            Operation.objects.create(**facts)

        assert heard.said() == []

    def test_patients_nobody_knows_are_not_one_patient(self, plan: Plan) -> None:
        heard = Heard()
        plan(0, 8, 10, patient_number="")

        plan(1, 8, 10, patient_number="")

        assert heard.said() == []

    def test_one_who_is_named_twice_in_a_surgery_is_not_in_two_places(self, plan: Plan) -> None:
        heard = Heard()

        winter = User.objects.create(username="winter")

        plan(0, 8, 10, surgeon=winter, anaesthetist=winter)

        assert heard.said() == []

    @pytest.mark.filterwarnings("ignore:DateTimeField .* received a naive datetime")
    def test_a_naive_datetime_is_in_the_projects_time_zone(self, plan: Plan) -> None:
        heard = Heard()
        noon = DAY.astimezone(VIENNA).replace(hour=12, tzinfo=None)
        with override_settings(TIME_ZONE="Europe/Vienna"):
            first = plan(0, 3, 4)
            facts = {"start_time": noon, "end_time": noon + dt.timedelta(hours=1)}
            other = User.objects.create(username="other")
            Surgery.objects.create(room=first.room, surgeon=other, **facts)

            assert [kind for _, kind, _ in heard.said()] == ["room_overlap"]


class TestClocks:
    @pytest.mark.parametrize("day", [dt.date(2031, 3, 30), dt.date(2031, 10, 26)])
    def test_a_night_is_as_long_as_it_is(self, bind: Bind, day: dt.date) -> None:
        """In March 02:00 to 03:00 does not exist; in October it is there twice."""
        bind(Operation, room="room", start="start", end="end")
        ward, heard = Room.objects.create(), Heard()

        def wall(hour: int, fold: int = 0) -> dt.datetime:
            return dt.datetime(day.year, day.month, day.day, hour, tzinfo=VIENNA, fold=fold)

        first = (wall(1), wall(3) if day.month == 3 else wall(2, fold=1))
        Operation.objects.create(room=ward, start=first[0], end=first[1])
        Operation.objects.create(room=ward, start=first[1], end=wall(4))
        touching = heard.said()
        inside = first[1].astimezone(dt.UTC) - dt.timedelta(minutes=1)
        Operation.objects.create(room=ward, start=inside, end=first[1])

        assert touching == []
        assert [kind for _, kind, _ in heard.said()] == ["room_overlap"]

    def test_times_of_day_go_past_midnight(self, bind: Bind) -> None:
        bind(Appointment, room="place", date="day", start="begins", end="ends")
        heard, day = Heard(), DAY.date()
        with override_settings(TIME_ZONE="Europe/Vienna"):
            night = {"day": day, "begins": dt.time(22), "ends": dt.time(2)}
            Appointment.objects.create(place="N", **night)
            after = day + dt.timedelta(days=1)
            Appointment.objects.create(place="N", day=after, begins=dt.time(2), ends=dt.time(3))
            touching = heard.said()
            Appointment.objects.create(place="N", day=after, begins=dt.time(1), ends=dt.time(2))

            assert touching == []
            assert [kind for _, kind, _ in heard.said()] == ["room_overlap"]


class TestOtherWaysToSayIt:
    def test_days_alone_include_the_last(self, bind: Bind) -> None:
        bind(Stay, room="where", start="first_day", end="last_day")
        kinds = [ContentType.objects.get_for_model(model) for model in (Room, Tent)]
        heard, day = Heard(), DAY.date()

        def stay(first: int, last: int, kind: ContentType = kinds[0]) -> None:
            days = {"first_day": day + dt.timedelta(first), "last_day": day + dt.timedelta(last)}
            Stay.everything.create(content_type=kind, object_id="7", **days)

        stay(0, 2)
        stay(3, 4)
        stay(1, 2, kinds[1])
        apart = heard.said()
        stay(2, 2)

        assert apart == []
        assert [kind for _, kind, _ in heard.said()] == ["room_overlap"]

    @pytest.mark.parametrize(
        ("named", "long", "short"),
        [("length", dt.timedelta(hours=30), dt.timedelta(hours=1)), ("minutes", 30 * 60, 60)],
    )
    def test_durations_and_a_room_two_relations_away(
        self, bind: Bind, named: str, long: Any, short: Any
    ) -> None:
        bind(Booking, room="procedure.room", start="start", duration=named)
        procedure = Procedure.objects.create(room=Room.objects.create())
        elsewhere = Procedure.objects.create(room=Room.objects.create())
        heard = Heard()
        Booking.objects.create(procedure=procedure, start=at(1), **{named: long})
        Booking.objects.create(procedure=elsewhere, start=at(30), **{named: short})
        apart = heard.said()

        Booking.objects.create(procedure=procedure, start=at(30), **{named: short})

        assert apart == []
        assert [kind for _, kind, _ in heard.said()] == ["room_overlap"]

    def test_a_room_that_a_method_names(self, bind: Bind) -> None:
        bind(Operation, room="which_room", start="start", end="end", turnover=15)
        ward, heard = Room.objects.create(), Heard()
        Operation.objects.create(room=ward, start=at(8), end=at(10))
        Operation.objects.create(room=Room.objects.create(), start=at(8), end=at(10))

        Operation.objects.create(room=ward, start=at(10.1), end=at(11))

        assert [kind for _, kind, _ in heard.said()] == ["turnover"]

    def test_people_in_a_list_and_people_in_a_field_are_the_same_people(self, bind: Bind) -> None:
        bind(Operation, start="start", end="end", staff=["lead", "team"])
        nurse, other = (User.objects.create(username=name) for name in ("nurse", "other"))
        heard = Heard()
        first = Operation.objects.create(start=at(8), end=at(10), lead=nurse)
        second = Operation.objects.create(start=at(9), end=at(11))
        second.team.add(other)
        apart = heard.said()
        second.team.add(nurse)
        opened = heard.said()
        second.team.remove(nurse)

        assert apart == []
        assert opened == [("open", "staff_overlap", [first.pk, second.pk])]
        assert heard.said() == [("resolved", "staff_overlap", [first.pk, second.pk])]

    def test_settings_can_say_what_takes_part(self, bind: Bind) -> None:
        facts = {"room": "room", "start": "start", "end": "end", "turnover": 20.0}
        bind(Operation, **facts, inactive={"status": ["off", "void"]})
        ward, heard = Room.objects.create(), Heard()
        Operation.objects.create(room=ward, start=at(8), end=at(10))
        late = Operation.objects.create(room=ward, start=at(10.2), end=at(11), status="void")
        silent = heard.said()

        late.status = "on"
        late.save()

        assert silent == []
        assert [kind for _, kind, _ in heard.said()] == ["turnover"]
