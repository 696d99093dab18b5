"""Audiences: the groups that users and roles become, and the receivers that are none."""

import enum
import uuid
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, Group, User
from hypothesis import given
from hypothesis import strategies as st

from scheduler_realtime.audience import (
    EVERYONE,
    PRESENCE_WATCHERS,
    RECEIPT_WATCHERS,
    STATISTICS_WATCHERS,
    Audience,
    addressed,
    groups_of,
    permission_group,
    permission_in,
    role_group,
    user_group,
)
from scheduler_realtime.doorbell.courier import LOG_GROUP, PRESENCE_GROUP
from scheduler_realtime.exceptions import InvalidAudience


class Role(str, enum.Enum):  # noqa: UP042 - it formats as its name, which is the trap
    NURSE = "nurse"


def test_an_audience_of_nothing_given_is_everyone() -> None:
    assert Audience().groups == {EVERYONE}


@pytest.mark.parametrize(
    "given", [{"users": []}, {"roles": []}, {"users": [], "roles": ()}, {"users": [None]}]
)
def test_an_audience_computed_as_empty_is_nobody(given: dict[str, Any]) -> None:
    assert Audience(**given).groups == frozenset()


def test_users_are_addressed_by_themselves_or_by_their_keys() -> None:
    audience = Audience(users=[User(pk=7), 8, "9", uuid.UUID(int=1), None])

    assert audience.groups == {
        "user.7",
        "user.8",
        "user.9",
        "user.00000000-0000-0000-0000-000000000001",
    }


def test_users_and_roles_add_up() -> None:
    assert Audience(users=[7], roles=["nurse"]).groups == {"user.7", "role.nurse"}


def test_a_generator_of_users_is_as_good_as_a_list() -> None:
    assert Audience(users=(pk for pk in (7, 8))).groups == {"user.7", "user.8"}


def test_an_enums_member_is_the_role_it_stands_for() -> None:
    assert Audience(roles=[Role.NURSE]).groups == {"role.nurse"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"users": "7"},
        {"roles": "nurse"},
        {"users": User(pk=7)},
        {"users": 7},
        {"users": [User()]},
        {"users": [AnonymousUser()]},
        {"users": [[7]]},
        {"users": [True]},
        {"users": [object()]},
        {"users": ["a\x00"]},
        {"roles": [""]},
        {"roles": [None]},
        {"roles": [7]},
        {"roles": [Group(name="nurse")]},
        {"roles": ["\udc00"]},
    ],
)
def test_receivers_that_nobody_could_be_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidAudience):
        Audience(**wrong)


def test_everybody_is_in_everyone_their_own_group_and_those_of_their_roles() -> None:
    assert groups_of(7, ["nurse", "admin"]) == {"everyone", "user.7", "role.nurse", "role.admin"}


NAMES = st.text(st.characters(codec="utf-8"), min_size=1)


@given(name=NAMES)
def test_a_group_name_is_one_that_every_layer_takes(name: str) -> None:
    group = role_group(name)

    assert group.isascii()
    assert len(group) < 100
    assert set(group) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")


@given(one=NAMES, two=NAMES)
def test_two_names_never_share_a_group(one: str, two: str) -> None:
    assert (role_group(one) == role_group(two)) == (one == two)
    assert role_group(one) != user_group(two)


def test_a_name_with_a_line_break_is_no_other_name() -> None:
    assert role_group("nurse\n") != role_group("nurse")
    assert "\n" not in role_group("nurse\n")


@pytest.mark.parametrize(
    "name",
    [
        "everyone",
        "user.5",
        "role.admin",
        "admin\n",
        "realtime.log",
        "realtime.presence",
        "control",
        "watchers.receipts",
        "watchers.statistics",
        "permission.surgeries.view_surgery",
        "user-hash.5",
    ],
)
def test_no_name_of_a_role_is_the_group_of_anything_else(name: str) -> None:
    others = {
        EVERYONE,
        RECEIPT_WATCHERS,
        STATISTICS_WATCHERS,
        PRESENCE_WATCHERS,
        LOG_GROUP,
        PRESENCE_GROUP,
        user_group(5),
        role_group("admin"),
        permission_group("surgeries.view_surgery"),
    }

    groups = Audience(roles=[name]).groups | groups_of("9", [name]) - {EVERYONE, user_group("9")}

    assert groups.isdisjoint(others)
    assert len(groups) == 1


def test_no_message_is_addressed_to_who_holds_a_permission() -> None:
    assert addressed(["everyone", permission_group("a.b")]) == {"everyone"}
    assert permission_in(permission_group("a.view_b")) == "a.view_b"
