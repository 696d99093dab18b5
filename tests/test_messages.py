"""Message types: the seed's own shapes, what each accepts, and what it refuses by name."""

import datetime as dt
import json
import math
from decimal import Decimal
from typing import Any

import pytest
from django.utils.translation import gettext_lazy
from hypothesis import given
from hypothesis import strategies as st

from scheduler_realtime.exceptions import InvalidMessage
from scheduler_realtime.messages import TYPES, envelope
from scheduler_realtime.wire import dumps, plain

# As they stand in the project's own description.
SEED: dict[str, dict[str, Any]] = {
    "schedule_update": {
        "action": "create",
        "surgery_id": 123,
        "room_id": 1,
        "schedule_date": "2024-01-15",
        "changes": {"start_time": "09:00"},
        "affected_surgeries": [124, 125],
    },
    "optimization_progress": {
        "optimization_id": "opt-123",
        "progress_percentage": 50.0,
        "current_iteration": 50,
        "total_iterations": 100,
        "current_score": 85.5,
        "best_score": 90.2,
        "time_elapsed": 30.0,
        "status": "running",
    },
    "conflict_notification": {
        "conflict_id": "conflict-123",
        "conflict_type": "room_overlap",
        "severity": "critical",
        "description": "Room scheduling conflict detected",
        "affected_surgeries": [123, 124],
        "suggested_actions": ["Reschedule one surgery"],
    },
    "user_presence": {
        "user_id": 1,
        "action": "join",
        "username": "john_doe",
        "role": "admin",
        "current_page": "/schedule",
        "connection_id": "conn-123",
    },
    "emergency_alert": {
        "emergency_id": "emergency-456",
        "emergency_type": "trauma",
        "priority": "immediate",
        "description": "Emergency trauma surgery required",
        "surgery_id": 789,
        "patient_name": "John Doe",
        "surgery_type": "Emergency Surgery",
    },
    "system_notification": {"title": "Upgrade", "message": "At noon"},
    "receipt_update": {"id": 3, "user_id": 1, "state": "acknowledged"},
    "statistics": {
        **dict.fromkeys(("connections", "peak_connections", "refused", "users"), 1),
        **{name: {} for name in ("refused_by_code", "by_role", "by_node", "messages")},
        **dict.fromkeys(("relay_lag_seconds", "hub_lag_seconds", "uptime_seconds"), 0.5),
        "taken_at": "2026-01-15T10:30:00.123Z",
        "rates": {"published": 0.05},
        "latency_ms": {"p50": 4.7, "p95": None, "p99": None},
        "pending_acknowledgements": 0,
        "versions": {"django": ["5.2.19"]},
    },
}

# What the protocol adds to them.
ADDED: dict[str, dict[str, Any]] = {
    "schedule_update": {"model": None, "previous": {}},
    "optimization_progress": {"metrics": {}, "reason": None},
    "conflict_notification": {"model": None, "status": "open"},
    "user_presence": {"active_schedule_date": None},
    "emergency_alert": {"ack_required": True, "escalation": 0},
    "system_notification": {
        "severity": "info",
        "action_items": [],
        "expires_at": None,
        "ack_required": False,
    },
    "receipt_update": {},
    "statistics": {},
}


def written(type_: str, **changes: Any) -> dict[str, Any]:
    """The data of a seed message with some keys changed, as a browser reads it."""
    payload = TYPES[type_].checked(SEED[type_] | changes)
    data: dict[str, Any] = json.loads(dumps(plain(payload.model_dump())))
    return data


def refused(type_: str, **changes: Any) -> InvalidMessage:
    with pytest.raises(InvalidMessage) as refusal:
        TYPES[type_].checked(SEED[type_] | changes)
    return refusal.value


def test_there_is_a_model_for_each_type_of_the_protocol() -> None:
    assert set(TYPES) == set(SEED)


@pytest.mark.parametrize("type_", SEED)
def test_the_seeds_shape_comes_out_with_the_protocols_keys_and_no_other(type_: str) -> None:
    data = written(type_)
    data.pop("notification_id", None)

    assert data == SEED[type_] | ADDED[type_]


def test_every_notification_has_an_id_of_its_own() -> None:
    one, two = (written("system_notification")["notification_id"] for _ in range(2))

    assert one != two


@pytest.mark.parametrize("type_", SEED)
def test_a_key_beyond_the_shape_is_kept(type_: str) -> None:
    assert written(type_, of_the_host={"a": 1})["of_the_host"] == {"a": 1}


@pytest.mark.parametrize(
    ("type_", "name"),
    [(type_, name) for type_ in SEED for name in TYPES[type_].model_fields]
    + [(type_, "of_the_host") for type_ in SEED],
)
@pytest.mark.parametrize(
    "poison", [math.nan, -math.inf, Decimal("NaN"), "a\x00b", "a\udc00"], ids=ascii
)
def test_no_field_takes_what_no_browser_or_database_does(
    type_: str, name: str, poison: Any
) -> None:
    refusal = refused(type_, **{name: {"deep": [poison]}})

    assert refusal.path == f"data.{name}.deep.0"


@pytest.mark.parametrize("score", ["nan", "inf", "-Infinity", "1e999"])
def test_a_score_given_as_text_is_no_way_to_infinity(score: str) -> None:
    assert refused("optimization_progress", current_score=score).path == "data.current_score"


