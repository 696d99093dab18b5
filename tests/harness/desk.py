"""The REST API in the tests' own process: who asks, and the rows that there are to ask for."""

import json
import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import Group, Permission, User
from django.http import HttpResponse
from django.test import Client

from scheduler_realtime import clock
from scheduler_realtime.models import Connection, Node, Presence
from scheduler_realtime.wire import dumps, utc_text
from tests.harness import tokens

ROOT = "/api/ws"


def person(name: str, *permissions: str, roles: Sequence[str] = ()) -> User:
    """An active user with these permissions of ours and in these groups."""
    user = User.objects.create(username=name)
    user.user_permissions.set(
        Permission.objects.filter(
            content_type__app_label="scheduler_realtime", codename__in=permissions
        )
    )
    user.groups.set([Group.objects.get_or_create(name=role)[0] for role in roles])
    return user


def ask(
    method: str,
    path: str,
    *,
    who: User | None = None,
    body: Any = None,
    content_type: str = "application/json",
    **headers: str,
) -> HttpResponse:
    """One request with a token of that user; `body` is written as JSON where it is no text."""
    if who is not None:
        headers["Authorization"] = f"Bearer {tokens.access(who.pk)}"
    text = body if isinstance(body, str | None) else json.dumps(body)
    sent: dict[str, Any] = {} if text is None else {"data": text, "content_type": content_type}
    answer: HttpResponse = Client().generic(method, f"{ROOT}/{path}", headers=headers, **sent)
    return answer


def read(answer: HttpResponse) -> Any:
    """What an answer says, which must be JSON."""
    assert answer["Content-Type"] == "application/json", answer.content
    return json.loads(answer.content)


def node(hostname: str = "host", pid: int = 1, *, lease: float = 20) -> Node:
    """A process with a lease of so many seconds from now."""
    now = clock.now()
    return Node.objects.create(
        hostname=hostname, pid=pid, started_at=now, lease_until=now + timedelta(seconds=lease)
    )


def socket(user: User, on: Node, *, age: float = 0, **facts: Any) -> Connection:
    """A socket of that user, opened so many seconds ago."""
    moment = clock.now() - timedelta(seconds=age)
    roles = dumps([group.name for group in user.groups.all()])
    given = {"username": user.username, "roles": roles, "last_seen_at": moment}
    return Connection.objects.create(user=user, node=on, connected_at=moment, **given | facts)


def presence(user: User, connection_id: uuid.UUID | None = None, **facts: Any) -> Presence:
    """That a user is here."""
    given = {"username": user.username, "joined_at": clock.now()}
    given["connection_id"] = connection_id or uuid.uuid4()
    return Presence.objects.create(user=user, **given | facts)


def utc(moment: Any) -> str:
    """A moment as the protocol writes it."""
    return utc_text(moment)
