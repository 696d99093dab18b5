"""Drafts: what became of an object, from its row before and after, into the log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from django.db import models, transaction

from scheduler_realtime import log, subjects
from scheduler_realtime.actor import current_actor
from scheduler_realtime.binding import ScheduleBinding, report_failure, snapshot
from scheduler_realtime.clean_text import cut
from scheduler_realtime.discretion import discreet
from scheduler_realtime.exceptions import InvalidMessage
from scheduler_realtime.messages import ScheduleUpdate
from scheduler_realtime.subjects import Subject, known_to
from scheduler_realtime.wire import dumps, plain

from .pictures import Picture, picture
from .rows import Written
from .savepoints import savepoint_when_needed

_FAILED: Final = "capture_failed"

Side = models.Model | Picture | Written | None
"""An object before or after: its row, a picture taken of it, what a save made of it, or nothing."""

Change = tuple[Side, Side]

Extra = tuple[str, Any, Any]
"""A name with its old and its new value, which no column of the model holds."""


@discreet
def record(
    binding: ScheduleBinding, changes: Iterable[Change], *, using: str, extra: Extra | None = None
) -> None:
    """Write what happened to these objects into the log, in the transaction in progress.

    A binding that raises never fails the host's write: everyone is told to read afresh instead.
    """
    listed = list(changes)
    drafts = _together(binding, listed, using, extra)
    if drafts is None:
        drafts = list(_one_by_one(binding, listed, using, extra))
    _append(drafts, using)


def resync(using: str, reason: str = _FAILED) -> None:
    """Tell everyone to read their data afresh: nobody can say what has changed."""
    _append([log.resync(reason)], using)


def _append(drafts: Sequence[log.Draft], using: str) -> None:
    """What cannot be told of must not be committed, whoever catches the error."""
    if drafts:
        with transaction.mark_for_rollback_on_error(using=using):
            log.append(drafts, using=using)


def _together(
    binding: ScheduleBinding, changes: Sequence[Change], using: str, extra: Extra | None
) -> list[log.Draft] | None:
    """Drafts of all changes in one savepoint, or None where one of several failed."""
    if len(changes) < 2 or not binding.runs_host_code:
        return None
    try:
        with savepoint_when_needed(using):
            drafts = [_draft(binding, change, using, extra) for change in changes]
    except Exception:  # noqa: BLE001 - asked one by one, it is reported
        return None
    return [draft for draft in drafts if draft is not None]


def _one_by_one(
    binding: ScheduleBinding, changes: Iterable[Change], using: str, extra: Extra | None
) -> Iterator[log.Draft]:
    """The draft of each change that could be told, and one `resync` for all that could not."""
    has_failed = False
    for change in changes:
        try:
            draft = _guarded(binding, change, using, extra)
        except Exception as error:  # noqa: BLE001 - the host's code may raise anything
            report_failure(binding, _key_of(change), error)
            has_failed = True
        else:
            if draft is not None:
                yield draft
    if has_failed:
        yield log.resync(_FAILED)


def _guarded(
    binding: ScheduleBinding, change: Change, using: str, extra: Extra | None
) -> log.Draft | None:
    if not binding.runs_host_code:
        return _draft(binding, change, using, extra)
    with savepoint_when_needed(using):
        return _draft(binding, change, using, extra)


def _key_of(change: Change) -> Any:
    for side in change:
        match side:
            case models.Model():
                return side.pk
            case Picture():
                return side.row.pk
            case Written():
                return side.instance.pk
            case None:
                pass
    return None


def _draft(
    binding: ScheduleBinding, change: Change, using: str, extra: Extra | None
) -> log.Draft | None:
    before, after = (_picture(binding, side, using) for side in change)
    shown = after or before
    if shown is None:
        return None
    changes, previous = _difference(binding, before, after)
    changes, previous = cut(changes), cut(previous)
    if extra is not None:
        changes[extra[0]], previous[extra[0]] = plain(extra[2]), plain(extra[1])
    known = before.groups if before is not None else frozenset()
    subject = _subject(binding, before, after) if binding.is_judge else None
    is_same = before is not None and after is not None and known == after.groups
    # What `may_see` looks at need not be tracked.
    if is_same and not (changes or (subject is not None and subjects.is_changed(subject))):
        return None
    action = "create" if before is None else "delete" if after is None else "update"
    data = _data(binding, action, shown) | {"changes": changes, "previous": previous}
    return log.Draft(
        type=ScheduleUpdate.type,
        data=data,
        groups=shown.groups,
        left_groups=known - shown.groups,
        protected=binding.protected_names,
        scope=_scope(data, [each for each in (before, after) if each is not None]),
        actor=current_actor(),
        needs=binding.needs,
        subject="" if subject is None else subjects.text_of(subject),
    )


def _subject(binding: ScheduleBinding, before: Picture | None, after: Picture | None) -> Subject:
    """The object for `may_see`, as it is and as it was."""
    seen = [each for each in (after, before) if each is not None]
    subject = {"of": binding.label} | dict(
        zip(("now", "before"), (snapshot(each.row) for each in seen), strict=False)
    )
    return known_to(subject, seen[-1].groups, seen[0].groups)


def _data(binding: ScheduleBinding, action: str, shown: Picture) -> dict[str, Any]:
    return {
        "action": action,
        "model": binding.label,
        "surgery_id": plain(shown.row.pk),
        "room_id": shown.room,
        "schedule_date": shown.date,
        "affected_surgeries": [],
    }


def _picture(binding: ScheduleBinding, side: Side, using: str) -> Picture | None:
    match side:
        case None | Picture():
            return side
        case Written():
            return picture(binding, side.image(binding, using))
        case models.Model():
            return picture(binding, side)


def _difference(
    binding: ScheduleBinding, before: Picture | None, after: Picture | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """New and old values of the tracked fields that differ; of a new or deleted row, all."""
    changes: dict[str, Any] = {}
    previous: dict[str, Any] = {}
    for column in binding.fields:
        old = None if before is None else getattr(before.row, column.attname)
        new = None if after is None else getattr(after.row, column.attname)
        if before is not None and after is not None and _is_same(old, new):
            continue
        if after is not None:
            changes[column.name] = _written(column, new, after.row)
        if before is not None:
            previous[column.name] = _written(column, old, before.row)
    if before is None or after is None:
        return changes, previous
    differing = [name for name in changes if dumps(changes[name]) != dumps(previous[name])]
    return {n: changes[n] for n in differing}, {n: previous[n] for n in differing}


def _is_same(old: Any, new: Any) -> bool:
    """Equal, or both not a number, which JSON does not have and which no change has made."""
    return bool(old == new or (old != old and new != new))


def _written(column: models.Field[Any, Any], value: Any, row: models.Model) -> Any:
    """A value on the wire; of a type that JSON does not know, as Django's serializers put it."""
    path = f"data.changes.{column.name}"
    try:
        return plain(value, path)
    except InvalidMessage:
        if isinstance(value, str | int | float | dict | list):
            raise
        return plain(column.value_to_string(row), path)


_OBJECT: Final = "object"


def _scope(data: dict[str, Any], pictures: Sequence[Picture]) -> dict[str, Any]:
    """What subscribers narrow by and the relay completes from.

    `object` stands first: by it a relay knows a captured change without parsing.
    """
    first, last = pictures[0].groups, pictures[-1].groups
    return {
        _OBJECT: True,
        "model": data["model"],
        "surgeries": [data["surgery_id"]],
        "rooms": _distinct(each.room for each in pictures),
        "dates": _distinct(each.date for each in pictures),
        "spans": _distinct(each.span for each in pictures),
    } | ({"before": sorted(first)} if first != last else {})


def _distinct(values: Iterable[Any]) -> list[Any]:
    return list(dict.fromkeys(value for value in values if value is not None))
