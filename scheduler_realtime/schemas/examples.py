"""One example of each frame: the seed's own messages, as a server completes and sends them."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

from scheduler_realtime import messages

Example = dict[str, Any]

_SEEDS_MOMENT: Final = dt.datetime(2024, 1, 15, 10, 30, tzinfo=dt.UTC)
_MOMENT: Final = "2026-01-15T10:30:00.123Z"
_KEY: Final = "0b9d7f7e-2c51-4a43-9f0c-6e3a1f6f6c11"
_EPOCH: Final = "5f0f6f2e-4b0e-4d0c-8c33-0d3a52f0a9d4"
_CONNECTION: Final = "9b1c8a52-98a9-4c31-8f0a-9c3e5f3b2a10"

SEED: Final[dict[str, Example]] = {
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
}
"""The data of the seed's messages, word for word."""

CAUSED_BY_NOBODY: Final = {"conflict_notification", "user_presence"}
"""Those of the seed's that have no `user_id`."""

_COUNTED: Final[Example] = {
    "connections": 1200,
    "users": 500,
    "peak_connections": 1350,
    "refused": 2,
    "refused_by_code": {"4401": 2},
    "messages": {
        "published": {"schedule_update": 4210, "user_presence": 932},
        "delivered": {"schedule_update": 302112, "user_presence": 61240},
        "dropped": {},
        "replayed": {"schedule_update": 311},
        "received": {"heartbeat": 96000, "bad": 3},
    },
    "rates": {
        "published": 1.4,
        "delivered": 103.517,
        "dropped": 0.0,
        "replayed": 0.117,
        "received": 40.033,
    },
    "latency_ms": {"p50": 3.02, "p95": 9.7, "p99": 17.3},
    "hub_lag_seconds": 0.0,
    "uptime_seconds": 86400.25,
}

STATISTICS: Final[Example] = {
    **_COUNTED,
    "by_role": {"nurse": 310, "surgeon": 190},
    "by_node": {
        "5b0c7f0e-9c1d-4a64-8a7b-4f6f2b1d9e55": {
            "name": "web-1:4711",
            **_COUNTED,
            "versions": {"django": "5.2.8", "python": "3.13.1"},
        }
    },
    "pending_acknowledgements": 4,
    "relay_lag_seconds": 0.0,
    "versions": {"django": ["5.2.8"], "python": ["3.13.1"]},
}
"""The object of `GET statistics` where one process serves everybody, but for its moment."""

OURS: Final[dict[str, Example]] = {
    "system_notification": {
        "notification_id": "notification-7",
        "title": "Maintenance tonight",
        "message": "The schedule is read-only from 22:00.",
        "severity": "warning",
        "action_items": [{"label": "Show", "url": "/maintenance"}],
    },
    "receipt_update": {"id": 812, "user_id": 1, "state": "acknowledged"},
    "statistics": {"taken_at": _MOMENT, **STATISTICS},
}
"""The data of those that the seed does not show."""

CONTROL: Final[dict[str, Example]] = {
    "welcome": {
        "connection_id": _CONNECTION,
        "user_id": 1,
        "username": "john_doe",
        "roles": ["admin"],
        "groups": ["everyone", "role.admin", "user.1"],
        "heartbeat_interval": 30,
        "connection_timeout": 120,
        "epoch": _EPOCH,
        "position": 812,
        "recovered": True,
        "reason": None,
        "token_expires_at": "2026-01-15T11:00:00.000Z",
        "server_time": _MOMENT,
    },
    "caught_up": {"position": 812},
    "heartbeat_ack": {"server_time": _MOMENT, "position": 812},
    "ack_result": {"acknowledged": [811, 812], "unknown": []},
    "authenticated": {"token_expires_at": "2026-01-15T11:30:00.000Z"},
    "presence_state": {
        "users": [
            {
                "user_id": 1,
                "username": "john_doe",
                "role": "admin",
                "current_page": "/schedule",
                "active_schedule_date": "2026-01-15",
                "connection_id": _CONNECTION,
            }
        ]
    },
    "subscribed": {"types": ["schedule_update"], "rooms": [1]},
    "line": {"state": "stale", "since": _MOMENT, "position": 812},
    "resync": {"reason": "trimmed", "epoch": _EPOCH, "position": 812},
    "token_expiring": {"token_expires_at": "2026-01-15T11:00:00.000Z"},
    "canary": {"canary": _KEY},
    "error": {
        "code": "bad_data",
        "detail": "position: Input should be a valid integer",
        "fields": {"position": "Input should be a valid integer"},
    },
}

SAID: Final[dict[str, Example]] = {
    "heartbeat": {
        "current_page": "/schedule",
        "active_schedule_date": "2026-01-15",
        "position": 812,
    },
    "ack": {"ids": [811, 812]},
    "authenticate": {"token": "eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl"},
    "subscribe": {"types": ["schedule_update"], "rooms": [1]},
    "presence": {},
    "cancel_optimization": {"optimization_id": "opt-123"},
}


def heard(type_: str) -> Example | None:
    """A whole frame of that type as a client hears it; None for a host's own type."""
    if type_ in CONTROL:
        return {"type": type_, "timestamp": _MOMENT, "data": CONTROL[type_]}
    given = SEED.get(type_) or OURS.get(type_)
    if given is None:
        return None
    kind = messages.TYPES[type_]
    return messages.envelope(
        type_,
        kind.checked(given).model_dump(),
        timestamp=_SEEDS_MOMENT,
        position=812 if kind.durable else None,
        key=_KEY if kind.durable else None,
        user_id=None if type_ in CAUSED_BY_NOBODY else 1,
    )


def said(type_: str) -> Example:
    """A whole command as a client says it."""
    return {"type": type_, "data": SAID[type_], "ref": "r-1"}
