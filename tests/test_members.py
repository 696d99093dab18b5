"""Members: the active users whom groups stand for, wherever a host's roles come from."""

from collections.abc import Iterable
from typing import Any

import pytest
from django.contrib.auth.models import Group, User

from scheduler_realtime.audience import Audience
from scheduler_realtime.members import (
    known_roles,
    meant_by,
    members_of,
    unknown_roles,
    unknown_users,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> dict[str, User]:
    names = ("ann", "bob", "cem", "dee")
    users = {name: User.objects.create(username=name) for name in names}
    for role, members in {"nurse": ("ann", "bob"), "Ärztin": ("cem",), "gone": ("dee",)}.items():
        Group.objects.create(name=role).user_set.set([users[name] for name in members])
    User.objects.filter(username="dee").update(is_active=False)
    User.objects.filter(username="cem").update(is_superuser=True)
    return users


def first_letter(user: Any) -> Iterable[str]:
    return [user.username[0], "nurse" if user.username == "cem" else "other"]


def names(**receivers: Any) -> list[str]:
    keys = members_of(Audience(**receivers).groups)
    return sorted(User.objects.filter(pk__in=keys).values_list("username", flat=True))


def test_everyone_is_everybody_who_is_active(people: dict[str, User]) -> None:
    assert names() == ["ann", "bob", "cem"]


def test_users_by_name_and_by_role_are_joined(people: dict[str, User]) -> None:
    assert names(users=[people["cem"]], roles=["nurse"]) == ["ann", "bob", "cem"]


@pytest.mark.parametrize(
    ("role", "members"),
    [("nurse", ["ann", "bob"]), ("Ärztin", ["cem"]), ("admin", ["cem"]), ("gone", []), ("x", [])],
)
def test_a_role_is_the_group_of_that_name(
    people: dict[str, User], role: str, members: list[str]
) -> None:
    assert names(roles=[role]) == members


def test_the_inactive_and_the_deleted_are_nobodys_audience(people: dict[str, User]) -> None:
    assert names(users=[people["dee"], 10**6]) == []


def test_the_hosts_own_roles_are_asked_for(people: dict[str, User], settings: Any) -> None:
    settings.SCHEDULER_REALTIME = {"ROLES": "tests.test_members.first_letter"}

    assert names(roles=["nurse"]) == ["cem"]
    assert names(roles=["b"], users=[people["ann"]]) == ["ann", "bob"]


def test_one_user_costs_one_query(people: dict[str, User], django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        members_of(Audience(users=[people["ann"]]).groups)


def test_a_word_means_whose_key_or_name_it_is(people: dict[str, User]) -> None:
    key = str(people["dee"].pk)
    namesake = User.objects.create(username=key)

    assert meant_by("ann") == [people["ann"]]
    assert set(meant_by(key)) == {people["dee"], namesake}
    assert meant_by("zoe") == meant_by(str(2**70)) == []


def test_what_nobody_is_is_unknown(people: dict[str, User], settings: Any) -> None:
    keys = [people["ann"].pk, people["dee"].pk, str(people["bob"].pk), 10**6, "x", 2**70]

    assert unknown_users(keys) == [10**6, "x", 2**70]
    assert unknown_roles(["nurse", "gone", "admin", "barber"]) == ["barber"]
    settings.SCHEDULER_REALTIME = {"ROLES": "tests.test_members.first_letter"}
    assert unknown_roles(["nurse", "a", "d"]) == ["d"]


def test_the_roles_that_there_are_come_from_wherever_roles_do(
    people: dict[str, User], settings: Any
) -> None:
    of_django = known_roles()
    settings.SCHEDULER_REALTIME = {"ROLES": f"{__name__}.first_letter"}

    assert of_django == {"admin", "nurse", "Ärztin", "gone"}
    assert known_roles() == {"a", "b", "c", "nurse", "other"}
