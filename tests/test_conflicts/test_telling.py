"""Who hears of a conflict, what is said of it, and that what is suggested is true."""

import datetime as dt
from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from project.scheduling.models import OperatingRoom, Surgery
from scheduler_realtime import Audience, conflicts, standing
from scheduler_realtime.testing import heard_by, pump
from tests.harness.desk import ask, read
from tests.hosts.bound import Bind, binder
from tests.hosts.models import Appointment, Operation, Room
from tests.test_conflicts.conftest import Heard, Plan, at

pytestmark = pytest.mark.django_db


@pytest.fixture
def bind() -> Iterator[Bind]:
    with binder() as bind:
        yield bind


def notified(user: User) -> list[str]:
    return [each["data"]["status"] for each in heard_by(user) if _is_conflict(each)]


def _is_conflict(frame: dict[str, Any]) -> bool:
    return bool(frame["type"] == "conflict_notification")


def operations(room: Room, *names: str) -> list[Operation]:
    return [
        Operation.objects.create(room=room, start=at(1), end=at(2), status=name) for name in names
    ]


def user(name: str, *roles: str) -> User:
    made = User.objects.create(username=name)
    made.groups.set([Group.objects.get_or_create(name=role)[0] for role in roles])
    return made


class TestWhoHears:
    @pytest.fixture(autouse=True)
    def _bound(self, bind: Bind) -> None:
        def audience(binding: Any, operation: Operation) -> Audience:
            users = [int(word) for word in operation.status.split(",") if word.isdigit()]
            roles = [word for word in operation.status.split(",") if word and not word.isdigit()]
            return Audience(users=users, roles=roles)

        bind(Operation, room="room", start="start", end="end", audience=audience)

    def test_only_who_may_know_of_both(self) -> None:
        both, one = user("both", "a", "b"), user("one", "a")
        named = user("named", "a")

        operations(Room.objects.create(), "a", f"b,{named.pk}")

        assert notified(both) == ["open"]
        assert notified(named) == ["open"]
        assert notified(one) == []

    def test_who_may_no_more_hears_that_it_is_over_and_who_now_may_that_it_began(self) -> None:
        before, after = user("before", "a", "b"), user("after", "a", "c")
        first, second = operations(Room.objects.create(), "a", "b")
        pump()

        Operation.objects.filter(pk=second.pk).update(status="c")

        assert notified(before) == ["open", "resolved"]
        assert notified(after) == ["open"]
        assert standing.conflicts().get().status == "open"
        first.delete()
        assert notified(before) == ["open", "resolved"]
        assert notified(after) == ["open", "resolved"]

    def test_who_is_in_an_old_and_in_a_new_group_is_not_left_with_the_end(self) -> None:
        nurse_and_porter, porter = user("both", "a", "b"), user("porter", "b")
        _, second = operations(Room.objects.create(), "a,b", "a,b")
        pump()

        Operation.objects.filter(pk=second.pk).update(status="a")

        assert notified(nurse_and_porter) == ["open", "resolved", "open"]
        assert notified(porter) == ["open", "resolved"]


@pytest.mark.usefixtures("unthrottled")
def test_what_somebody_may_see_no_more_is_over_for_them_and_out_of_their_list(bind: Bind) -> None:
    def may_see(binding: Any, user: User, operation: Operation) -> bool:
        return operation.status != "secret" or user.username == "chief"

    bind(Operation, room="room", start="start", end="end", may_see=may_see)
    nurse, chief = user("nurse"), user("chief")
    _, second = operations(Room.objects.create(), "planned", "planned")
    pump()

    Operation.objects.filter(pk=second.pk).update(status="secret")

    assert notified(nurse) == ["open", "resolved"]
    assert notified(chief)[-1] == "open"
    assert read(ask("GET", "conflicts", who=nurse))["results"] == []
    assert len(read(ask("GET", "conflicts", who=chief))["results"]) == 1


class TestWhatIsSaid:
    def test_the_sentence_names_keys_room_and_time_and_no_patient(self, plan: Plan) -> None:
        heard = Heard()
        first, second = plan(0, 1, 2), plan(0, 1.5, 3)

        [data] = heard.data()

        assert data["description"] == (
            f"Surgery {first.pk} and surgery {second.pk} overlap in OR 1 on 2031-03-10,"
            " from 10:30 to 11:00."
        )
        assert data["model"] == "scheduling.surgery"
        assert data["severity"] == "error"

    def test_a_sentence_without_what_is_protected(self, bind: Bind) -> None:
        bind(Operation, room="room", start="start", end="end", protected=["start", "end", "room"])
        heard = Heard()
        first, second = operations(Room.objects.create(name="secret"), "", "")

        [data] = heard.data()

        assert data["description"] == (
            f"Operation {first.pk} and operation {second.pk} overlap in one room at the same time."
        )
        assert data["suggested_actions"] == []

    def test_of_two_that_begin_at_once_the_smaller_key_is_named_first(self, bind: Bind) -> None:
        bind(Operation, room="room", start="start", end="end")
        heard = Heard()
        room = Room.objects.create(name="one")
        for pk in (10, 9):
            Operation.objects.create(pk=pk, room=room, start=at(1), end=at(2))

        [data] = heard.data()

        assert data["affected_surgeries"] == [9, 10]
        assert data["description"].startswith("Operation 9 and operation 10 ")

    def test_what_goes_on_holds_with_its_sentence_brought_up_to_date(self, plan: Plan) -> None:
        plan(0, 1, 3)
        second = plan(0, 1.5, 2)
        heard = Heard()

        Surgery.objects.filter(pk=second.pk).update(end_time=at(2.5))

        assert heard.said() == []
        assert "to 11:30" in standing.conflicts().get().description


