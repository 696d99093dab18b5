"""People: what changes a user's rights is told in the same transaction, once, and nothing else is."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import login, logout
from django.contrib.auth.models import AnonymousUser, Group, Permission, User, update_last_login
from django.contrib.sessions.backends.db import SessionStore
from django.db import Error, connection, transaction
from django.http import HttpRequest
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings
from rest_framework_simplejwt.tokens import RefreshToken

from scheduler_realtime import log
from scheduler_realtime.claims import mark_of_session
from scheduler_realtime.models import Message
from scheduler_realtime.receivers import telling as room
from tests.harness.child import REPOSITORY
from tests.test_handshake import PERSONNEL


@pytest.fixture
def nurse(db: None) -> User:
    user = User.objects.create_user("nurse", password="secret")
    user.groups.add(Group.objects.create(name="ward"))
    Message.objects.all().delete()
    connection.run_on_commit = []  # the test's own transaction tells nobody twice
    return User.objects.get(pk=user.pk)


def orders() -> list[dict[str, Any]]:
    bodies = Message.objects.filter(type="control").order_by("pk").values_list("body", flat=True)
    return [json.loads(body) for body in bodies]


def told() -> list[Any]:
    """Whom each order names; None is everybody."""
    return [each["users"] for each in orders()]


def ward() -> Group:
    return Group.objects.get(name="ward")


def permission() -> Permission:
    return Permission.objects.filter(codename="view_patient_details")[0]


def leave_ward(user: User) -> None:
    ward().user_set.remove(user)


def give_permission(user: User) -> None:
    permission().user_set.add(user)


def empty_ward() -> None:
    ward().user_set.clear()


def set_password(user: User) -> None:
    user.set_password("another")
    user.save()


def save_given_a_text(user: User) -> None:
    user.pk = str(user.pk)  # type: ignore[assignment]  # as a form may have it
    user.save()


OF_ONE: dict[str, Callable[[User], Any]] = {
    "save": lambda user: user.save(),
    "save of a field": lambda user: user.save(update_fields=["is_active"]),
    "save of a field and the login": lambda user: user.save(update_fields=["email", "last_login"]),
    "save by a text": save_given_a_text,
    "password": set_password,
    "update_or_create": lambda user: User.objects.update_or_create(
        username="nurse", defaults={"is_active": False}
    ),
    "delete": lambda user: user.delete(),
    "delete in bulk": lambda user: User.objects.all().delete(),
    "groups.add": lambda user: user.groups.add(Group.objects.create(name="new")),
    "groups.set": lambda user: user.groups.set([]),
    "groups.clear": lambda user: user.groups.clear(),
    "group.user_set.remove": leave_ward,
    "user_permissions.add": lambda user: user.user_permissions.add(permission()),
    "permission.user_set.add": give_permission,
}


@pytest.mark.parametrize("deed", OF_ONE.values(), ids=OF_ONE)
def test_a_change_of_one_users_rights_names_that_user(deed: Any, nurse: User) -> None:
    key = nurse.pk

    deed(nurse)

    assert told() == [[key]]


OF_EVERYBODY: dict[str, Callable[[], Any]] = {
    "rename": lambda: ward().save(),
    "delete": lambda: ward().delete(),
    "permissions.add": lambda: ward().permissions.add(permission()),
    "permission.group_set.add": lambda: permission().group_set.add(ward()),
    "user_set.clear": empty_ward,
}


@pytest.mark.parametrize("deed", OF_EVERYBODY.values(), ids=OF_EVERYBODY)
def test_a_change_of_a_group_means_everybody(deed: Any, nurse: User) -> None:
    deed()

    assert told() == [None]


OF_NOBODY: dict[str, Callable[[User], Any]] = {
    "a login": lambda user: update_last_login(User, user),
    "a new user": lambda user: User.objects.create_user("new"),
    "a new group": lambda user: Group.objects.create(name="new"),
    "a group that one is in already": lambda user: user.groups.add(ward()),
    "no save at all": lambda user: user.save(update_fields=[]),
}


@pytest.mark.parametrize("deed", OF_NOBODY.values(), ids=OF_NOBODY)
def test_what_changes_nobodys_rights_is_not_told(deed: Any, nurse: User) -> None:
    deed(nurse)

    assert told() == []


# In the same transaction, and once.


def test_a_save_costs_one_statement_more_and_a_login_none(nurse: User) -> None:
    with CaptureQueriesContext(
        connection,
    ) as saved:
        nurse.save()
    with CaptureQueriesContext(connection) as logged_in:
        update_last_login(User, nurse)

    assert [each["sql"].split()[0] for each in saved] == ["UPDATE", "INSERT"]
    assert [each["sql"].split()[0] for each in logged_in] == ["UPDATE"]


@pytest.mark.usefixtures("committed")
def test_a_save_without_a_transaction_is_rolled_back_with_its_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    user = User.objects.create_user("nurse")

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise Error("no")

    monkeypatch.setattr(log, "append", refuse)
    user.is_active = False
    with pytest.raises(Error):
        user.save()

    assert User.objects.get().is_active


def test_what_is_rolled_back_is_not_told_and_told_when_it_comes_again(nurse: User) -> None:
    with transaction.atomic():
        nurse.save()
        transaction.set_rollback(True)
    after_rollback = told()
    with transaction.atomic():
        nurse.save()

    assert after_rollback == []
    assert told() == [[nurse.pk]]


def test_who_began_in_the_same_transaction_is_not_told_of(nurse: User) -> None:
    with transaction.atomic():
        crowd = [User.objects.create(username=f"user {n}") for n in range(room.NAMED + 1)]
        ward().user_set.add(*crowd)
        crowd[0].save()
        nurse.save()

    assert told() == [[nurse.pk]]


def test_who_began_in_a_savepoint_that_was_rolled_back_may_be_somebody_else(nurse: User) -> None:
    with transaction.atomic():
        with transaction.atomic():
            User.objects.create(pk=1234, username="nobody")
            transaction.set_rollback(True)
        room.tell_of([1234], "default")

    assert told() == [[1234]]


def test_what_is_told_outside_a_savepoint_is_not_told_again_in_it(nurse: User) -> None:
    with transaction.atomic():
        nurse.save()
        with transaction.atomic():
            nurse.save()
            transaction.set_rollback(True)
        nurse.save()

    assert told() == [[nurse.pk]]


def test_one_transaction_names_a_user_once(nurse: User) -> None:
    with transaction.atomic():
        nurse.save()
        nurse.groups.clear()
        nurse.delete()

    assert len(told()) == 1


def test_a_transaction_with_many_users_writes_few_orders(nurse: User) -> None:
    number = room.NAMED + 30
    crowd = [User.objects.create(username=f"user {n}") for n in range(number)]
    connection.run_on_commit = []

    with transaction.atomic():
        for user in crowd:
            user.save()

    assert told() == [*([user.pk] for user in crowd[: room.NAMED]), None]


def test_many_who_join_a_group_at_once_are_one_order(nurse: User) -> None:
    crowd = [User.objects.create(username=f"user {n}") for n in range(room.NAMED + 1)]
    connection.run_on_commit = []

    ward().user_set.add(*crowd[:3])
    ward().user_set.add(*crowd)

    assert told() == [sorted((user.pk for user in crowd[:3]), key=str), None]


def test_users_of_another_database_are_told_of_once_theirs_is_committed(
    nurse: User,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    monkeypatch.setattr(log, "database", lambda: "another")

    with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
        nurse.save()
        nurse.save()
        before = told()

    assert (before, told()) == ([], [[nurse.pk]])


# Logins that end.


def request_of(user: User) -> HttpRequest:
    request = HttpRequest()
    request.session, request.user = SessionStore(), user
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    request.session.save()
    return request


def test_a_logout_ends_its_session_and_never_says_its_key(nurse: User) -> None:
    request = request_of(nurse)
    key = request.session.session_key
    assert key is not None

    logout(request)

    (order,) = orders()
    assert order == {"order": "end_session", "session": mark_of_session(key)}
    assert key not in json.dumps(order)


@pytest.mark.django_db
def test_a_logout_of_nobody_is_not_told() -> None:
    request = HttpRequest()
    request.session = SessionStore()
    request.user = AnonymousUser()

    logout(request)

    assert orders() == []


def test_a_log_that_is_out_keeps_nobody_from_logging_out(
    nurse: User, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise Error("no")

    request = request_of(nurse)
    monkeypatch.setattr(log, "append", refuse)

    logout(request)

    assert isinstance(request.user, AnonymousUser)
    assert "could not be closed" in caplog.text


@pytest.mark.parametrize(("rotates", "after"), [(False, 0), (True, 1)])
def test_a_blacklisted_token_has_its_user_looked_up(
    rotates: bool, after: float, nurse: User, settings: Settings
) -> None:
    settings.SIMPLE_JWT = {"ROTATE_REFRESH_TOKENS": rotates, "BLACKLIST_AFTER_ROTATION": rotates}

    RefreshToken.for_user(nurse).blacklist()

    assert orders() == [{"order": "look_up", "users": [nurse.pk], "after": after}]


# A user model that has next to nothing of Django's own.

SAVING = """
from django.conf import settings
settings.configure(
    SECRET_KEY="a key of forty-two characters, and only ours",
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "personnel",
                    "rest_framework", "scheduler_realtime"],
    AUTH_USER_MODEL="personnel.Person",
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    USE_TZ=True,
)
import django
django.setup()
from django.core.management import call_command
call_command("migrate", run_syncdb=True, verbosity=0)
import json
from personnel.models import Person
from scheduler_realtime.models import Message

person = Person.objects.create(badge="b-7")
person.save()
key = str(person.pk)
person.pk = key.upper()
person.save()
person.delete()
named = [json.loads(body)["users"] for body in Message.objects.values_list("body", flat=True)]
assert named == [[key]] * 3, named
"""


def test_users_of_any_model_and_key_are_told_of(tmp_path: Path) -> None:
    package = tmp_path / "personnel"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "models.py").write_text(PERSONNEL)

    done = subprocess.run(
        [sys.executable, "-c", SAVING],
        cwd=tmp_path,
        env={"PYTHONPATH": f"{tmp_path}:{REPOSITORY}"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
