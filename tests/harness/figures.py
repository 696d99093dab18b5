"""Rows that the statistics are made of: nodes, sockets, users, messages and samples."""

import datetime as dt
import json
import uuid
from typing import Any

from django.utils import timezone

from scheduler_realtime import statistics
from scheduler_realtime.models import Connection, Message, Node, Presence
from scheduler_realtime.reports import Report, SampleText

BUSY = Report(
    messages={"published": {"schedule_update": 5}, "delivered": {"schedule_update": 100}},
    refused={"4401": 2},
    window=60,
    minute={"published": 6, "delivered": 120},
    latency_minute={7: 100},
    peak_connections=9,
    hub_lag_seconds=0.5,
    versions={"django": "5.2.19"},
)


def node(*, lease: float = 20, age: float = 100, report: Report | str = "{}", **facts: Any) -> Node:
    """A node whose lease ends in so many seconds."""
    now = timezone.now()
    return Node.objects.create(
        hostname=facts.pop("hostname", "one"),
        pid=facts.pop("pid", 1),
        started_at=now - dt.timedelta(seconds=age),
        lease_until=now + dt.timedelta(seconds=lease),
        report=report if isinstance(report, str) else report.model_dump_json(),
    )


def sockets(where: Node, *user_ids: int) -> None:
    now = timezone.now()
    Connection.objects.bulk_create(
        Connection(node=where, user_id=user, username="u", connected_at=now, last_seen_at=now)
        for user in user_ids
    )


def here(user_id: int, *roles: str, left: bool = False) -> None:
    now = timezone.now()
    Presence.objects.create(
        user_id=user_id,
        username="u",
        roles=json.dumps(roles),
        connection_id=uuid.uuid4(),
        joined_at=now,
        left_at=now if left else None,
    )


def message(*, position: int | None = None, age: float = 0, **facts: Any) -> Message:
    return Message.objects.create(
        tx="1",
        type="system_notification",
        body="{}",
        groups="[]",
        position=position,
        created_at=timezone.now() - dt.timedelta(seconds=age),
        **facts,
    )


def sample(where: Node, *, ago: float, **facts: Any) -> None:
    # To the second, as nodes take them at the same moment.
    taken_at = timezone.now().replace(microsecond=0) - dt.timedelta(seconds=ago)
    statistics.keep(where.pk, taken_at, SampleText(**{"seconds": 5, **facts}))
