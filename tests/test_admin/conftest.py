"""People of the staff with just some permissions, and what there is to see."""

import contextlib
import datetime as dt
import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from project.scheduling.staff import permission
from scheduler_realtime import clock, log
from scheduler_realtime.models import Connection, Message, Node
from tests.harness import opening
from tests.harness.opening import Seeded
from tests.harness.site import Site

Enter = Callable[..., Client]


@pytest.fixture
def enter(db: None) -> Enter:
    """`enter("view_message")`: a client logged in as a member of the staff who may do just that."""

    def entered(*names: str, username: str = "ada") -> Client:
        user = User.objects.create_user(username, is_staff=True)
        full = [name if "." in name else f"scheduler_realtime.{name}" for name in names]
        user.user_permissions.set(map(permission, full))
        client = Client()
        client.force_login(user)
        return client

    return entered


@pytest.fixture
def nurses(db: None) -> list[User]:
    """Three users in the group `nurse`."""
    group = Group.objects.create(name="nurse")
    people = [
        User.objects.create_user(f"nurse{n}", first_name="Miriam", last_name=f"Fuchs{n}")
        for n in range(3)
    ]
    group.user_set.add(*people)
    return people


@pytest.fixture
def node(db: None) -> Node:
    """One that lives."""
    return make_node()


@pytest.fixture(scope="module")
def watched(seeded_sqlite: Seeded) -> Iterator[Site]:
    """One server, of which nobody but these tests knows."""
    with contextlib.closing(opening.open_embedded(seeded_sqlite, "uvicorn")) as site:
        yield site


def make_node(*, lease: float = 60, **facts: Any) -> Node:
    now = clock.now()
    known = {"hostname": "web", "pid": 7, "started_at": now}
    return Node.objects.create(lease_until=now + dt.timedelta(seconds=lease), **known | facts)


def connect(node: Node, user: User, **facts: Any) -> Connection:
    now = clock.now()
    known = {"username": user.get_username(), "connected_at": now, "last_seen_at": now}
    return Connection.objects.create(node=node, user=user, **known | facts)


def tell(position: int | None = None, **facts: Any) -> Message:
    """A message as the log has it, with the next position where none is given."""
    data = facts.pop("data", {"title": "Room 3 closes", "message": "at noon"})
    if position is None:
        position = Message.objects.exclude(position=None).count() + 1
    known: dict[str, Any] = {
        "key": uuid.uuid4(),
        "type": "system_notification",
        "created_at": clock.now(),
        "groups": ["everyone"],
        "protected": [],
    }
    row = known | facts
    for name in ("groups", "protected", "left_groups"):
        if name in row:
            row[name] = json.dumps(row[name], separators=(",", ":"))
    body = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
    log.state()
    return Message.objects.create(position=position, tx="t", body=body, **row)


def page(client: Client, path: str, status: int = 200, **query: Any) -> str:
    answer = client.get(f"/admin/{path}", query)
    assert answer.status_code == status, f"{path}: {answer.status_code}"
    return answer.content.decode()
