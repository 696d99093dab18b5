"""The statistics: what nodes report and tables say, added up, whatever stands in them."""

import datetime as dt
import logging

import pytest
from django.utils import timezone

from scheduler_realtime import statistics
from scheduler_realtime.api.figures import StatisticsSerializer
from scheduler_realtime.counters import KINDS
from scheduler_realtime.models import Presence, Receipt
from scheduler_realtime.reports import Report
from tests.harness.figures import BUSY, here, message, node, sample, sockets

pytestmark = pytest.mark.django_db

NOTHING = dict.fromkeys(("p50", "p95", "p99"))


def test_nothing_at_all_has_every_key_and_only_zeros() -> None:
    found = statistics.totals()

    assert found.pop("taken_at").endswith("Z")
    assert found == {
        "connections": 0,
        "peak_connections": 0,
        "refused": 0,
        "refused_by_code": {},
        "users": 0,
        "by_role": {},
        "by_node": {},
        "messages": {kind: {} for kind in KINDS},
        "rates": dict.fromkeys(KINDS, 0),
        "latency_ms": NOTHING,
        "pending_acknowledgements": 0,
        "relay_lag_seconds": 0,
        "hub_lag_seconds": 0,
        "uptime_seconds": 0,
        "versions": {},
    }


def test_the_answer_over_rest_leaves_nothing_out() -> None:
    elsewhere = node(report=BUSY)
    sample(elsewhere, ago=5)
    found = statistics.totals() | {"history": statistics.history()}

    assert StatisticsSerializer(found).data == found
    assert found["history"]
    assert found["by_node"]


def test_what_the_nodes_report_is_added_up_and_told_for_each() -> None:
    one = node(report=BUSY, age=100)
    two = node(
        report=BUSY.model_copy(update={"versions": {"django": "6.1"}, "hub_lag_seconds": 2.0}),
        hostname="two",
        age=50,
    )

    found = statistics.totals()

    assert found["messages"]["delivered"] == {"schedule_update": 200}
    assert (found["refused"], found["refused_by_code"]) == (4, {"4401": 4})
    assert found["rates"] == dict.fromkeys(KINDS, 0) | {"published": 0.2, "delivered": 4}
    assert 3 < found["latency_ms"]["p50"] < 4.1
    assert found["hub_lag_seconds"] == 2
    assert found["uptime_seconds"] == pytest.approx(100, abs=2)
    assert found["versions"] == {"django": ["5.2.19", "6.1"]}
    assert set(found["by_node"]) == {str(one.pk), str(two.pk)}
    assert found["by_node"][str(two.pk)] == {
        "name": "two:1",
        "connections": 0,
        "users": 0,
        "peak_connections": 9,
        "refused": 2,
        "refused_by_code": {"4401": 2},
        "messages": {kind: {} for kind in KINDS} | BUSY.messages,
        "rates": dict.fromkeys(KINDS, 0) | {"published": 0.1, "delivered": 2},
        "latency_ms": found["latency_ms"],
        "hub_lag_seconds": 2,
        "uptime_seconds": pytest.approx(50, abs=2),
        "versions": {"django": "6.1"},
    }


def test_a_node_whose_lease_has_passed_counts_for_nothing() -> None:
    dead = node(lease=-1, report=BUSY)
    sockets(dead, 1, 2)

    found = statistics.totals()

    assert (found["connections"], found["by_node"]) == (0, {})
    assert found["messages"]["delivered"] == {}


def test_sockets_and_users_are_those_in_the_tables() -> None:
    one, two = node(report=Report(connections=77, users=77)), node(hostname="two")
    sockets(one, 1, 1, 2)
    sockets(two, 2, 3)
    sockets(node(lease=-1, hostname="dead"), 3, 5)
    here(5, "nurse")
    here(1, "nurse")
    here(2, "nurse", "admin")
    here(3)
    here(4, "nurse", left=True)

    found = statistics.totals()

    assert (found["connections"], found["users"]) == (5, 3)
    assert found["by_role"] == {"admin": 1, "nurse": 2}
    told = {
        each["name"]: (each["connections"], each["users"]) for each in found["by_node"].values()
    }
    assert told == {"one:1": (3, 2), "two:1": (2, 2)}


@pytest.mark.parametrize(
    "text",
    ["", "not JSON", "[]", '{"messages": {"delivered": {"a": -1}}}', '{"window": "x"}', '{"x": 1}',
     '{"latency_minute": {"99": 1}}', '{"hub_lag_seconds": NaN}', "null"],
)  # fmt: skip
def test_a_report_that_cannot_be_read_counts_as_nothing(text: str) -> None:
    node(report=BUSY)
    broken = node(report=text, hostname="two")

    found = statistics.totals()

    assert found["messages"]["delivered"] == {"schedule_update": 100}
    assert found["by_node"][str(broken.pk)]["latency_ms"] == NOTHING


def test_a_report_that_cannot_be_read_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    node(report="not JSON")

    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            statistics.totals()

    assert caplog.text.count("cannot be read") == 1


def test_a_role_list_that_cannot_be_read_breaks_nothing() -> None:
    sockets(node(), 1, 2)
    here(1, "nurse")
    here(2)
    Presence.objects.filter(user_id=2).update(roles="{not a list")

    assert statistics.totals()["by_role"] == {"nurse": 1}


def test_the_peak_is_the_most_that_all_had_together() -> None:
    one, two = node(), node()
    sample(one, ago=60, connections=5)
    sample(two, ago=60, connections=4)
    sample(one, ago=30, connections=7)
    sample(one, ago=1300, connections=50)
    sockets(one, 1)

    assert statistics.totals()["peak_connections"] == 9


def test_the_oldest_message_without_a_position_is_the_relays_lag() -> None:
    message(position=1, age=500)
    message(age=30)
    message(age=5)

    assert statistics.totals()["relay_lag_seconds"] == pytest.approx(30, abs=2)


def test_only_what_may_still_be_acknowledged_is_pending() -> None:
    now = timezone.now()
    later, before = now + dt.timedelta(hours=1), now - dt.timedelta(hours=1)
    awaited = message(position=1, ack_required=True)
    timed = message(position=2, ack_required=True, expires_at=later)
    expired = message(position=3, ack_required=True, expires_at=before)
    plain = message(position=4)
    for each in (awaited, timed, expired, plain):
        Receipt.objects.create(message=each, user_id=1, delivered_at=now)
    Receipt.objects.create(message=awaited, user_id=2, delivered_at=now, acknowledged_at=now)

    assert statistics.totals()["pending_acknowledgements"] == 2
