"""Deletes, with their cascades: read and locked before, told after."""

from __future__ import annotations

from typing import Any, Final

from django.db import models

from scheduler_realtime import changes

_BEFORE: Final = "_scheduler_realtime_before"


def on_deleting(
    sender: type[models.Model], instance: models.Model, using: str, **kwargs: Any
) -> None:
    """Read the row, lock it, and ask who may know: its relations are about to go as well.

    Told now, a change between now and then would outlive it. A parent's row has a signal of its
    own, where it goes too.
    """
    instance.__dict__[_BEFORE] = [
        (binding, before)
        for binding in changes.bindings_for(sender, using)
        if binding.model is sender._meta.concrete_model
        for row in [changes.locked_one(binding, sender, instance.pk, using)]
        if row is not None
        for before in changes.look(binding, [row], using).values()
    ]


def on_deleted(
    sender: type[models.Model], instance: models.Model, using: str, **kwargs: Any
) -> None:
    """Write the delete into the log, in its transaction."""
    for binding, before in instance.__dict__.pop(_BEFORE, ()):
        changes.record(binding, [(before, None)], using=using)
