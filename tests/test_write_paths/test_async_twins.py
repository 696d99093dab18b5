"""Async twins: the sync verbs in another thread, with the same end."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User

from tests.hosts.models import Operation, Room
from tests.test_write_paths.conftest import Watch

pytestmark = pytest.mark.django_db

ROW = (
    "`asave()`, `acreate()`, `aupdate()`, `adelete()` and the other async twins",
    "as their sync twins",
)


DONE = ("update", {"status": "planned"}, {"status": "done"})

Write = Callable[[Operation], Awaitable[Any]]


def wait_for(write: Callable[[], Awaitable[Any]]) -> None:
    """Await it in a loop, its database work in this thread and transaction."""

    async def awaiting() -> None:
        await write()

    async_to_sync(awaiting)()


async def save(operation: Operation) -> None:
    operation.status = "done"
    await operation.asave()


async def bulk_update(operation: Operation) -> None:
    operation.status = "done"
    await Operation.objects.abulk_update([operation], ["status"])


NEW = ("create", {}, {"status": "done"})

WRITES: list[tuple[Write, Any]] = [
    (save, DONE),
    (bulk_update, DONE),
    (lambda it: Operation.objects.aupdate(status="done"), DONE),
    (
        lambda it: Operation.objects.aupdate_or_create(pk=it.pk, defaults={"status": "done"}),
        DONE,
    ),
    (lambda it: Operation.objects.acreate(status="done"), NEW),
    (lambda it: Operation.objects.aget_or_create(status="done"), NEW),
    (lambda it: Operation.objects.abulk_create([Operation(status="done")]), NEW),
    (lambda it: it.adelete(), ("delete", {"status": "planned"}, {})),
    (lambda it: Operation.objects.all().adelete(), ("delete", {"status": "planned"}, {})),
]


@pytest.mark.parametrize(("write", "change"), WRITES)
def test_an_awaited_write_is_told(watch: Watch, write: Write, change: Any) -> None:
    operation = Operation.objects.create()
    told = watch(Operation, "status")

    wait_for(lambda: write(operation))

    assert told.changes() == [change]


@pytest.mark.parametrize(
    ("write", "before", "after"),
    [
        (lambda team, user: team.aadd(user), False, True),
        (lambda team, user: team.aset([user]), False, True),
        (lambda team, user: team.aremove(user), True, False),
        (lambda team, user: team.aclear(), True, False),
    ],
)
def test_an_awaited_change_of_a_list_is_told(
    watch: Watch, write: Any, before: bool, after: bool
) -> None:
    user, operation = User.objects.create(username="a"), Operation.objects.create()
    operation.team.set([user] * before)
    told = watch(Operation, "team")

    wait_for(lambda: write(operation.team, user))

    lists = [{"team": [user.pk] * each} for each in (before, after)]
    assert told.changes() == [("update", *lists)]


@pytest.mark.parametrize("name", ["aadd", "aset"])
def test_an_awaited_change_at_the_far_end_of_a_key_is_told(watch: Watch, name: str) -> None:
    room, operation = Room.objects.create(), Operation.objects.create()
    told = watch(Operation, "room")

    wait_for(lambda: getattr(room.operations, name)([operation] if name == "aset" else operation))

    assert told.changes() == [("update", {"room": None}, {"room": room.pk})]
