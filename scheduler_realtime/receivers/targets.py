"""Deletes that change a key elsewhere: the database sets it, and Django sends no signal for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from django.db import models

from scheduler_realtime import changes, log, registry
from scheduler_realtime.binding import ScheduleBinding

# Deletions that Django tells of object by object, or forbids, or leaves to fail.
_SEEN_ELSEWHERE: Final = (models.CASCADE, models.PROTECT, models.RESTRICT, models.DO_NOTHING)

# Django 6.1: the database deletes by itself, and nobody hears of it.
_DB_CASCADE: Final = getattr(models, "DB_CASCADE", None)

_BEFORE: Final = "_scheduler_realtime_target_before"

_keys: Final[dict[type[models.Model], list[tuple[ScheduleBinding, str]]]] = {}
"""By the model pointed to, the binding and the name of its key."""


def watch(binding: ScheduleBinding) -> Iterator[type[models.Model]]:
    """The models whose deletion changes a tracked key without a signal of its own."""
    for field in binding.model._meta.concrete_fields:
        if not isinstance(field, models.ForeignKey):
            continue
        on_delete = field.remote_field.on_delete
        is_silent = field in binding.fields and on_delete not in _SEEN_ELSEWHERE
        if is_silent or (_DB_CASCADE is not None and on_delete is _DB_CASCADE):
            target: Any = field.related_model
            _keys.setdefault(target._meta.concrete_model, []).append((binding, field.name))
            yield target


def on_target_deleting(
    sender: type[models.Model], instance: models.Model, using: str, **kwargs: Any
) -> None:
    """Read and lock the objects that point to what is about to go, and ask who may know."""
    watched = _keys.get(sender._meta.concrete_model, ()) if using == log.database() else ()  # type: ignore[arg-type]  # a sender has a table
    instance.__dict__[_BEFORE] = [
        (binding, changes.look(binding, rows.values(), using))
        for binding, name in watched
        if registry.is_bound(binding)
        for rows in [changes.locked(binding.rows(using).filter(**{name: instance}))]
    ]


def on_target_deleted(
    sender: type[models.Model], instance: models.Model, using: str, **kwargs: Any
) -> None:
    """Tell what became of them."""
    for binding, before in instance.__dict__.pop(_BEFORE, ()):
        after = changes.by_key(binding.rows(using), before)
        pairs = [(row, after.get(key)) for key, row in before.items()]
        changes.record(binding, pairs, using=using)
