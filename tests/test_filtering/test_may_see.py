"""`may_see`: a host's own function of user and object, asked about objects as they were."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from scheduler_realtime import (
    Audience,
    InvalidMessage,
    broadcast_conflict_notification,
    broadcast_schedule_update,
    log,
    receipts,
)
from scheduler_realtime.following import Sieve
from scheduler_realtime.identity import identity_of
from scheduler_realtime.judging import Jury, audience_of
from scheduler_realtime.models import Message
from scheduler_realtime.testing import heard_by, pump
from tests.harness.desk import ask, person, read
from tests.hosts.bound import Bind, Told
from tests.hosts.models import Appointment, Coded, Operation, Room

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("unthrottled")]


@pytest.fixture
def lead() -> User:
    return person("lead")


@pytest.fixture
def other() -> User:
    return person("other")


def is_lead(binding: Any, user: User, operation: Operation) -> bool:
    return bool(operation.lead_id == user.pk)


def raises(binding: Any, user: User, operation: Operation) -> bool:
    raise RuntimeError(operation.status)


@pytest.fixture
def bound(bind: Bind) -> Any:
    return bind(Operation, tracked=["status"], may_see=is_lead)


def actions(user: User) -> list[tuple[str, str | None]]:
    return [(each["data"]["action"], each["data"].get("reason")) for each in heard_by(user)]


def over_rest(user: User) -> list[Any]:
    return list(read(ask("GET", "messages", who=user))["results"])


def again(user: User) -> list[Any]:
    """What awaits the user's acknowledgement, as far as it is shown."""
    Message.objects.update(ack_required=True)
    listener = identity_of(user).listener
    rows = receipts.awaiting([listener])[listener]
    return [row for row in rows if Jury().sees(listener, row)]


def in_a_terminal(user: User) -> list[Any]:
    sieve = Sieve(ears=(identity_of(user).listener,))
    return [row.data for row in log.read_after(0).rows if sieve.lets_through(row)]


def by_acknowledging(user: User) -> list[Any]:
    positions = [row.position for row in log.read_after(0).rows]
    answers = [ask("POST", f"messages/{position}/ack", who=user) for position in positions]
    return [answer for answer in answers if answer.status_code == 200]


DOORS = [heard_by, over_rest, again, in_a_terminal, by_acknowledging]


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
def test_who_may_not_see_the_object_gets_nothing_at_any_door(
    door: Any, bound: Any, lead: User, other: User
) -> None:
    Operation.objects.create(lead=lead)
    pump()

    assert (len(door(lead)), len(door(other))) == (1, 0)


def test_it_is_asked_only_about_those_in_the_audience_who_hold_the_permission(
    bind: Bind, lead: User, other: User
) -> None:
    asked = []

    def may_see(binding: Any, user: User, operation: Operation) -> bool:
        asked.append(user)
        return True

    bind(Operation, may_see=may_see, permission="hosts.view_operation")
    Operation.objects.create(lead=lead)

    assert heard_by(lead) == []
    assert asked == []


def test_a_message_is_judged_by_the_object_as_it_was(bound: Any, lead: User, other: User) -> None:
    operation = Operation.objects.create(lead=lead)
    Told().rows()
    operation.lead = other
    operation.save()

    assert actions(lead) == [("create", None), ("delete", "left")]
    assert actions(other) == [("update", None)]


def test_whoever_may_not_see_it_any_more_hears_no_value(
    bound: Any, lead: User, other: User
) -> None:
    operation = Operation.objects.create(lead=lead)
    told = Told()
    operation.lead, operation.status = other, "secret"
    operation.save()
    told.rows()

    assert "secret" in json.dumps(heard_by(other))
    assert "secret" not in json.dumps(heard_by(lead))


def test_a_deleted_object_is_the_one_that_there_was(bound: Any, lead: User, other: User) -> None:
    operation = Operation.objects.create(lead=lead)
    Told().rows()
    operation.delete()

    assert actions(lead) == [("create", None), ("delete", None)]
    assert actions(other) == []


