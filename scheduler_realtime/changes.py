"""What a change of a registered object says: from its row before and after to a draft."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

from django.db import connections, models, transaction

from . import log
from .actor import current_actor
from .audience import EVERYONE
from .binding import ScheduleBinding
from .exceptions import InvalidMessage
from .messages import RESYNC, ScheduleUpdate
from .wire import plain

logger = logging.getLogger(__name__)

Change = tuple[models.Model | None, models.Model | None]
"""An object's row before and after; None where there is none."""


def locked(
    binding: ScheduleBinding, rows: models.QuerySet[Any], using: str
) -> dict[Any, models.Model]:
    """Rows of the model by primary key, as the database has them, locked till the commit.

    The lock is that of an UPDATE: without it two writers would both say "from 1".
    """
    weaker = connections[using].features.has_select_for_no_key_update
    return {row.pk: row for row in rows.select_for_update(no_key=weaker)}


def rows_of(binding: ScheduleBinding, using: str) -> models.QuerySet[Any]:
    """Every row of the model, past any manager that hides some."""
    return binding.model._base_manager.using(using).order_by()


def record(
    binding: ScheduleBinding,
    changes: Iterable[Change],
    *,
    using: str,
    extra: tuple[str, Any, Any] | None = None,
) -> None:
    """Write what happened to these objects into the log, in the transaction in progress.

    `extra` is a name with its old and new value that no column of the model holds.
    """
    drafts = [
        draft
        for before, after in changes
        if (draft := _guarded(binding, before, after, using, extra)) is not None
    ]
    if drafts:
        log.append(drafts, using=using)


def effective(before: models.Model, instance: models.Model, names: Collection[str]) -> models.Model:
    """The row after a save of only some fields: the others in memory were not saved."""
    after = type(before)()
    for field in before._meta.concrete_fields:
        source = instance if field.name in names or field.attname in names else before
        setattr(after, field.attname, getattr(source, field.attname))
    return after


def has_expressions(binding: ScheduleBinding, instance: models.Model) -> bool:
    """Whether a value is still an `F()` or is made by the database, so must be read back."""
    return any(
        hasattr(instance.__dict__.get(field.attname), "resolve_expression")
        or getattr(field, "generated", False)
        for field in binding.model._meta.concrete_fields
    )


def _guarded(
    binding: ScheduleBinding,
    before: models.Model | None,
    after: models.Model | None,
    using: str,
    extra: tuple[str, Any, Any] | None,
) -> log.Draft | None:
    """A host's binding that raises never fails the host's save: everyone is told to resync."""
    try:
        if not binding.runs_host_code:
            return _draft(binding, before, after, extra)
        with transaction.atomic(using=using):
            return _draft(binding, before, after, extra)
    except Exception:
        instance = after or before
        logger.exception(
            "The binding of %s failed for %r: the change is saved, and everyone is told to resync.",
            binding.label,
            instance.pk if instance else None,
        )
        return log.Draft(
            type=RESYNC, data={"reason": "capture_failed"}, groups=frozenset({EVERYONE})
        )


def _draft(
    binding: ScheduleBinding,
    before: models.Model | None,
    after: models.Model | None,
    extra: tuple[str, Any, Any] | None,
) -> log.Draft | None:
    shown = after or before
    if shown is None:
        return None
    changes, previous = _difference(binding, before, after)
    if extra is not None:
        changes[extra[0]], previous[extra[0]] = plain(extra[2]), plain(extra[1])
    known = binding.audience(before).groups if before is not None else frozenset()
    entitled = binding.audience(after).groups if after is not None else known
    left = known - entitled
    if before is not None and after is not None and not changes and known == entitled:
        return None
    places = [_place(binding, row) for row in (before, after) if row is not None]
    action = "create" if before is None else "delete" if after is None else "update"
    data = {
        "action": action,
        "model": binding.label,
        "surgery_id": plain(shown.pk),
        "room_id": places[-1]["room"],
        "schedule_date": places[-1]["date"],
        "changes": changes,
        "previous": previous,
        "affected_surgeries": [],
    }
    return log.Draft(
        type=ScheduleUpdate.type,
        data=data,
        groups=entitled,
        left_groups=left,
        protected=binding.protected_names,
        scope=_scope(
            binding, data, places, known if before is not None and known != entitled else None
        ),
        actor=current_actor(),
    )


def _difference(
    binding: ScheduleBinding, before: models.Model | None, after: models.Model | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """New and old values of the tracked fields that differ; of a new or deleted row, all."""
    changes: dict[str, Any] = {}
    previous: dict[str, Any] = {}
    for field in binding.fields:
        old = None if before is None else field.to_python(getattr(before, field.attname))
        new = None if after is None else field.to_python(getattr(after, field.attname))
        if before is not None and after is not None and old == new:
            continue
        if after is not None:
            changes[field.name] = _written(field, new, after)
        if before is not None:
            previous[field.name] = _written(field, old, before)
    return changes, previous


def _written(field: models.Field[Any, Any], value: Any, instance: models.Model) -> Any:
    """A value on the wire; of a type that JSON does not know, as Django's serializers put it."""
    try:
        return plain(value, f"data.changes.{field.name}")
    except InvalidMessage:
        if isinstance(value, str | int | float | dict | list):
            raise
        return plain(field.value_to_string(instance), f"data.changes.{field.name}")


def _place(binding: ScheduleBinding, row: models.Model) -> dict[str, Any]:
    interval = binding.interval_of(row)
    return {
        "room": plain(binding.room_of(row)),
        "date": plain(binding.day_of(row)),
        "start": None if interval is None else interval.start.isoformat(),
        "end": None if interval is None or interval.end is None else interval.end.isoformat(),
    }


_OBJECT: Final = "object"


def _scope(
    binding: ScheduleBinding,
    data: dict[str, Any],
    places: Sequence[dict[str, Any]],
    before: frozenset[str] | None,
) -> dict[str, Any]:
    """What subscribers narrow by and the relay completes from.

    `object` stands first: by it a relay knows a captured change without parsing.
    """
    scope: dict[str, Any] = {
        _OBJECT: True,
        "model": binding.label,
        "surgeries": [data["surgery_id"]],
    }
    for name, key in (("rooms", "room"), ("dates", "date")):
        scope[name] = list(dict.fromkeys(p[key] for p in places if p[key] is not None))
    scope["spans"] = [
        [place["room"], place["start"], place["end"]]
        for place in places
        if place["room"] is not None and place["start"] is not None
    ]
    if before is not None:
        scope["before"] = sorted(before)
    return scope
