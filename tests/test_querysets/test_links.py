"""Bulk writes of the rows between two models: told of whoever's list they change."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models import F, Value
from django.test import override_settings

from scheduler_realtime import Audience, capture
from scheduler_realtime.models import Message
from scheduler_realtime.testing import heard_by
from tests.hosts.bound import Bind, Told
from tests.hosts.models import Assignment, Operation

pytestmark = pytest.mark.django_db


@pytest.fixture
def users() -> list[User]:
    return [User.objects.create(username=name) for name in "abc"]


@pytest.fixture
def operations(bind: Bind) -> list[Operation]:
    operations = [Operation.objects.create() for _ in range(3)]
    bind(Operation, tracked=["helpers"])
    return operations


def lists(told: Told) -> dict[Any, tuple[Any, Any]]:
    """By key, who helped before and who helps now; each is told once."""
    data = told.data()
    found = {d["surgery_id"]: (d["previous"]["helpers"], d["changes"]["helpers"]) for d in data}
    assert len(found) == len(data)
    return found


def test_new_links_are_told(operations: list[Operation], users: list[User]) -> None:
    one, other, _ = operations
    first, second, _ = (user.pk for user in users)
    told = Told()

    Assignment.objects.bulk_create(
        [
            Assignment(operation=one, user_id=first),
            Assignment(operation=one, user_id=second),
            Assignment(operation=other, user_id=first),
        ]
    )

    assert lists(told) == {one.pk: ([], [first, second]), other.pk: ([], [first])}


def test_a_link_that_django_adds_in_bulk_is_written_down_once(
    operations: list[Operation], users: list[User]
) -> None:
    Told()

    operations[0].helpers.add(users[0])

    assert Message.objects.filter(position=None).count() == 1


@pytest.mark.parametrize(
    "moved",
    [
        lambda to: {"operation": to},
        lambda to: {"operation_id": to.pk},
        lambda to: {"operation_id": Value(to.pk)},
        lambda to: {"operation_id": F("operation_id") + 1},
    ],
    ids=["object", "key", "expression", "sum"],
)
def test_links_that_move_are_told_at_both_ends(
    operations: list[Operation], users: list[User], moved: Any
) -> None:
    key = users[0].pk
    Assignment.objects.create(operation=operations[0], user_id=key)
    told = Told()

    Assignment.objects.update(**moved(operations[1]))

    assert lists(told) == {operations[0].pk: ([key], []), operations[1].pk: ([], [key])}


def test_links_that_a_bulk_update_moves_are_told(
    operations: list[Operation], users: list[User]
) -> None:
    links = [Assignment.objects.create(operation=each, user=users[0]) for each in operations[:2]]
    told = Told()
    for link in links:
        link.operation = operations[2]

    Assignment.objects.bulk_update(links, ["operation"])

    one, other, there = (each.pk for each in operations)
    key = users[0].pk
    assert lists(told) == {one: ([key], []), other: ([key], []), there: ([], [key, key])}


def test_links_that_come_to_lead_elsewhere_are_told(
    operations: list[Operation], users: list[User]
) -> None:
    old, new, _ = (user.pk for user in users)
    Assignment.objects.create(operation=operations[0], user_id=old)
    told = Told()

    Assignment.objects.filter(user__username="a").update(user_id=new)

    assert lists(told) == {operations[0].pk: ([old], [new])}


def test_links_that_are_deleted_raw_are_told(
    operations: list[Operation], users: list[User]
) -> None:
    key = users[0].pk
    Assignment.objects.create(operation=operations[0], user_id=key)
    told = Told()

    Assignment.objects.all()._raw_delete("default")  # noqa: SLF001 - hosts do

    assert lists(told) == {operations[0].pk: ([key], [])}


def test_whoever_is_taken_off_in_bulk_hears_that_it_left(users: list[User], bind: Bind) -> None:
    operation = Operation.objects.create()
    operation.helpers.set(users[:1])

    def audience(self: Any, operation: Operation) -> Audience:
        return Audience(users=operation.helpers.values_list("pk", flat=True))

    bind(Operation, tracked=["helpers"], audience=audience)
    Told()

    Assignment.objects.update(user=users[1])

    assert [frame["data"].get("reason") for frame in heard_by(users[0])] == ["left"]
    assert [frame["data"]["action"] for frame in heard_by(users[1])] == ["update"]


@override_settings(SCHEDULER_REALTIME={"CAPTURE_LIMIT": 2})
def test_links_of_more_objects_than_the_limit_make_everyone_read_afresh(
    operations: list[Operation], users: list[User]
) -> None:
    told = Told()

    Assignment.objects.bulk_create(
        [Assignment(operation=each, user=users[0]) for each in operations]
    )

    assert [row.data["reason"] for row in told.rows()] == ["too_many"]


@override_settings(SCHEDULER_REALTIME={"CAPTURE_LIMIT": 2})
def test_links_that_move_from_more_objects_make_everyone_read_afresh(
    operations: list[Operation], users: list[User]
) -> None:
    for operation in operations:
        Assignment.objects.create(operation=operation, user=users[0])
    told = Told()

    Assignment.objects.update(user=users[1])

    assert [row.data["reason"] for row in told.rows()] == ["too_many"]


class TestInABlock:
    """The table between is Django's own there: its bulk writes are told in a block alone."""

    @pytest.fixture(autouse=True)
    def _bound(self, bind: Bind) -> None:
        bind(Operation, tracked=["team"])

    def test_new_links_of_any_object_are_told(self, users: list[User]) -> None:
        operation, link = Operation.objects.create(), Operation.team.through
        told = Told()

        with capture(link):
            link.objects.bulk_create([link(operation=operation, user=users[0])])

        assert told.changes() == [("update", {"team": []}, {"team": [users[0].pk]})]

    def test_links_of_a_narrowed_block_are_told(self, users: list[User]) -> None:
        operation, link = Operation.objects.create(), Operation.team.through
        operation.team.set(users[:1])
        told = Told()

        with capture(link.objects.filter(operation=operation)):
            link.objects.update(user=users[1])

        old, new, _ = ([user.pk] for user in users)
        assert told.changes() == [("update", {"team": old}, {"team": new})]

    def test_a_link_from_outside_a_narrowed_block_makes_everyone_read_afresh(
        self, users: list[User]
    ) -> None:
        operation, link = Operation.objects.create(), Operation.team.through
        told = Told()

        with capture(link.objects.filter(user=users[0])):
            link.objects.bulk_create([link(operation=operation, user=users[0])])

        assert told.types() == ["resync"]
