"""The REST API with 10,000 connections and 100,000 messages: as many statements as with ten of each."""

import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext

from scheduler_realtime import clock, log
from scheduler_realtime.models import (
    Conflict,
    Connection,
    Log,
    Message,
    OptimizationRun,
    Presence,
    Receipt,
)
from scheduler_realtime.wire import dumps
from tests.harness.desk import ask, node, person

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

LOOSE = 5.0
"""Seconds that nothing may take, even where the machine is busy with other things."""

USERS = 500
BATCH = 2000


def times(count: int, make: Callable[[int], Any]) -> list[Any]:
    return [make(n) for n in range(count)]


class Crowd:
    """Adds rows beside those that there are, and asks for everything."""

    def __init__(self, boss: User) -> None:
        self.boss = boss
        self.node = node("host", 7, lease=600)
        self.other = node("host", 8, lease=-1)
        self.users = User.objects.bulk_create(
            [User(username=f"user {n}", password="!") for n in range(USERS)]
        )
        self.position = log.state().head

    def connect(self, count: int) -> None:
        now = clock.now()
        Connection.objects.all().delete()
        Presence.objects.all().delete()
        here = self.users[: min(count, USERS)]
        Connection.objects.bulk_create(
            times(
                count,
                lambda n: Connection(
                    node=self.other if n % 10 == 9 else self.node,
                    user=here[n % len(here)],
                    username=here[n % len(here)].username,
                    roles=f'["role {n % 7}"]',
                    current_page=f"/page/{n % 5}",
                    connected_at=now - timedelta(seconds=n // 3),
                    last_seen_at=now,
                ),
            ),
            batch_size=BATCH,
        )
        Presence.objects.bulk_create(
            [
                Presence(
                    user=user, username=user.username, connection_id=uuid.uuid4(), joined_at=now
                )
                for user in here
            ]
        )

    def tell(self, count: int) -> None:
        """Messages for one role in two thousand and an alert in a thousand: the worst to look for."""
        now, body = clock.now(), dumps({"title": "t" * 300})
        insert = (
            "INSERT INTO scheduler_realtime_message (key, tx, type, groups, position, body,"
            " created_at, ack_required, left_groups, protected, scope)"
            " VALUES (%s, 't', %s, %s, %s, %s, %s, %s, '[]', '[]', '{}')"
        )
        with connection.cursor() as cursor:
            cursor.executemany(
                insert,
                [
                    (
                        uuid.uuid4().hex,
                        "emergency_alert" if n % 1000 == 999 else "system_notification",
                        '["everyone"]' if n % 2000 == 999 or n > count - 600 else '["role.x"]',
                        self.position + n + 1,
                        body,
                        now,
                        False,
                    )
                    for n in range(count)
                ],
            )
        self.position += count
        Log.objects.update(head=self.position)

    def stand(self, count: int) -> None:
        now, groups = clock.now(), '["everyone"]'
        Conflict.objects.all().delete()
        OptimizationRun.objects.all().delete()
        Conflict.objects.bulk_create(
            times(
                count,
                lambda n: Conflict(
                    conflict_id=f"c{n}", groups=groups, status="open", opened_at=now
                ),
            ),
            batch_size=BATCH,
        )
        OptimizationRun.objects.bulk_create(
            times(
                count,
                lambda n: OptimizationRun(
                    optimization_id=f"r{n}",
                    groups=groups,
                    status="running",
                    progress_percentage=0,
                    started_at=now,
                    updated_at=now,
                ),
            ),
            batch_size=BATCH,
        )

    def receive(self) -> None:
        """Everybody has the last message."""
        message, now = Message.objects.order_by("-position")[0], clock.now()
        Receipt.objects.bulk_create(
            [Receipt(message=message, user=user, delivered_at=now) for user in self.users]
        )

    def calls(self) -> dict[str, tuple[str, str, Any]]:
        last = self.position
        socket = Connection.objects.filter(node=self.node).values_list("pk", flat=True)[0]
        note = {"type": "system_notification", "data": {"title": "t", "message": "m"}}
        return {
            "connections": ("GET", "connections", None),
            "of a user": ("GET", f"connections?user={self.users[0].pk}", None),
            "of a role": ("GET", "connections?role=role 3", None),
            "of no role": ("GET", "connections?role=nobody", None),
            "of a node": ("GET", "connections?node=host:7", None),
            "of a page": ("GET", "connections?current_page=/page/3", None),
            "one user's": ("GET", f"connections/user/{self.users[0].pk}", None),
            "users": ("GET", "users/active", None),
            "conflicts": ("GET", "conflicts", None),
            "in a room": ("GET", "conflicts?room=7&date=2026-01-15", None),
            "runs": ("GET", "optimizations", None),
            "messages": ("GET", "messages", None),
            "one message": ("GET", "messages?limit=1", None),
            "500 messages": ("GET", "messages?limit=500", None),
            "of a type": ("GET", "messages?type=emergency_alert", None),
            "of no type": ("GET", "messages?type=nonsense&limit=500", None),
            "the newest": ("GET", f"messages?after={last - 5}", None),
            "nothing new": ("GET", f"messages?after={last}", None),
            "receipts": ("GET", f"messages/{last}/receipts", None),
            "ack": ("POST", f"messages/{last}/ack", None),
            "ticket": ("POST", "ticket", None),
            "broadcast": ("POST", "broadcast", note),
            "to 500 users": (
                "POST",
                "broadcast",
                note | {"users": [user.pk for user in self.users]},
            ),
            "cancel": ("POST", "optimizations/r3/cancel", None),
            "disconnect": ("DELETE", f"connections/{socket}", None),
        }

    def statements(self) -> dict[str, tuple[int, float]]:
        """By call, the statements it took and the milliseconds."""
        found = {}
        for name, (method, path, body) in self.calls().items():
            cache.clear()
            with CaptureQueriesContext(connection) as queries:
                begun = time.perf_counter()
                answer = ask(method, path, who=self.boss, body=body)
                spent = time.perf_counter() - begun
            assert answer.status_code < 300, (name, answer.content)
            assert spent < LOOSE, name
            found[name] = (len(queries), spent * 1000)
        return found


@pytest.fixture
def crowd() -> Crowd:
    boss = person("boss")
    User.objects.filter(pk=boss.pk).update(is_superuser=True)
    return Crowd(boss)


def test_no_call_costs_more_statements_for_more_rows(
    crowd: Crowd, capsys: pytest.CaptureFixture[str]
) -> None:
    crowd.connect(10)
    crowd.tell(10)
    crowd.stand(10)
    few = crowd.statements()
    crowd.connect(10_000)
    crowd.tell(100_000)
    crowd.stand(10_000)
    crowd.receive()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")

    many = crowd.statements()

    with capsys.disabled():
        for name, (count, spent) in many.items():
            print(f"\n{name:>14}: {count:2} statements, {spent:6.1f} ms", end="")  # noqa: T201
    assert {name: count for name, (count, _) in many.items()} == {
        name: count for name, (count, _) in few.items()
    }
