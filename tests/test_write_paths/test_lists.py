"""Many-to-many lists: from either side, and by the rows of a model between."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from tests.hosts.models import Assignment, Operation
from tests.test_write_paths.conftest import Watch

pytestmark = pytest.mark.django_db

ROW = (
    "many-to-many `add`, `remove`, `set`, `clear` from either side; the rows of a `through` model",
    "yes, where the field is tracked or `staff`",
)


Write = Callable[[Operation, User], Any]

ADDING: list[Write] = [
    lambda operation, user: operation.team.add(user),
    lambda operation, user: operation.team.set([user]),
    lambda operation, user: user.operations.add(operation),
    lambda operation, user: user.operations.set([operation]),
]

REMOVING: list[Write] = [
    lambda operation, user: operation.team.remove(user),
    lambda operation, user: operation.team.set([]),
    lambda operation, user: operation.team.clear(),
    lambda operation, user: user.operations.remove(operation),
    lambda operation, user: user.operations.clear(),
]

LINKING: list[Write] = [
    lambda operation, user: operation.helpers.add(user, through_defaults={}),
    lambda operation, user: operation.helpers.set([user]),
    lambda operation, user: user.assisted.add(operation),
    lambda operation, user: Assignment.objects.create(operation=operation, user=user),
    lambda operation, user: Assignment.objects.bulk_create(
        [Assignment(operation=operation, user=user)]
    ),
]

UNLINKING: list[Write] = [
    lambda operation, user: operation.helpers.remove(user),
    lambda operation, user: operation.helpers.clear(),
    lambda operation, user: user.assisted.clear(),
    lambda operation, user: Assignment.objects.get().delete(),
    lambda operation, user: Assignment.objects.all().delete(),
    lambda operation, user: user.delete(),
]


@pytest.fixture
def user() -> User:
    return User.objects.create(username="a")


@pytest.fixture
def operation() -> Operation:
    return Operation.objects.create()


@pytest.mark.parametrize(
    ("name", "write"), [("team", each) for each in ADDING] + [("helpers", each) for each in LINKING]
)
def test_whoever_comes_onto_a_list_is_told(
    watch: Watch, operation: Operation, user: User, name: str, write: Write
) -> None:
    told = watch(Operation, name)

    write(operation, user)

    assert told.changes() == [("update", {name: []}, {name: [user.pk]})]


@pytest.mark.parametrize(
    ("name", "write"),
    [("team", each) for each in REMOVING] + [("helpers", each) for each in UNLINKING],
)
def test_whoever_goes_off_a_list_is_told(
    watch: Watch, operation: Operation, user: User, name: str, write: Write
) -> None:
    getattr(operation, name).add(user)
    told, key = watch(Operation, name), user.pk

    write(operation, user)

    assert told.changes() == [("update", {name: [key]}, {name: []})]


def test_a_list_of_staff_is_told_though_it_is_not_tracked(
    watch: Watch, operation: Operation, user: User
) -> None:
    told = watch(Operation, staff=["team"])

    operation.team.add(user)

    assert told.changes() == [("update", {"team": []}, {"team": [user.pk]})]


def test_another_list_is_not_told(watch: Watch, operation: Operation, user: User) -> None:
    told = watch(Operation, "status")

    operation.team.add(user)
    operation.helpers.add(user)

    assert told.rows() == []
