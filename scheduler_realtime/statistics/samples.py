"""Samples: what each node did in the last minutes, five seconds by five seconds."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Any, Final

from django.conf import settings
from django.db import connections
from django.utils import timezone

from scheduler_realtime import clock, log, reports
from scheduler_realtime.models import Presence, Sample
from scheduler_realtime.reports import SampleText
from scheduler_realtime.wire import utc_text

from .telling import latency_ms, rate

KEPT: Final = dt.timedelta(minutes=20)
"""How long samples are kept: the charts show the last quarter of an hour."""

_KEEP: Final = """
INSERT INTO {samples} (node_id, taken_at, body)
SELECT %s, %s, CAST(%s AS text) || ',"users":' || CAST(COUNT(*) AS text) || ',"by_role":' ||
    CASE WHEN EXISTS (SELECT 1 FROM {samples} WHERE taken_at = %s AND node_id <> %s) THEN 'null'
    ELSE COALESCE((SELECT {as_object} FROM (
        SELECT each.value AS role, SUM(number) AS number FROM (
            SELECT roles, COUNT(*) AS number FROM {presences} WHERE left_at IS NULL GROUP BY roles
        ) AS here, {each_role} AS each GROUP BY each.value
    ) AS counted), '{{}}') END || '}}'
FROM {presences} WHERE left_at IS NULL
"""
"""Who is here only the table knows, and the text has a place for them at its end."""

_JSON: Final = {
    "postgresql": {
        "as_object": "CAST(json_object_agg(role, number) AS text)",
        "each_role": "json_array_elements_text(CAST(here.roles AS json))",
    },
    "sqlite": {
        "as_object": "json_group_object(role, number)",
        "each_role": "json_each(here.roles)",
    },
}
"""By vendor, how a list in JSON is taken apart, and an object made."""


def keep(node_id: uuid.UUID, taken_at: dt.datetime, sample: SampleText) -> None:
    """Write a sample down, with the users who are here: one statement.

    By role they are counted by the first node of a moment alone, since all would tell the same.
    """
    connection = connections[log.database()]
    moment: Any = Sample._meta.get_field("taken_at")
    node: Any = Sample._meta.get_field("node_id")
    if not settings.USE_TZ:
        taken_at = timezone.make_naive(taken_at)
    when = moment.get_db_prep_save(taken_at, connection)
    whose = node.get_db_prep_save(node_id, connection)
    start = sample.model_dump_json(exclude={"users", "by_role"})[:-1]
    quote = connection.ops.quote_name
    tables = {"samples": quote(Sample._meta.db_table), "presences": quote(Presence._meta.db_table)}
    with connection.cursor() as cursor:
        cursor.execute(
            _KEEP.format(**tables, **_JSON[connection.vendor]),
            [whose, when, start, when, whose],
        )


def sweep() -> int:
    """Delete the samples that no chart shows any more. Returns how many. Blocks as `figures`."""
    old = Sample.objects.using(log.database()).filter(taken_at__lt=clock.now() - KEPT)
    return old.delete()[0]


def history(minutes: float = 15) -> list[dict[str, Any]]:
    """One point for every five seconds or so, in time order, over all nodes. Blocks as `figures`."""
    log.state()
    since = clock.now() - dt.timedelta(minutes=minutes)
    return [_point(taken_at, samples) for taken_at, samples in _samples(since).items()]


def peak() -> int:
    """The most sockets that all nodes had together at a moment that is still kept."""
    moments = _samples(clock.now() - KEPT).values()
    return max((sum(each.connections for each in samples) for samples in moments), default=0)


def _samples(since: dt.datetime) -> dict[dt.datetime, list[SampleText]]:
    """By the moment, in order, one of each node: the last, where it took two."""
    rows = (
        Sample.objects.using(log.database()).filter(taken_at__gte=since).order_by("taken_at", "pk")
    )
    found: dict[dt.datetime, dict[uuid.UUID, SampleText]] = {}
    for taken_at, node, text in rows.values_list("taken_at", "node_id", "body"):
        sample = reports.read(SampleText, text, whose=f"a sample of node {node}")
        found.setdefault(taken_at, {})[node] = sample
    return {taken_at: list(by_node.values()) for taken_at, by_node in found.items()}


def _point(taken_at: dt.datetime, samples: Sequence[SampleText]) -> dict[str, Any]:
    return {
        "taken_at": utc_text(taken_at),
        "connections": sum(each.connections for each in samples),
        "users": max(each.users for each in samples),
        "by_role": next((each.by_role for each in samples if each.by_role is not None), None),
        "published_per_second": round(
            sum(rate(each.published, each.seconds) for each in samples), 3
        ),
        "delivered_per_second": round(
            sum(rate(each.delivered, each.seconds) for each in samples), 3
        ),
        **latency_ms([each.latency for each in samples]),
        "relay_lag_seconds": max(each.relay_lag_seconds for each in samples),
        "hub_lag_seconds": max(each.hub_lag_seconds for each in samples),
    }
