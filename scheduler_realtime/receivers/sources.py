"""Saves of rows that others depend on."""

from __future__ import annotations

from typing import Any

from django.db import models

from scheduler_realtime.changes import Tellings

from . import saves


def on_source_saving(
    sender: type[models.Model], instance: models.Model, raw: bool, using: str, **kwargs: Any
) -> None:
    """Read what others depend on before it changes."""
    progress = saves.saving(instance)
    progress.tellings = None
    if instance.pk is not None and not saves.is_surely_new(instance, sender, raw):
        progress.tellings = Tellings(sender, using)
        progress.tellings.begin(models.QuerySet(sender, using=using).filter(pk=instance.pk))


def on_source_saved(sender: type[models.Model], instance: models.Model, **kwargs: Any) -> None:
    """Tell the change as one of every object that depends on it."""
    tellings = saves.saving(instance).tellings
    if tellings is not None:
        tellings.end()
