"""What stands now: conflicts and optimisation runs, kept beside the messages that tell of them."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection, Sequence
from typing import Any, Final, TypeVar

from django.db.models import Model, QuerySet

from . import clock, lists, log
from .audience import addressed
from .log import Draft
from .messages import (
    FINAL,
    WITHHELD,
    ConflictNotification,
    OptimizationProgress,
    Payload,
    must_have,
    protected_by_setting,
)
from .models import Conflict, OptimizationRun
from .paging import pages
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
    "needs",
    "subject",
    "status",
    "resolved_at",
)

_NOTHING: Final = {
    "affected_surgeries": lists.EMPTY,
    "suggested_actions": lists.EMPTY,
    "rooms": lists.EMPTY,
    "dates": lists.EMPTY,
    "metrics": "{}",
}
"""What stands in a JSON column whose content is withheld; in all others null does."""

FIGURES: Final = (
    "progress_percentage",
    "current_iteration",
    "total_iterations",
    "current_score",
    "best_score",
    "time_elapsed",
)
"""What of a run's row is a number of its payload, by the same name."""

_OF_A_RUN: Final = (
    "groups",
    "status",
    *FIGURES,
    "metrics",
    "reason",
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
    """Those of these conflicts or runs that somebody in these groups was told of.

    Of conflicts that a `may_see` decides about, all: see `api.conflicts`.
    """
    found = rows.filter(lists.having_any("groups", addressed(groups)))
    if rows.model is not Conflict:
        return found
    # As many as there are bindings, at the most: asked, since one may be gone by now.
    needed = set(found.order_by().values_list("needs", flat=True).distinct())
    held = [text for text in needed if set(json.loads(text)) <= set(groups)]
    return found.filter(needs__in=held)


def withheld(kind: type[Model], *, is_cleared: bool) -> frozenset[str]:
    """What of such a row a reader may not see, as the settings say."""
    told = ConflictNotification if kind is Conflict else OptimizationProgress
    return frozenset() if is_cleared else protected_by_setting(told.type)


def redacted(row: M, *, is_cleared: bool) -> M:
    """The same row without what its reader may not see: to be shown, and not to be saved."""
    kind = type(row)
    type_, columns = (
        (ConflictNotification.type, _OF_A_CONFLICT)
        if kind is Conflict
        else (OptimizationProgress.type, _OF_A_RUN)
    )
    for name in withheld(kind, is_cleared=is_cleared) & set(columns):
        setattr(row, name, WITHHELD if must_have(type_, name) else _NOTHING.get(name))
    return row


def groups_of(run: OptimizationRun) -> list[str]:
    """Who may know of a run."""
    return list(json.loads(run.groups))


def metrics_of(run: OptimizationRun) -> dict[str, Any]:
    """What its engine told beside the figures."""
    return dict(json.loads(run.metrics))


def take_down_conflicts(told: Sequence[tuple[ConflictNotification, Draft]]) -> None:
    """Have the table say what these messages say, each of another conflict, in two statements."""
    now = clock.now()
    rows = [_conflict(payload, draft, now) for payload, draft in told]
    # One that comes back is a new one, to whoever sorts by age.
    again = [row.conflict_id for row in rows if row.status != "resolved"]
    for page in pages(again, _BATCH):
        settled = conflicts().filter(conflict_id__in=page, status="resolved")
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
        needs=dumps(sorted(draft.needs)),
        subject=""
        if payload.status == "resolved"
        else draft.subject,  # nobody will be asked about it
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
            update_fields=[*_OF_A_RUN, "lease_until"],
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
