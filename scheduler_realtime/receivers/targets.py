"""Deletes that change a key elsewhere: the database sets it, and Django sends no signal for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from django.db import models

from scheduler_realtime import changes, log, registry
from scheduler_realtime.binding import ScheduleBinding
from scheduler_realtime.changes import cascades
from scheduler_realtime.conf import conf

_BEFORE: Final = "_scheduler_realtime_target_before"

_lookups: Final[dict[type[models.Model], list[tuple[ScheduleBinding, str]]]] = {}
"""By the model pointed to, the binding and how its rows lead there."""


def watch(binding: ScheduleBinding) -> Iterator[type[models.Model]]:
    """The models whose deletion changes or deletes a row without a signal of its own."""
    for key in cascades.silent_keys(binding):
        for target, lookup in cascades.reach(key):
            _lookups.setdefault(target._meta.concrete_model, []).append((binding, lookup))  # type: ignore[arg-type]  # a target has a table
            yield target


def on_target_deleting(
    sender: type[models.Model], instance: models.Model, using: str, **kwargs: Any
) -> None:
    """Read and lock the objects that point to what is about to go, and ask who may know."""
    watched = _lookups.get(sender._meta.concrete_model, ()) if using == log.database() else ()  # type: ignore[arg-type]  # a sender has a table
    instance.__dict__[_BEFORE] = [
        (binding, _seen(binding, binding.rows(using).filter(**{lookup: instance}), using))
        for binding, lookup in watched
        if registry.is_bound(binding)
    ]


def _seen(
    binding: ScheduleBinding, rows: models.QuerySet[Any], using: str
) -> dict[Any, changes.Picture | models.Model] | None:
    """Pictures of the rows; None where they are more than are told of one by one."""
    try:
        found = changes.locked(rows, conf().CAPTURE_LIMIT)
    except changes.TooManyRows:
        return None
    return changes.look(binding, found.values(), using)


def on_target_deleted(
    sender: type[models.Model], instance: models.Model, using: str, **kwargs: Any
) -> None:
    """Tell what became of them."""
    for binding, before in instance.__dict__.pop(_BEFORE, ()):
        if before is None:
            changes.resync(using, changes.TOO_MANY)
            continue
        after = changes.by_key(binding.rows(using), before)
        pairs = [(row, after.get(key)) for key, row in before.items()]
        changes.record(binding, pairs, using=using)
