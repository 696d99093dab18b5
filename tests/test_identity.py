"""Identity: who is behind a token, in which roles, cleared or not, looked up for many at once."""

import time
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as project
from django.contrib.auth.backends import BaseBackend, ModelBackend
from django.contrib.auth.models import Group, Permission, User
from django.db import connection, models
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings
from rest_framework_simplejwt.utils import get_md5_hash_password

from scheduler_realtime import TokenRejected, close_codes
from scheduler_realtime.claims import Claims
from scheduler_realtime.identity import (
    Identity,
    admitted,
    identities,
    identity_of,
    token_for,
    value_in,
    verify,
)
from scheduler_realtime.permissions import CLEARANCE
from tests.harness import tokens


@pytest.fixture
def nurse(db: None) -> User:
    user = User.objects.create_user("nurse")
    user.groups.add(Group.objects.create(name="or_nurse"))
    return user


def claims_of(user_key: Any, **more: Any) -> Claims:
    return Claims(**{"user_key": user_key, "expires_at": 1.0, "password_mark": None, **more})


def found(user_key: Any, **more: Any) -> Identity | None:
    claims = claims_of(user_key, **more)
    return identities([claims])[claims]


def test_an_identity_is_the_user_as_the_tables_have_it(nurse: User) -> None:
    claims = claims_of(str(nurse.pk))

    assert identities([claims])[claims] == Identity(
        user_id=nurse.pk,
        username="nurse",
        roles=("or_nurse",),
        groups=frozenset({"everyone", f"user.{nurse.pk}", "role.or_nurse"}),
        is_cleared=False,
        is_active=True,
        claims=claims,
    )


@pytest.mark.django_db
def test_a_superuser_is_an_admin_and_cleared() -> None:
    chief = User.objects.create_superuser("chief")

    identity = found(chief.pk)

    assert identity is not None
    assert (identity.roles, identity.is_cleared) == (("admin",), True)


def test_a_token_for_somebody_is_theirs_and_ends(nurse: User) -> None:
    claims = verify(token_for(nurse, lifetime=timedelta(seconds=30)))

    assert identities([claims])[claims] == replace(identity_of(nurse), claims=claims)
    assert 0 < claims.expires_at - time.time() <= 30


@pytest.mark.django_db
@pytest.mark.parametrize("key", ["999", "abc", "", "7.5", 10**30, -1, "9" * 400])
def test_a_user_that_does_not_exist_is_nobody(key: Any) -> None:
    assert found(key) is None


def test_a_key_that_no_user_can_have_spoils_nobody_elses_lookup(nurse: User) -> None:
    asked = [claims_of(key) for key in (10**30, "a\x00", "abc", str(nurse.pk))]

    assert [identity is not None for identity in identities(asked).values()] == [
        False,
        False,
        False,
        True,
    ]


def test_a_deleted_user_is_not_admitted(nurse: User) -> None:
    key = nurse.pk
    nurse.delete()

    with pytest.raises(TokenRejected) as refusal:
        admitted(found(key))

    assert refusal.value.close_code == close_codes.UNAUTHENTICATED


def test_an_inactive_user_is_not_admitted(nurse: User) -> None:
    User.objects.update(is_active=False)

    with pytest.raises(TokenRejected) as refusal:
        admitted(found(nurse.pk))

    assert refusal.value.close_code == close_codes.FORBIDDEN


@pytest.mark.parametrize("checks", [True, False])
def test_a_new_password_ends_old_tokens_where_simplejwt_is_told_to(
    checks: bool, nurse: User, settings: Settings
) -> None:
    settings.SIMPLE_JWT = {**project.SIMPLE_JWT, "CHECK_REVOKE_TOKEN": checks}
    mark = get_md5_hash_password(nurse.password)
    claims = verify(tokens.access(nurse.pk, hash_password=mark))
    before = identities([claims])[claims]

    nurse.set_password("another")
    nurse.save()
    after = identities([claims])[claims]

    assert before is not None
    assert (after is None) is checks


# What the host says of roles.