def test_what_it_looks_at_need_not_be_tracked_and_is_told_to_nobody_else(
    bind: Bind, lead: User, other: User
) -> None:
    operation = Operation.objects.create(lead=lead, weight=1)
    bind(Operation, tracked=["status"], may_see=is_lead)

    operation.weight = 2
    operation.save()
    Told().rows()
    operation.lead = other
    operation.save()

    assert actions(lead) == [("delete", "left")]
    assert actions(other) == [("update", None)]


def test_two_changes_in_one_transaction_are_judged_by_the_first_and_the_last(
    bound: Any, lead: User, other: User
) -> None:
    third = person("third")
    operation = Operation.objects.create(lead=lead)
    Told().rows()
    operation.lead = other
    operation.save()
    operation.lead = third
    operation.save()
    Told().rows()
    operation.lead = other
    operation.save()
    operation.delete()

    assert actions(lead) == [("create", None), ("delete", "left")]
    assert actions(other) == []
    assert actions(third) == [("update", None), ("delete", None)]


def test_a_transaction_that_changes_nothing_in_the_end_tells_nothing(
    bound: Any, lead: User, other: User
) -> None:
    operation = Operation.objects.create(lead=lead)
    told = Told()
    for each in (other, lead):
        operation.lead = each
        operation.save()

    assert told.rows() == []


def test_a_bulk_message_has_those_objects_that_may_be_seen(
    bound: Any, lead: User, other: User, settings: Settings
) -> None:
    settings.SCHEDULER_REALTIME = {"BULK_THRESHOLD": 1}
    rooms = [Room.objects.create(name=name) for name in "ab"]
    first, second, third, silent = (
        Operation.objects.create(lead=who, room=room)
        for who, room in zip((lead, other, lead, lead), [*rooms, rooms[0], rooms[0]], strict=True)
    )
    told = Told()
    Operation.objects.filter(pk__in=[first.pk, second.pk]).update(status="moved")
    Operation.objects.filter(pk=first.pk).update(lead=other)
    Operation.objects.filter(pk=third.pk).update(status="moved")
    Operation.objects.filter(pk=silent.pk).update(weight=1)
    [row] = told.rows()

    assert row.data["affected_surgeries"] == [first.pk, second.pk, third.pk, silent.pk]

    [frame] = heard_by(other, after=row.position - 1)
    assert frame["data"]["affected_surgeries"] == [first.pk, second.pk]
    assert [each["action"] for each in frame["data"]["objects"]] == ["update", "update"]
    [frame] = heard_by(lead, after=row.position - 1)
    assert frame["data"]["affected_surgeries"] == [first.pk, third.pk]
    assert [(e["action"], e["changes"]) for e in frame["data"]["objects"]] == [
        ("delete", {}),
        ("update", {"status": "moved"}),
    ]
    assert heard_by(person("third"), after=row.position - 1) == []


def test_an_object_is_what_its_columns_were(bind: Bind, lead: User) -> None:
    seen = []

    def may_see(binding: Any, user: User, row: Any) -> bool:
        seen.append({f.attname: getattr(row, f.attname) for f in row._meta.concrete_fields})
        return True

    for model in (Operation, Appointment, Coded):
        bind(model, may_see=may_see)
    operation = Operation.objects.create(
        lead=lead,
        weight=0.1,
        cost="12.50",
        details={"a": [1, None], "when": "2026-01-01"},
        start="2026-03-10T08:00:00.000123Z",
    )
    appointment = Appointment.objects.create(day="2026-03-10", begins="08:00", place="ä\u2028<b>")
    coded = Coded.objects.create(code="x")
    heard_by(lead)

    rows = [type(each).objects.get(pk=each.pk) for each in (operation, appointment, coded)]
    assert seen == [
        {f.attname: getattr(row, f.attname) for f in row._meta.concrete_fields} for row in rows
    ]