def test_a_score_given_as_a_decimal_is_a_number() -> None:
    assert written("optimization_progress", best_score=Decimal("90.25"))["best_score"] == 90.25


@pytest.mark.parametrize(
    ("type_", "name", "value"),
    [
        ("schedule_update", "action", "move"),
        ("schedule_update", "surgery_id", 1.5),
        ("schedule_update", "changes", [1]),
        ("schedule_update", "schedule_date", "15.01.2026"),
        ("schedule_update", "schedule_date", "2026-02-30"),
        ("schedule_update", "schedule_date", "2026-01-15T10:00:00Z"),
        ("schedule_update", "schedule_date", "\u0662026-01-15"),
        ("optimization_progress", "progress_percentage", 100.1),
        ("optimization_progress", "progress_percentage", -1),
        ("optimization_progress", "current_iteration", -1),
        ("optimization_progress", "total_iterations", 2**53),
        ("emergency_alert", "escalation", 2**53),
        ("optimization_progress", "status", "lost"),
        ("conflict_notification", "severity", "fatal"),
        ("conflict_notification", "status", "ignored"),
        ("user_presence", "action", "sleep"),
        ("emergency_alert", "priority", "low"),
        ("emergency_alert", "description", None),
        ("system_notification", "severity", "debug"),
        ("system_notification", "title", ["a"]),
        ("receipt_update", "state", "lost"),
    ],
)
def test_a_value_that_the_protocol_does_not_know_is_refused_by_name(
    type_: str, name: str, value: Any
) -> None:
    assert refused(type_, **{name: value}).path == f"data.{name}"


def test_a_key_that_is_missing_is_named() -> None:
    with pytest.raises(InvalidMessage) as refusal:
        TYPES["emergency_alert"].checked({})

    assert refusal.value.path == "data.emergency_id"


def test_a_day_may_be_given_as_a_date() -> None:
    data = written("schedule_update", schedule_date=dt.date(2026, 1, 15))

    assert data["schedule_date"] == "2026-01-15"


def test_a_text_may_be_lazy_or_a_number() -> None:
    data = written("emergency_alert", emergency_id=456, description=gettext_lazy("Trauma"))

    assert (data["emergency_id"], data["description"]) == ("456", "Trauma")


@pytest.mark.parametrize(
    "url",
    [
        "/schedule/5",
        "schedule",
        "?room=5&at=10:30",
        "#top",
        "./surgeries/1:2",
        "https://hospital.example/schedule",
        "HTTP://hospital.example:8000/",
        "/räume",
    ],
)
def test_an_action_item_leads_within_this_site_or_by_http(url: str) -> None:
    items = [{"label": "Open", "url": url}]

    assert written("system_notification", action_items=items)["action_items"] == items


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        " javascript:alert(1)",
        "java\tscript:alert(1)",
        "java\nscript:alert(1)",
        "\x01javascript:alert(1)",
        "data:text/html,<script>",
        "vbscript:x",
        "mailto:a@b.example",
        "file:///etc/passwd",
        "blob:https://a.example/1",
        "//evil.example",
        "///evil.example",
        "////evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "https:\\\\evil.example",
        "http:evil.example",
        "https:///evil.example",
        "https://[::1",
        "/a b",
        "/a\x7fb",
        "/a\x85b",
        "/a\u2028b",
        "/a\u202eb",
        "",
    ],
    ids=ascii,
)
def test_an_action_item_that_leads_elsewhere_is_refused(url: str) -> None:
    refusal = refused("system_notification", action_items=[{"label": "Open", "url": url}])

    assert refusal.path == "data.action_items.0.url"


@given(rest=st.text("/\\:.@abjscript\t ", min_size=1, max_size=12))
def test_no_action_item_begins_with_what_a_browser_takes_for_a_host(rest: str) -> None:
    items = [{"label": "Open", "url": "/" + rest}]
    try:
        TYPES["system_notification"].checked(SEED["system_notification"] | {"action_items": items})
    except InvalidMessage:
        return

    assert rest[0] not in "/\\"


def test_an_action_item_has_a_label_and_a_url_alone() -> None:
    items = [{"label": "Open", "url": "/", "onclick": "x()"}]

    refusal = refused("system_notification", action_items=items)

    assert refusal.path == "data.action_items.0.onclick"


@pytest.mark.parametrize("type_", ["user_presence", "receipt_update"])
def test_a_message_of_the_moment_is_not_kept(type_: str) -> None:
    assert not TYPES[type_].durable


def test_an_envelope_names_only_what_there_is() -> None:
    frame = envelope("a", {}, timestamp=dt.datetime(2026, 1, 15, tzinfo=dt.UTC))

    assert frame == {"type": "a", "timestamp": "2026-01-15T00:00:00.000Z", "data": {}}


def test_an_envelope_of_a_kept_message_has_position_key_and_user() -> None:
    frame = envelope(
        "a",
        {"b": 1},
        timestamp=dt.datetime(2026, 1, 15, tzinfo=dt.UTC),
        position=812,
        key="k",
        user_id=1,
        early=True,
    )

    assert frame == {
        "id": 812,
        "type": "a",
        "timestamp": "2026-01-15T00:00:00.000Z",
        "key": "k",
        "user_id": 1,
        "early": True,
        "data": {"b": 1},
    }
