"""The statistics with ten thousand sockets: as many statements as with ten, and how long it takes."""

import datetime as dt
import json
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from scheduler_realtime import log, metrics, statistics
from scheduler_realtime.models import Message, Presence, Receipt, Sample
from scheduler_realtime.reports import SampleText
from tests.harness.figures import BUSY, node, sockets

pytestmark = [pytest.mark.django_db, pytest.mark.slow, pytest.mark.sqlite_only]

MANY_MESSAGES = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %s)
INSERT INTO scheduler_realtime_message (key, position, tx, type, ack_required, created_at, body,
    groups, left_groups, protected, scope)
SELECT printf('%%032x', i), i, '1', 'schedule_update', i %% 10 = 0, %s, '{}',
    '[]', '[]', '[]', '{}' FROM n
"""


def fill(connections: int, messages: int) -> None:
    """That many sockets of as many users, messages with receipts, and samples of 20 minutes."""
    nodes = [node(hostname=f"host {number}", lease=600, report=BUSY) for number in range(4)]
    users = User.objects.bulk_create(User(username=f"u{n}") for n in range(connections))
    for number, each in enumerate(nodes):
        sockets(each, *[user.pk for user in users[number :: len(nodes)]])
    now = timezone.now()
    Presence.objects.bulk_create(
        Presence(
            user=user,
            username="u",
            roles=json.dumps(["nurse", f"ward {user.pk % 20}"]),
            connection_id=uuid.uuid4(),
            joined_at=now,
        )
        for user in users
    )
    with connection.cursor() as cursor:
        cursor.execute(MANY_MESSAGES, [messages, now.replace(tzinfo=None)])
    awaited = Message.objects.filter(ack_required=True).values_list("pk", flat=True)
    Receipt.objects.bulk_create(
        (Receipt(message_id=pk, user_id=users[0].pk, delivered_at=now) for pk in awaited),
        batch_size=5000,
    )
    Sample.objects.bulk_create(
        Sample(
            node_id=each.pk,
            taken_at=now - dt.timedelta(seconds=5 * n),
            body=SampleText(seconds=5, connections=n, latency={7: 3, 8: 2}).model_dump_json(),
        )
        for each in nodes
        for n in range(240)
    )


def asked_by(call: Callable[[], Any]) -> int:
    with CaptureQueriesContext(connection) as asked:
        call()
    return len(asked)


def test_ten_thousand_sockets_cost_as_many_statements_as_ten(
    capsys: pytest.CaptureFixture[str],
) -> None:
    calls = {
        "statistics": statistics.totals,
        "statistics with history": lambda: (statistics.totals(), statistics.history()),
        "metrics": metrics.text,
    }
    node()
    log.state()  # makes the log
    few = {name: asked_by(call) for name, call in calls.items()}
    fill(10_000, 100_000)

    for name, call in calls.items():
        begun = time.perf_counter()
        call()
        took = (time.perf_counter() - begun) * 1000
        count = asked_by(call)
        with capsys.disabled():
            print(f"\n{name}: {count} statements, {took:.0f} ms", end="")  # noqa: T201
        assert count == few[name]
        assert took < 2000
