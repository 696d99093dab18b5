"""A permission that a binding names: nobody hears without it, at whichever door they ask."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries, Settings

from scheduler_realtime import (
    Audience,
    broadcast_conflict_notification,
    broadcast_schedule_update,
    clock,
    entitlement,
    log,
    receipts,
    registry,
    send_system_notification,
    trimming,
)
from scheduler_realtime.claims import Claims
from scheduler_realtime.following import Sieve
from scheduler_realtime.identity import identities, identity_of
from scheduler_realtime.judging import audience_of
from scheduler_realtime.models import Message
from scheduler_realtime.registry import register_from_settings, unregister
from scheduler_realtime.testing import heard_by, pump
from tests.harness.desk import ask, person, read
from tests.hosts.bound import Bind, Told
from tests.hosts.models import Appointment, Operation, Room

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("unthrottled")]

MAY = "hosts.view_operation"


def give(user: User, permission: str = MAY) -> None:
    app, _, codename = permission.partition(".")
    user.user_permissions.add(
        Permission.objects.get(content_type__app_label=app, codename=codename)
    )


@pytest.fixture
def holder() -> User:
    user = person("holder", roles=["nurse"])
    give(user)
    return user


@pytest.fixture
def other() -> User:
    """In the same role, without the permission."""
    return person("other", roles=["nurse"])


@pytest.fixture
def bound(bind: Bind) -> Any:
    return bind(Operation, start="start", room="room", permission=MAY, tracked=["status", "room"])


Door = Callable[[User], list[Any]]


def over_rest(user: User) -> list[Any]:
    return [frame["data"] for frame in read(ask("GET", "messages", who=user))["results"]]


def in_replay(user: User) -> list[Any]:
    return [frame["data"] for frame in heard_by(user)]


def again(user: User) -> list[Any]:
    """What still awaits the user's acknowledgement."""
    Message.objects.update(ack_required=True)
    listener = identity_of(user).listener
    return [row.data for row in receipts.awaiting([listener])[listener]]


def in_a_terminal(user: User) -> list[Any]:
    sieve = Sieve(ears=(identity_of(user).listener,))
    return [row.data for row in log.read_after(0).rows if sieve.lets_through(row)]


def by_acknowledging(user: User) -> list[Any]:
    rows = log.read_after(0).rows
    return [
        row.data
        for row in rows
        if ask("POST", f"messages/{row.position}/ack", who=user).status_code == 200
    ]


DOORS = [over_rest, in_replay, again, in_a_terminal, by_acknowledging]


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
def test_who_does_not_hold_it_gets_nothing_at_any_door(
    door: Door, bound: Any, holder: User, other: User
) -> None:
    Operation.objects.create(status="secret")
    pump()

    assert [data["changes"]["status"] for data in door(holder)] == ["secret"]
    assert door(other) == []


def test_the_admin_says_who_hears_it_and_finds_it_for_holders_alone(
    bound: Any, holder: User, other: User, admin_client: Client
) -> None:
    Operation.objects.create()
    pump()
    page = f"/admin/scheduler_realtime/message/{Message.objects.get().pk}/change/"

    assert MAY in admin_client.get(page).content.decode()
    found = [
        len(
            admin_client.get(f"/admin/scheduler_realtime/message/?to={user.username}")
            .context["cl"]
            .result_list
        )
        for user in (holder, other)
    ]
    assert found == [1, 0]


def test_a_superuser_holds_it_and_an_inactive_holder_does_not(bound: Any, holder: User) -> None:
    chief = User.objects.create_superuser("chief")
    Operation.objects.create()
    pump()

    User.objects.filter(pk=holder.pk).update(is_active=False)
    [row] = log.read_after(0).rows

    assert row.is_for(identity_of(chief).groups)
    assert not row.is_for(identity_of(User.objects.get(pk=holder.pk)).groups)


def test_it_is_demanded_beside_the_audience(bind: Bind, holder: User, other: User) -> None:
    bind(Operation, permission=MAY, audience=lambda self, row: Audience(users=[other]))

    Operation.objects.create()

    assert heard_by(holder) == heard_by(other) == []


def test_who_is_given_it_has_the_messages_of_before_and_who_loses_it_has_none(
    bound: Any, holder: User, other: User
) -> None:
    Operation.objects.create()
    give(other)
    holder.user_permissions.clear()

    assert (len(heard_by(holder)), len(heard_by(other))) == (0, 1)


def test_a_group_gives_it(bound: Any, other: User) -> None:
    group = Group.objects.get(name="nurse")
    group.permissions.add(Permission.objects.get(codename="view_operation"))
    Operation.objects.create()

    assert len(heard_by(other)) == 1


