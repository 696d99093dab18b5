"""Deletes, with their cascades: read and locked before, told after."""

from __future__ import annotations

from typing import Any, Final

from django.db import models

from scheduler_realtime import changes, registry

_BEFORE: Final = "_scheduler_realtime_before"


def on_deleting(
    sender: type[models.Model], instance: models.Model, using: str, **kwargs: Any
) -> None:
    """Read the row and lock it. Told now, a change between now and then would outlive it."""
    binding = registry.binding_for(sender)
    if binding is not None:
        rows = changes.rows_of(binding, using).filter(pk=instance.pk)
        setattr(instance, _BEFORE, changes.locked(binding, rows, using).get(instance.pk))


def on_deleted(
    sender: type[models.Model], instance: models.Model, using: str, **kwargs: Any
) -> None:
    """Write the delete into the log, in its transaction."""
    binding = registry.binding_for(sender)
    before = instance.__dict__.pop(_BEFORE, None)
    if binding is not None and before is not None:
        changes.record(binding, [(before, None)], using=using)
