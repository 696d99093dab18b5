"""The named verbs: one for each message a program sends, and an `a` twin for async code.

Each takes beside its own arguments those of `publish`: `users=` and `roles=` to aim (everyone by
default), `user_id=` for who caused it, `expires_at=`, `ack_required=`. Each returns the stored
message, or None for an ephemeral one, raises `InvalidMessage` before anything is stored, and may
be called inside a transaction: it goes out on commit, and not at all on rollback.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypedDict, Unpack

from django.utils import timezone

from . import log, registry
from .discretion import discreet
from .exceptions import InvalidMessage
from .messages import (
    ConflictNotification,
    EmergencyAlert,
    OptimizationProgress,
    ScheduleUpdate,
    SystemNotification,
)
from .models import Message
from .publishing import publish, twin


class Aim(TypedDict, total=False):
    """What every verb takes."""

    users: Iterable[Any] | None
    roles: Iterable[str] | None
    user_id: Any
    ack_required: bool | None
    expires_at: dt.datetime | str | None


@discreet
def broadcast_schedule_update(
    *,
    action: str,
    surgery_id: Any = None,
    room_id: Any = None,
    schedule_date: dt.date | str | None = None,
    changes: Mapping[str, Any] | None = None,
    previous: Mapping[str, Any] | None = None,
    affected_surgeries: Iterable[Any] = (),
    model: str | None = None,
    **aim: Unpack[Aim],
) -> Message | None:
    """Say that a surgery was created, updated or deleted where no model's save says it.

    What the binding of `model` protects is protected here; without `model`, what any does.
    """
    data = {
        "action": action,
        "model": model,
        "surgery_id": surgery_id,
        "room_id": room_id,
        "schedule_date": _day(schedule_date),
        "changes": changes or {},
        "previous": previous or {},
        "affected_surgeries": _listed(affected_surgeries, "affected_surgeries"),
    }
    return publish(ScheduleUpdate.checked(data), protected=registry.protected_names(model), **aim)


@discreet
def broadcast_optimization_progress(
    *,
    optimization_id: Any,
    progress_percentage: float,
    current_iteration: int | None = None,
    total_iterations: int | None = None,
    current_score: float | None = None,
    best_score: float | None = None,
    time_elapsed: float | None = None,
    status: str = "running",
    metrics: Mapping[str, Any] | None = None,
    **aim: Unpack[Aim],
) -> Message | None:
    """Say how far an optimisation is. Only its first and its final state are kept in the log."""
    data = {
        "optimization_id": optimization_id,
        "progress_percentage": progress_percentage,
        "current_iteration": current_iteration,
        "total_iterations": total_iterations,
        "current_score": current_score,
        "best_score": best_score,
        "time_elapsed": time_elapsed,
        "status": status,
        "metrics": metrics or {},
    }
    return publish(OptimizationProgress.checked(data), **aim)


@discreet
def broadcast_conflict_notification(
    *,
    conflict_id: Any,
    conflict_type: str,
    severity: str,
    description: str,
    affected_surgeries: Iterable[Any] = (),
    suggested_actions: Sequence[Any] = (),
    status: str = "open",
    model: str | None = None,
    **aim: Unpack[Aim],
) -> Message | None:
    """Say that surgeries collide, or no longer do."""
    data = {
        "conflict_id": conflict_id,
        "model": model,
        "conflict_type": conflict_type,
        "severity": severity,
        "description": description,
        "affected_surgeries": _listed(affected_surgeries, "affected_surgeries"),
        "suggested_actions": _listed(suggested_actions, "suggested_actions"),
        "status": status,
    }
    return publish(ConflictNotification.checked(data), **aim)


@discreet
def broadcast_emergency_alert(
    *,
    emergency_id: Any,
    emergency_type: str,
    priority: str,
    description: str,
    surgery_id: Any = None,
    patient_name: str | None = None,
    surgery_type: str | None = None,
    **aim: Unpack[Aim],
) -> Message | None:
    """Raise an emergency: kept until acknowledged, ahead of everything else for a slow socket."""
    data = {
        "emergency_id": emergency_id,
        "emergency_type": emergency_type,
        "priority": priority,
        "description": description,
        "surgery_id": surgery_id,
        "patient_name": patient_name,
        "surgery_type": surgery_type,
    }
    return publish(EmergencyAlert.checked(data), **aim)


@discreet
def send_system_notification(
    *,
    title: str,
    message: str,
    severity: str = "info",
    action_items: Sequence[Mapping[str, str]] = (),
    notification_id: Any = None,
    **aim: Unpack[Aim],
) -> Message | None:
    """Tell people something, with links to act on: `action_items=[{"label": ..., "url": ...}]`."""
    data = {
        "title": title,
        "message": message,
        "severity": severity,
        "action_items": _listed(action_items, "action_items"),
    }
    if notification_id is not None:
        data["notification_id"] = notification_id
    return publish(SystemNotification.checked(data), **aim)


def broadcast_resync() -> None:
    """Have everyone read their data afresh: after writes that nothing here could see.

    Of migrations, of `TRUNCATE`, of another program in the same database. It takes no aim, and
    goes out on commit like the rest.
    """
    log.append([log.resync("unseen_writes")])


def _day(day: dt.date | str | None) -> dt.date | str | None:
    """A moment as its day in the project's `TIME_ZONE`."""
    if not isinstance(day, dt.datetime):
        return day
    zone = timezone.get_default_timezone()
    return timezone.localdate(day, zone) if timezone.is_aware(day) else day.date()


def _listed(values: Iterable[Any] | None, name: str) -> list[Any]:
    if values is None:
        return []
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
        raise InvalidMessage(
            f"data.{name}", f"must be a list, and a {type(values).__name__} is one value"
        )
    return list(values)


abroadcast_schedule_update = twin(broadcast_schedule_update)
abroadcast_optimization_progress = twin(broadcast_optimization_progress)
abroadcast_conflict_notification = twin(broadcast_conflict_notification)
abroadcast_emergency_alert = twin(broadcast_emergency_alert)
abroadcast_resync = twin(broadcast_resync)
asend_system_notification = twin(send_system_notification)
