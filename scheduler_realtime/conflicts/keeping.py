"""Keeping: what was found against what stands open, and the messages and rows of the difference."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from scheduler_realtime import conditions, log, standing
from scheduler_realtime.clean_text import cleaned
from scheduler_realtime.messages import ConflictNotification
from scheduler_realtime.models import Conflict, Involved
from scheduler_realtime.paging import pages
from scheduler_realtime.wire import dumps

from .bookings import KEYS
from .findings import Finding

Telling = tuple[ConflictNotification, log.Draft]


@dataclass(frozen=True, kw_only=True)
class Difference:
    """How many conflicts began and ended with a change, and how many stand as they stood."""

    opened: int = 0
    resolved: int = 0
    held: int = 0

    def __add__(self, other: Difference) -> Difference:
        return Difference(
            opened=self.opened + other.opened,
            resolved=self.resolved + other.resolved,
            held=self.held + other.held,
        )


def keep(
    label: str, kinds: Collection[str], keys: Sequence[Any], found: Sequence[Finding]
) -> Difference:
    """Open, resolve and bring up to date what involves these rows, in the transaction in progress.

    `found` is all of these kinds that involves any of them now. What holds already is not said
    again, but to those who only now may know of it. Where some may no more, it has ended for all
    who knew, and begins for those who may: one of them may be in an old and in a new group, and
    must not be left with the end. So it is where a `may_see` decides, at each change of the rows:
    nobody knows whose mind it changes.
    """
    standing_open = _open(label, kinds, keys)
    holding = {each.conflict_id: each for each in found}
    resolved = [row for name, row in standing_open.items() if name not in holding]
    fresh = [each for name, each in holding.items() if name not in standing_open and each.groups]
    held = [(row, holding[name]) for name, row in standing_open.items() if name in holding]
    told = [_resolution(row, frozenset(json.loads(row.groups))) for row in resolved]
    told += [_opening(label, each, each.groups or frozenset()) for each in fresh]
    if told:
        log.append([draft for _, draft in told])
        standing.take_down_conflicts(told)
    _forget(resolved)
    _involve(label, fresh)
    _bring_up_to_date(label, held)
    return Difference(opened=len(fresh), resolved=len(resolved), held=len(held))


def _open(label: str, kinds: Collection[str], keys: Sequence[Any]) -> dict[str, Conflict]:
    found: dict[str, Conflict] = {}
    for texts in pages(map(dumps, keys), KEYS):
        rows = standing.conflicts().filter(
            involved__label=label,
            involved__surgery__in=texts,
            conflict_type__in=list(kinds),
            status="open",
        )
        found |= {row.conflict_id: row for row in rows.order_by()}
    return found


def _bring_up_to_date(label: str, held: Iterable[tuple[Conflict, Finding]]) -> None:
    drafts, told = [], []
    for row, finding in held:
        if finding.groups is None:
            continue  # who may hear of it cannot be told now: it stands as it stood
        before, now = frozenset(json.loads(row.groups)), finding.groups
        payload, draft = _opening(label, finding, now)
        is_judged_anew = draft.subject != row.subject
        if before - now or is_judged_anew:
            drafts += [_resolution(row, before)[1], draft]
        elif now - before:
            drafts.append(_opening(label, finding, now - before)[1])
        if now != before or is_judged_anew or _has_changed(row, payload):
            told.append((payload, draft))
    if drafts:
        log.append(drafts)
    if told:
        standing.take_down_conflicts(told)


def _has_changed(row: Conflict, payload: ConflictNotification) -> bool:
    return (row.description, row.severity, row.suggested_actions) != (
        payload.description,
        payload.severity,
        dumps(payload.suggested_actions),
    )


def _opening(label: str, finding: Finding, groups: frozenset[str]) -> Telling:
    payload = ConflictNotification.checked(
        cleaned(
            {
                "conflict_id": finding.conflict_id,
                "model": label,
                "conflict_type": finding.kind,
                "severity": finding.severity,
                "description": finding.description,
                "affected_surgeries": list(finding.surgeries),
                "suggested_actions": list(finding.actions),
            }
        )
    )
    data = payload.model_dump()
    condition = conditions.of(payload, data)
    draft = log.Draft(
        type=payload.type,
        data=data,
        groups=groups,
        scope=_scope(label, finding.surgeries, finding.rooms, finding.dates),
        needs=condition.needs,
        subject=condition.subject,
    )
    return payload, draft


def _resolution(row: Conflict, groups: frozenset[str]) -> Telling:
    """To those who heard that it began, by what they were asked for then."""
    surgeries = json.loads(row.affected_surgeries)
    payload = ConflictNotification.checked(
        {
            "conflict_id": row.conflict_id,
            "model": row.model,
            "conflict_type": row.conflict_type,
            "severity": row.severity,
            "description": row.description,
            "affected_surgeries": surgeries,
            "status": "resolved",
        }
    )
    draft = log.Draft(
        type=payload.type,
        data=payload.model_dump(),
        groups=groups,
        scope=_scope(row.model, surgeries, json.loads(row.rooms), json.loads(row.dates)),
        needs=frozenset(json.loads(row.needs)),
        subject=row.subject,
    )
    return payload, draft


def _scope(
    label: str | None, surgeries: Iterable[Any], rooms: Iterable[Any], dates: Iterable[str]
) -> dict[str, Any]:
    scope = {
        "model": label,
        "surgeries": list(surgeries),
        "rooms": list(rooms),
        "dates": list(dates),
    }
    return {name: value for name, value in scope.items() if value}


def _involve(label: str, fresh: Sequence[Finding]) -> None:
    ids = _ids(each.conflict_id for each in fresh)
    Involved.objects.using(log.database()).bulk_create(
        [
            Involved(conflict_id=ids[each.conflict_id], label=label, surgery=dumps(key))
            for each in fresh
            for key in each.surgeries
        ],
        batch_size=KEYS // 2,
    )


def _ids(names: Iterable[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for page in pages(names, KEYS):
        rows = standing.conflicts().filter(conflict_id__in=page).order_by()
        found |= dict(rows.values_list("conflict_id", "pk"))
    return found


def _forget(resolved: Sequence[Conflict]) -> None:
    involved = Involved.objects.using(log.database())
    for gone in pages([row.pk for row in resolved], KEYS):
        involved.filter(conflict_id__in=gone).delete()