def test_users_are_read_in_one_query_and_asked_once_for_each_message(
    bind: Bind, lead: User, other: User
) -> None:
    asked: list[int] = []
    bind(Operation, may_see=lambda self, user, row: asked.append(user.pk) or True)
    Operation.objects.create(lead=lead)
    pump()
    [row] = log.read_after(0).rows
    people = [identity_of(person(f"user {n}")).listener for n in range(20)]
    jury = Jury()

    with CaptureQueriesContext(connection) as asking:
        jury.judge([(each, (row,)) for each in people] * 2)
    with CaptureQueriesContext(connection) as asking_again:
        jury.judge([(each, (row,)) for each in people])

    users = [query for query in asking if "auth_user" in query["sql"]]
    assert len(users) == 1
    assert not [query for query in asking_again if "auth_user" in query["sql"]]
    assert sorted(asked[:20]) == sorted(user for user, _ in people)
    assert len(asked) == 40


# A function that fails.


def test_where_it_raises_the_user_reads_afresh_and_the_log_says_no_name(
    bind: Bind, lead: User, caplog: pytest.LogCaptureFixture
) -> None:
    bind(Operation, may_see=raises)
    Operation.objects.create(status="secret")

    frames = heard_by(lead)
    resync = over_rest(lead)

    assert [(each["type"], each["data"]["reason"]) for each in frames] == [
        ("resync", "judging_failed")
    ]
    assert [each["type"] for each in resync] == ["resync"]
    assert "secret" not in json.dumps([frames, resync])
    assert "hosts.operation" in caplog.text
    assert "secret" not in caplog.text
    assert (by_acknowledging(lead), again(lead)) == ([], [])


def test_a_statement_of_it_that_fails_spoils_no_transaction(bind: Bind, lead: User) -> None:
    def may_see(binding: Any, user: User, operation: Operation) -> bool:
        with connection.cursor() as cursor:
            cursor.execute("SELECT nonsense")
        return True

    bind(Operation, may_see=may_see)
    Operation.objects.create()

    assert [each["type"] for each in heard_by(lead)] == ["resync"]
    assert User.objects.count() == 1


# What verbs tell.


def conflict(*operations: Operation) -> None:
    broadcast_conflict_notification(
        conflict_id="c",
        conflict_type="room",
        severity="error",
        description="d",
        affected_surgeries=[each.pk for each in operations],
        model="hosts.operation",
    )


def open_conflicts(user: User) -> int:
    return len(read(ask("GET", "conflicts", who=user))["results"])


def test_a_conflict_is_for_those_who_may_see_all_that_collide(
    bound: Any, lead: User, other: User
) -> None:
    mine, too, theirs = (Operation.objects.create(lead=who) for who in (lead, lead, other))
    told = Told()

    conflict(mine, too)
    [row] = told.rows()

    assert len(heard_by(lead, after=row.position - 1)) == 1
    assert heard_by(other, after=row.position - 1) == []
    assert (open_conflicts(lead), open_conflicts(other)) == (1, 0)
    conflict(mine, theirs)
    assert (open_conflicts(lead), open_conflicts(other)) == (0, 0)


def test_of_an_object_that_is_not_there_everybody_reads_afresh(
    bound: Any, lead: User, other: User
) -> None:
    broadcast_schedule_update(action="update", surgery_id=999, model="hosts.operation")

    assert [each["type"] for each in heard_by(lead) + heard_by(other)] == ["resync", "resync"]


def test_a_verb_must_name_its_model_where_several_could_be_meant(bound: Any, bind: Bind) -> None:
    bind(Appointment)

    with pytest.raises(InvalidMessage, match=r"data\.model"):
        broadcast_schedule_update(action="update", surgery_id=1)

    broadcast_schedule_update(action="update", surgery_id=1, model="hosts.appointment")
    assert Message.objects.count() == 1


def test_it_says_who_is_waited_for(bind: Bind, lead: User, other: User) -> None:
    bind(Operation, may_see=is_lead, audience=lambda self, row: Audience(users=[lead, other]))
    Operation.objects.create(lead=lead)
    pump()
    [filed] = log.at_positions([log.state().head]).values()

    assert audience_of(filed) == {lead.pk}
