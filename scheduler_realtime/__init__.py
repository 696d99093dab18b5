"""The front door: what a host may import, resolved when first asked for.

So that a host's `models.py` may import from here before `django.setup()` is through.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .actor import acting_as
    from .audience import Audience
    from .binding import ScheduleBinding
    from .broadcasts import (
        abroadcast_conflict_notification,
        abroadcast_emergency_alert,
        abroadcast_optimization_progress,
        abroadcast_resync,
        abroadcast_schedule_update,
        asend_system_notification,
        broadcast_conflict_notification,
        broadcast_emergency_alert,
        broadcast_optimization_progress,
        broadcast_resync,
        broadcast_schedule_update,
        send_system_notification,
    )
    from .conflicts import Clash, conflict_rule
    from .exceptions import (
        InvalidAudience,
        InvalidBinding,
        InvalidMessage,
        InvalidMessageType,
        OptimizationCancelled,
        OptimizationEnded,
        OptimizationFailed,
        OptimizationNotBegun,
        OptimizationRunning,
        RealtimeError,
        TokenRejected,
    )
    from .message_types import register_message
    from .messages import Payload
    from .progress import (
        cp_sat_solve,
        optuna_callback,
        progress_callback,
        scipy_callback,
        scipy_step_callback,
        track_optimization,
    )
    from .publishing import apublish, publish
    from .querysets import RealtimeManager, RealtimeQuerySet, capture
    from .registry import register

__version__ = "0.1.0"

_HOMES = {
    "acting_as": "actor",
    "Audience": "audience",
    "abroadcast_conflict_notification": "broadcasts",
    "abroadcast_emergency_alert": "broadcasts",
    "abroadcast_optimization_progress": "broadcasts",
    "abroadcast_resync": "broadcasts",
    "abroadcast_schedule_update": "broadcasts",
    "asend_system_notification": "broadcasts",
    "broadcast_conflict_notification": "broadcasts",
    "broadcast_emergency_alert": "broadcasts",
    "broadcast_optimization_progress": "broadcasts",
    "broadcast_resync": "broadcasts",
    "broadcast_schedule_update": "broadcasts",
    "send_system_notification": "broadcasts",
    "InvalidAudience": "exceptions",
    "InvalidBinding": "exceptions",
    "InvalidMessage": "exceptions",
    "InvalidMessageType": "exceptions",
    "OptimizationCancelled": "exceptions",
    "OptimizationEnded": "exceptions",
    "OptimizationFailed": "exceptions",
    "OptimizationNotBegun": "exceptions",
    "OptimizationRunning": "exceptions",
    "RealtimeError": "exceptions",
    "TokenRejected": "exceptions",
    "register_message": "message_types",
    "Payload": "messages",
    "cp_sat_solve": "progress",
    "optuna_callback": "progress",
    "progress_callback": "progress",
    "scipy_callback": "progress",
    "scipy_step_callback": "progress",
    "track_optimization": "progress",
    "apublish": "publishing",
    "publish": "publishing",
    "RealtimeManager": "querysets",
    "RealtimeQuerySet": "querysets",
    "capture": "querysets",
    "ScheduleBinding": "binding",
    "register": "registry",
    "Clash": "conflicts",
    "conflict_rule": "conflicts",
}

__all__ = [
    "Audience",
    "Clash",
    "InvalidAudience",
    "InvalidBinding",
    "InvalidMessage",
    "InvalidMessageType",
    "OptimizationCancelled",
    "OptimizationEnded",
    "OptimizationFailed",
    "OptimizationNotBegun",
    "OptimizationRunning",
    "Payload",
    "RealtimeError",
    "RealtimeManager",
    "RealtimeQuerySet",
    "ScheduleBinding",
    "TokenRejected",
    "abroadcast_conflict_notification",
    "abroadcast_emergency_alert",
    "abroadcast_optimization_progress",
    "abroadcast_resync",
    "abroadcast_schedule_update",
    "acting_as",
    "apublish",
    "asend_system_notification",
    "broadcast_conflict_notification",
    "broadcast_emergency_alert",
    "broadcast_optimization_progress",
    "broadcast_resync",
    "broadcast_schedule_update",
    "capture",
    "conflict_rule",
    "cp_sat_solve",
    "optuna_callback",
    "progress_callback",
    "publish",
    "register",
    "register_message",
    "scipy_callback",
    "scipy_step_callback",
    "send_system_notification",
    "track_optimization",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
