"""Saves: the row before and after, and one transaction around both and the message."""

from __future__ import annotations

import functools
import threading
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

from django.db import models, router, transaction

from scheduler_realtime import changes, registry
from scheduler_realtime.binding import ScheduleBinding

_WRAPPED: Final = "_scheduler_realtime_wrapped"


@dataclass(slots=True)
class Saving:
    """What a save in progress found before it wrote."""

    before: models.Model | None = None
    source: models.Model | None = None


class _Saves(threading.local):
    """The saves in progress in this thread, innermost last: a receiver may save again."""

    def __init__(self) -> None:
        self.stack: list[Saving] = []


_saves: Final = _Saves()


def current() -> Saving:
    """The innermost save in progress in this thread."""
    return _saves.stack[-1]


def wrap(model: type[models.Model]) -> None:
    """Put a transaction around the model's saves and their signals.

    Django opens none for a model without parents: killed between the UPDATE and `post_save`,
    the change would be committed and nobody told.
    """
    original = model.save_base
    if getattr(original, _WRAPPED, False):
        return

    @functools.wraps(original)
    def save_base(self: models.Model, *args: Any, using: str | None = None, **kwargs: Any) -> None:
        alias = using or router.db_for_write(type(self), instance=self)
        _saves.stack.append(Saving())
        try:
            with transaction.atomic(using=alias, savepoint=False):
                original(self, *args, using=alias, **kwargs)  # type: ignore[misc]  # args end before it
        finally:
            _saves.stack.pop()

    setattr(save_base, _WRAPPED, True)
    model.save_base = save_base  # type: ignore[method-assign]  # what this function is for


def on_saving(
    sender: type[models.Model], instance: models.Model, raw: bool, using: str, **kwargs: Any
) -> None:
    """Read the row as it is, and lock it, before it is written."""
    binding = registry.binding_for(sender)
    if binding is None or instance.pk is None or _is_surely_new(instance, raw):
        return
    rows = changes.rows_of(binding, using).filter(pk=instance.pk)
    current().before = changes.locked(binding, rows, using).get(instance.pk)


def on_saved(
    sender: type[models.Model],
    instance: models.Model,
    using: str,
    update_fields: Collection[str] | None,
    **kwargs: Any,
) -> None:
    """Write what the save changed into the log, in its transaction."""
    binding = registry.binding_for(sender)
    if binding is None:
        return
    before = current().before
    after = _after(binding, instance, before, using, update_fields)
    changes.record(binding, [(before, after)], using=using)


def _is_surely_new(instance: models.Model, raw: bool) -> bool:
    """Whether Django itself will insert without looking: a new object whose key has a default."""
    key = instance._meta.pk
    is_new = instance._state.adding  # noqa: SLF001 - Django documents it
    return not raw and is_new and (key.has_default() or key.has_db_default())


def _after(
    binding: ScheduleBinding,
    instance: models.Model,
    before: models.Model | None,
    using: str,
    update_fields: Collection[str] | None,
) -> models.Model | None:
    if changes.has_expressions(binding, instance):
        return changes.rows_of(binding, using).filter(pk=instance.pk).first()
    if update_fields is not None and before is not None:
        return changes.effective(before, instance, update_fields)
    return instance
