"""Many-to-many changes of tracked fields, from either side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from django.db import models

from scheduler_realtime import changes
from scheduler_realtime.binding import ScheduleBinding

_watched: Final[
    dict[type[models.Model], tuple[ScheduleBinding, models.ManyToManyField[Any, Any]]]
] = {}
"""By through model, the binding and the field."""

_BEFORE: Final = "_scheduler_realtime_many_before"


def watch(binding: ScheduleBinding) -> Iterator[type[models.Model]]:
    """The through models whose signals matter to the binding."""
    for field in binding.many_to_many():
        through: Any = field.remote_field.through
        _watched[through] = (binding, field)
        yield through


def on_changed(
    sender: type[models.Model],
    instance: models.Model,
    action: str,
    reverse: bool,
    pk_set: set[Any] | None,
    using: str,
    **kwargs: Any,
) -> None:
    """Before: lock the owners and read what they point to. After: tell what differs."""
    binding, field = _watched[sender]
    when, _, deed = action.partition("_")
    slot = f"{_BEFORE}_{sender._meta.label_lower}_{deed}"
    if when == "pre":
        owners = _owners(binding, field, instance, reverse, pk_set, using)
        rows = changes.rows_of(binding, using).filter(pk__in=owners)
        before = changes.locked(binding, rows, using)
        instance.__dict__[slot] = _with_targets(before.values(), field)
        return
    before = instance.__dict__.pop(slot, {})
    rows = changes.rows_of(binding, using).filter(pk__in=list(before))
    after = _with_targets(rows, field)
    for key, (old_row, old) in before.items():
        new_row, new = after.get(key, (None, []))
        if new_row is not None and old != new:
            change = [(old_row, new_row)]
            changes.record(binding, change, using=using, extra=(field.name, old, new))


def _owners(
    binding: ScheduleBinding,
    field: models.ManyToManyField[Any, Any],
    instance: models.Model,
    reverse: bool,
    pk_set: set[Any] | None,
    using: str,
) -> Iterable[Any]:
    if not reverse:
        return [instance.pk]
    if pk_set is not None:
        return list(pk_set)
    linked = changes.rows_of(binding, using).filter(**{field.name: instance.pk})
    return list(linked.values_list("pk", flat=True))


def _with_targets(
    rows: Iterable[models.Model], field: models.ManyToManyField[Any, Any]
) -> dict[Any, tuple[models.Model, list[Any]]]:
    """Each row with its targets fetched, so that `row.staff.all()` goes on saying what was then."""
    found = list(rows)
    models.prefetch_related_objects(found, field.name)
    return {
        row.pk: (row, sorted((target.pk for target in getattr(row, field.name).all()), key=str))
        for row in found
    }
