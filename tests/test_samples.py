"""Samples: how it was, moment by moment, and that what is old goes."""

import datetime as dt
import json
import uuid
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from scheduler_realtime import statistics
from scheduler_realtime.models import Sample
from scheduler_realtime.reports import SampleText
from tests.harness.figures import here, node, sample

pytestmark = pytest.mark.django_db


def test_the_history_has_a_point_for_each_moment_over_all_nodes() -> None:
    one, two = node(), node()
    here(1)
    sample(one, ago=10, connections=2, published=10, delivered=50, latency={7: 99, 20: 1})
    here(2)
    sample(two, ago=10, connections=3, published=5, hub_lag_seconds=1.5)
    sample(one, ago=5, connections=1, relay_lag_seconds=2.5)
    sample(one, ago=400, connections=9)

    first, second = statistics.history(5)

    assert first["taken_at"] < second["taken_at"]
    assert (first["connections"], first["users"]) == (5, 2)
    assert (first["published_per_second"], first["delivered_per_second"]) == (3, 10)
    assert 3 < first["p50"] < 4.1
    assert (first["hub_lag_seconds"], second["relay_lag_seconds"]) == (1.5, 2.5)
    assert set(second) == {
        *(
            "taken_at",
            "connections",
            "users",
            "by_role",
            "published_per_second",
            "delivered_per_second",
        ),
        *("p50", "p95", "p99", "relay_lag_seconds", "hub_lag_seconds"),
    }
    assert second["p50"] is second["p99"] is None


def test_a_moment_has_the_users_of_each_role_on_all_nodes() -> None:
    one, two = node(), node()
    here(1, "nurse", 'on "call"')
    here(2, "nurse")
    here(3, "nurse", "porter", left=True)
    sample(one, ago=10)
    sample(two, ago=10)
    here(4, "surgeon")
    sample(two, ago=5)

    first, second = statistics.history(5)

    assert first["by_role"] == {"nurse": 2, 'on "call"': 1}
    assert second["by_role"] == {"nurse": 2, 'on "call"': 1, "surgeon": 1}


def test_the_users_by_role_are_counted_once_a_moment() -> None:
    one, two = node(), node()
    here(1, "nurse")
    for where in (one, two):
        sample(where, ago=10)

    told = [json.loads(body)["by_role"] for body in Sample.objects.values_list("body", flat=True)]

    assert sorted(told, key=str) == [None, {"nurse": 1}]


def test_where_nobody_is_no_role_has_users_and_an_older_sample_does_not_say() -> None:
    where = node()
    sample(where, ago=10)
    sample(where, ago=5)
    Sample.objects.filter(pk=Sample.objects.latest("pk").pk).update(body='{"users": 3}')

    assert [each["by_role"] for each in statistics.history()] == [{}, None]


def test_a_sample_that_was_written_twice_counts_once() -> None:
    where = node()
    here(1, "nurse")
    for _ in range(2):
        sample(where, ago=10, connections=2)

    (point,) = statistics.history()

    assert (point["connections"], point["by_role"]) == (2, {"nurse": 1})


def test_a_sample_that_cannot_be_read_is_a_point_of_zeros() -> None:
    where = node()
    sample(where, ago=10, connections=2)
    Sample.objects.update(body="broken")

    assert [each["connections"] for each in statistics.history()] == [0]


def test_keeping_a_sample_is_one_statement() -> None:
    where = node()

    with CaptureQueriesContext(connection) as asked:
        sample(where, ago=0)

    assert len(asked) == 1


def test_a_host_without_time_zones_has_samples_too(settings: Any) -> None:
    settings.USE_TZ = False
    taken_at = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=5)

    statistics.keep(uuid.uuid4(), taken_at, SampleText(connections=3))

    assert [each["connections"] for each in statistics.history(1)] == [3]


def test_old_samples_are_swept_by_one_statement() -> None:
    where = node()
    for ago in (1300, 1250, 1100, 0):
        sample(where, ago=ago)

    with CaptureQueriesContext(connection) as asked:
        assert statistics.sweep() == 2

    assert len(asked) == 1
    assert Sample.objects.count() == 2