def test_what_left_an_audience_is_told_to_holders_alone(
    bind: Bind, holder: User, other: User
) -> None:
    operation = Operation.objects.create(status="ours")
    bind(
        Operation,
        permission=MAY,
        audience=lambda self, row: Audience(roles=["nurse"] if row.status == "ours" else []),
    )

    operation.status = "theirs"
    operation.save()

    assert [frame["data"].get("reason") for frame in heard_by(holder)] == ["left"]
    assert heard_by(other) == []


def test_objects_that_need_other_permissions_are_not_in_one_bulk_message(
    bind: Bind, holder: User, other: User, settings: Settings
) -> None:
    settings.SCHEDULER_REALTIME = {"BULK_THRESHOLD": 1}
    bind(Operation, permission=MAY)
    bind(Appointment)
    told = Told()
    for _ in range(2):
        Operation.objects.create()
        Appointment.objects.create()

    rows = told.rows()

    assert [(row.data["model"], sorted(row.needs)) for row in rows] == [
        ("hosts.operation", [f"permission.{MAY}"]),
        ("hosts.appointment", []),
    ]
    assert [frame["data"]["model"] for frame in heard_by(other)] == ["hosts.appointment"]
    assert len(heard_by(holder)) == 2


@pytest.mark.parametrize("model", ["hosts.operation", "hosts.Operation", None])
def test_a_verb_demands_what_the_binding_does(
    model: str | None, bound: Any, holder: User, other: User
) -> None:
    broadcast_schedule_update(action="update", surgery_id=7, model=model)

    assert (len(heard_by(holder)), len(heard_by(other))) == (1, 0)


def test_what_is_about_no_object_is_for_everybody(bound: Any, other: User) -> None:
    send_system_notification(title="t", message="m")

    assert len(heard_by(other)) == 1


def test_a_conflict_is_seen_by_those_who_may_see_what_collides(
    bound: Any, holder: User, other: User
) -> None:
    broadcast_conflict_notification(
        conflict_id="c",
        conflict_type="room",
        severity="error",
        description="d",
        model="hosts.operation",
    )
    broadcast_conflict_notification(
        conflict_id="free", conflict_type="x", severity="info", description="d", model="a.b"
    )

    def seen(user: User) -> set[str]:
        return {c["conflict_id"] for c in read(ask("GET", "conflicts", who=user))["results"]}

    assert (seen(holder), seen(other)) == ({"c", "free"}, {"free"})
    assert [f["data"]["conflict_id"] for f in heard_by(other)] == ["free"]


def test_only_holders_are_waited_for(bound: Any, holder: User, other: User) -> None:
    broadcast_schedule_update(
        action="delete", surgery_id=7, model="hosts.operation", ack_required=True
    )
    pump()
    position = log.state().head
    filed = log.at_positions([position])[position]
    Message.objects.update(created_at=clock.now() - dt.timedelta(days=1), position=1)

    everybody = audience_of(filed)
    receipts.acknowledge(
        [
            receipts.Claim(
                user_id=holder.pk,
                groups=identity_of(holder).groups,
                positions=frozenset({1}),
            )
        ]
    )

    assert everybody == {holder.pk}
    assert list(trimming._settled(log.awaited())) == list(log.awaited())  # noqa: SLF001 - a step of `trim`


def test_data_alone_can_name_it(settings: Settings, holder: User, other: User) -> None:
    settings.SCHEDULER_REALTIME = {"MODELS": {"hosts.Room": {"permission": MAY}}}
    register_from_settings()
    try:
        Room.objects.create(name="OR 1")

        assert (len(heard_by(holder)), len(heard_by(other))) == (1, 0)
    finally:
        unregister(Room)


def test_it_costs_no_query_more(
    bound: Any, holder: User, other: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    claims = [
        Claims(user_key=user.pk, expires_at=1.0, password_mark=None) for user in (holder, other)
    ]

    with CaptureQueriesContext(connection) as with_it:
        found = identities(claims)
    unregister(Operation)
    with CaptureQueriesContext(connection) as without:
        identities(claims)

    assert len(with_it) == len(without) == 4
    held = {each.user_id: registry.permissions() for each in found.values() if each}
    assert held.keys() == {holder.pk, other.pk}


@pytest.mark.parametrize(
    ("permission", "complaints"),
    [
        (MAY, []),
        ("scheduler_realtime.view_patient_details", []),
        ("hosts.view_operatoin", ["scheduler_realtime.W030"]),
        ("view_operation", ["scheduler_realtime.E031"]),
        ("hosts.", ["scheduler_realtime.E031"]),
    ],
)
def test_a_permission_that_there_is_not_is_complained_of(
    permission: str, complaints: list[str], bind: Bind
) -> None:
    bind(Operation, permission=permission)

    assert [each.id for each in entitlement.check_permissions()] == complaints