def roles_of_most(user: User) -> list[object]:
    if user.username == "broken":
        raise LookupError("no such person")
    return ["nurse", "nurse", 5]


def one_text(user: User) -> str:
    return "nurse"


def test_the_hosts_own_function_decides_the_roles(nurse: User, settings: Settings) -> None:
    settings.SCHEDULER_REALTIME = {"ROLES": "tests.test_identity.roles_of_most"}

    assert identity_of(nurse).roles == ("5", "nurse")


@pytest.mark.parametrize("path", ["roles_of_most", "one_text", "missing"])
def test_a_function_that_fails_for_one_fails_for_no_other(
    path: str, nurse: User, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.SCHEDULER_REALTIME = {"ROLES": f"tests.test_identity.{path}"}
    broken = claims_of(User.objects.create_user("broken").pk)

    answers = identities([broken, claims_of(nurse.pk), claims_of(0)])

    assert broken not in answers
    assert answers[claims_of(0)] is None
    assert (claims_of(nurse.pk) in answers) is (path == "roles_of_most")
    assert "could not be told" in caplog.text


# Who is cleared, and what it costs to know.


class ByName(BaseBackend):
    """A host's backend that Django's tables know nothing of."""

    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        return perm == CLEARANCE and user_obj.get_username().endswith("1")


class ByMail(ModelBackend):
    """A host's backend that only signs in differently."""

    def authenticate(self, *args: Any, **kwargs: Any) -> None:
        return None


BACKENDS = {
    "Django's": ["django.contrib.auth.backends.ModelBackend"],
    "Django's and by mail": [
        "django.contrib.auth.backends.ModelBackend",
        "tests.test_identity.ByMail",
    ],
    "by name": ["tests.test_identity.ByName"],
    "Django's and by name": [
        "django.contrib.auth.backends.ModelBackend",
        "tests.test_identity.ByName",
    ],
}


@pytest.fixture
def staff(db: None) -> list[User]:
    """Everybody that differs in why they are cleared, or not."""
    permission = Permission.objects.get(
        codename="view_patient_details", content_type__app_label="scheduler_realtime"
    )
    group = Group.objects.create(name="cleared")
    group.permissions.add(permission)
    users = [
        User.objects.create_user(
            f"{why}{number}", is_active=number < 2, is_superuser=why == "super"
        )
        for why in ("none", "user", "group", "both", "super")
        for number in range(3)
    ]
    for user in users:
        if user.username[:-1] in {"user", "both"}:
            user.user_permissions.add(permission)
        if user.username[:-1] in {"group", "both"}:
            user.groups.add(group)
    return users


@pytest.mark.parametrize("backends", BACKENDS.values(), ids=BACKENDS)
def test_who_is_cleared_is_what_has_perm_says(
    backends: list[str], staff: list[User], settings: Settings
) -> None:
    settings.AUTHENTICATION_BACKENDS = backends
    asked = {user: claims_of(user.pk) for user in staff}

    answers = identities(list(asked.values()))

    cleared = {u.username for u in staff if getattr(answers[asked[u]], "is_cleared", None)}
    assert cleared == {u.username for u in User.objects.all() if u.has_perm(CLEARANCE)}
    assert cleared


@pytest.mark.parametrize("backends", ["Django's", "Django's and by mail"])
def test_many_users_cost_as_many_queries_as_one(
    backends: str, staff: list[User], settings: Settings
) -> None:
    settings.AUTHENTICATION_BACKENDS = BACKENDS[backends]

    with CaptureQueriesContext(
        connection,
    ) as asked_for_one:
        identities([claims_of(staff[0].pk)])
    with CaptureQueriesContext(connection) as asked_for_all:
        identities([claims_of(user.pk) for user in staff])

    assert (len(asked_for_one), len(asked_for_all)) == (4, 4)


@pytest.mark.parametrize("key", ["a\x00", "\ud800", "x" * 300])
def test_a_key_that_no_database_compares_is_nobodys(key: str) -> None:
    column = models.CharField(max_length=300)

    assert value_in(column, key) == (key if key.startswith("x") else None)