class TestSuggestions:
    def suggested(self, heard: Heard) -> list[dict[str, Any]]:
        [data] = heard.data()
        found = data["suggested_actions"]
        assert isinstance(found, list)
        return found

    def test_the_next_slot_leaves_the_turnover_and_the_people_alone(
        self, plan: Plan, rooms: list[OperatingRoom]
    ) -> None:
        first = plan(0, 1, 2)
        plan(0, 2.5, 3)
        busy = User.objects.create(username="busy")
        plan(1, 3.1, 4, surgeon=busy)
        heard = Heard()
        second = plan(0, 1.5, 2, surgeon=busy)

        move = next(each for each in self.suggested(heard) if each["action"] == "move")

        assert (move["surgery_id"], move["room_id"]) == (second.pk, first.room_id)
        assert dt.datetime.fromisoformat(move["start"]) == at(4)

    @pytest.mark.parametrize("accepted", [0, 1])
    def test_what_is_suggested_ends_it_and_begins_nothing(self, accepted: int, plan: Plan) -> None:
        plan(0, 1, 2)
        plan(0, 2.5, 3)
        second = plan(0, 1.5, 2)
        heard = Heard(since_ever=True)
        last = heard.data()[-1]
        assert [each["action"] for each in last["suggested_actions"]] == ["move", "change_room"]
        action = last["suggested_actions"][accepted]

        Surgery.objects.filter(pk=second.pk).update(
            room=action["room_id"], start_time=action["start"], end_time=action["end"]
        )

        assert [status for status, _, _ in heard.said()] == ["resolved"] * len(
            {each.pk for each in standing.conflicts()}
        )
        assert not standing.conflicts().filter(status="open").exists()

    def test_no_other_room_is_named_where_all_are_taken(self, plan: Plan) -> None:
        plan(0, 1, 2)
        plan(1, 1, 2)
        heard = Heard()
        plan(0, 1.5, 2)

        assert [each["action"] for each in self.suggested(heard)] == ["move"]

    def test_a_room_that_is_not_ready_yet_is_not_free(
        self, plan: Plan, rooms: list[OperatingRoom]
    ) -> None:
        OperatingRoom.objects.filter(pk=rooms[1].pk).update(turnover_minutes=60)
        plan(0, 1, 2)
        plan(1, 0, 1)
        heard = Heard()
        plan(0, 1.5, 2)

        assert [each["action"] for each in self.suggested(heard)] == ["move"]


class TestTimes:
    def test_times_of_day_past_midnight_collide_with_the_next_day(self, bind: Bind) -> None:
        bind(Appointment, room="place", date="day", start="begins", end="ends")
        heard = Heard()
        Appointment.objects.create(day="2031-03-10", begins=dt.time(23), ends=dt.time(1), place="1")
        Appointment.objects.create(
            day="2031-03-11", begins=dt.time(0, 30), ends=dt.time(2), place="1"
        )

        assert [(status, kind) for status, kind, _ in heard.said()] == [("open", "room_overlap")]

    def test_an_hour_that_comes_twice_is_two_hours(self, bind: Bind) -> None:
        bind(Operation, room="room", start="start", end="end")
        vienna, heard = ZoneInfo("Europe/Vienna"), Heard()
        night = dt.datetime(2031, 10, 26, 2, tzinfo=vienna)
        room = Room.objects.create()
        later = night.replace(fold=1)
        Operation.objects.create(room=room, start=night, end=night.replace(minute=50))
        Operation.objects.create(room=room, start=later, end=later.replace(minute=50))

        assert heard.said() == []

    def test_people_of_a_many_to_many_field_are_seen(self, bind: Bind) -> None:
        bind(Operation, start="start", end="end", staff=["lead", "team", "helpers"])
        person, heard = user("p"), Heard()
        first = Operation.objects.create(start=at(1), end=at(2), lead=person)
        second = Operation.objects.create(start=at(1), end=at(2))

        second.team.add(person)
        opened = heard.said()
        second.team.clear()

        keys = [first.pk, second.pk]
        assert opened == [("open", "staff_overlap", keys)]
        assert heard.said() == [("resolved", "staff_overlap", keys)]


class TestCost:
    def test_nothing_is_looked_for_where_it_is_turned_off(self, plan: Plan, settings: Any) -> None:
        settings.SCHEDULER_REALTIME = {"CONFLICTS": False}

        assert conflicts.seekers() == []

    def test_a_change_costs_the_same_number_of_statements_however_many_collide(
        self, plan: Plan
    ) -> None:
        surgeries = [plan(0, 1, 2) for _ in range(3)]
        few = self._statements(surgeries[0])
        surgeries += [plan(0, 1, 2) for _ in range(6)]

        assert self._statements(surgeries[0]) == few

    def _statements(self, surgery: Surgery) -> int:
        self._touch(surgery)
        pump()  # by now all that stands is up to date
        self._touch(surgery)
        with CaptureQueriesContext(connection) as found:
            pump()
        return len(found)

    def _touch(self, surgery: Surgery) -> None:
        surgery.notes += "."
        Surgery.objects.filter(pk=surgery.pk).update(notes=surgery.notes)
