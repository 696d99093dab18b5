"""What stands now: conflicts and optimisation runs, kept beside the messages that tell of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from typing import Any, Final, TypeVar

from django.db.models import Model, QuerySet

from . import clock, lists, log
from .log import Draft
from .messages import FINAL, ConflictNotification, OptimizationProgress, Payload
from .models import Conflict, OptimizationRun
from .wire import dumps

M = TypeVar("M", bound=Model)

_BATCH: Final = 50
"""Conflicts in one statement: within SQLite's 999 variables."""

_OF_A_CONFLICT: Final = (
    "model",
    "conflict_type",
    "severity",
    "description",
    "affected_surgeries",
    "suggested_actions",
    "rooms",
    "dates",
    "groups",
    "status",
    "resolved_at",
)

_OF_A_RUN: Final = (
    "groups",
    "status",
    "progress_percentage",
    "current_iteration",
    "total_iterations",
    "current_score",
    "best_score",
    "time_elapsed",
    "metrics",
    "updated_at",
)


def is_changed_by(payload: Payload) -> bool:
    """Whether a durable message of this kind is to be taken down beside the log."""
    return isinstance(payload, ConflictNotification | OptimizationProgress)


def take_down(payload: Payload, draft: Draft) -> None:
    """Have the tables say what the message says, in the transaction in progress.

    For durable messages: a tick of progress must cost no query, so of a run only its first and
    its final state are known here.
    """
    match payload:
        case ConflictNotification():
            take_down_conflicts([(payload, draft)])
        case OptimizationProgress():
            _take_down_run(payload, draft)
        case _:
            pass


def conflicts() -> QuerySet[Conflict]:
    """Every conflict that was told of."""
    return Conflict.objects.using(log.database())


def runs() -> QuerySet[OptimizationRun]:
    """Every optimisation run that was told of."""
    return OptimizationRun.objects.using(log.database())


def seen_by(groups: Collection[str], rows: QuerySet[M]) -> QuerySet[M]:
    """Those of these conflicts or runs that somebody in these groups was told of."""
    return rows.filter(lists.having_any("groups", groups))


def take_down_conflicts(told: Sequence[tuple[ConflictNotification, Draft]]) -> None:
    """Have the table say what these messages say, each of another conflict, in two statements."""
    now = clock.now()
    rows = [_conflict(payload, draft, now) for payload, draft in told]
    # One that comes back is a new one, to whoever sorts by age.
    again = [row.conflict_id for row in rows if row.status != "resolved"]
    for start in range(0, len(rows), _BATCH):
        settled = conflicts().filter(
            conflict_id__in=again[start : start + _BATCH], status="resolved"
        )
        settled.update(opened_at=now)
    conflicts().bulk_create(
        rows,
        batch_size=_BATCH,
        update_conflicts=True,
        unique_fields=["conflict_id"],
        update_fields=_OF_A_CONFLICT,
    )


def _conflict(payload: ConflictNotification, draft: Draft, now: dt.datetime) -> Conflict:
    return Conflict(
        conflict_id=payload.conflict_id,
        model=payload.model,
        conflict_type=payload.conflict_type,
        severity=payload.severity,
        description=payload.description,
        affected_surgeries=dumps(draft.data["affected_surgeries"]),
        suggested_actions=dumps(draft.data["suggested_actions"]),
        rooms=_texts(draft, "rooms"),
        dates=_texts(draft, "dates"),
        groups=dumps(sorted(draft.groups)),
        status=payload.status,
        opened_at=now,
        resolved_at=now if payload.status == "resolved" else None,
    )


def _texts(draft: Draft, name: str) -> str:
    """As texts, since those who ask for a room may write 7 or "7"."""
    return dumps([str(value) for value in draft.scope.get(name, ())])


def _take_down_run(payload: OptimizationProgress, draft: Draft) -> None:
    run = _run(payload, draft)
    if payload.is_final:
        runs().bulk_create(
            [run],
            update_conflicts=True,
            unique_fields=["optimization_id"],
            update_fields=_OF_A_RUN,
        )
        return
    # Two processes may tell of one run, and the first that the second hears of be late.
    going = runs().filter(optimization_id=run.optimization_id).exclude(status__in=FINAL)
    if not going.update(**{name: getattr(run, name) for name in _OF_A_RUN}):
        runs().bulk_create([run], ignore_conflicts=True)


def _run(payload: OptimizationProgress, draft: Draft) -> OptimizationRun:
    now = clock.now()
    figures: dict[str, Any] = {
        name: getattr(payload, name)
        for name in _OF_A_RUN
        if name not in {"groups", "metrics", "updated_at"}
    }
    return OptimizationRun(
        optimization_id=payload.optimization_id,
        actor=None if draft.actor is None else str(draft.actor),
        groups=dumps(sorted(draft.groups)),
        metrics=dumps(draft.data["metrics"]),
        started_at=now,
        updated_at=now,
        **figures,
    )
