"""Saves: the row before and after, and one transaction around both and the message."""

from __future__ import annotations

import functools
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Final

from django.db import models, router

from scheduler_realtime import changes
from scheduler_realtime.binding import ScheduleBinding
from scheduler_realtime.changes import Tellings, Written

_WRAPPED: Final = "_scheduler_realtime_wrapped"
_SAVING: Final = "_scheduler_realtime_saving"
_SAVE_BASE: Final = ("raw", "force_insert", "force_update", "using", "update_fields")


@dataclass(slots=True)
class Saving:
    """A save in progress, kept on its instance: what it found before it wrote."""

    must_exist: bool = False
    before: dict[ScheduleBinding, models.Model] = field(default_factory=dict)
    tellings: Tellings | None = None


def saving(instance: models.Model) -> Saving:
    """The innermost save in progress of this instance.

    It is there even where no wrapper ran: `loaddata` calls `Model.save_base` past every override.
    """
    found: Saving = instance.__dict__.setdefault(_SAVING, Saving())
    return found


def wrap(model: type[models.Model]) -> None:
    """Put a transaction around the model's saves and their signals, where there is none.

    Killed between the UPDATE and `post_save`, the change would be committed and nobody told.
    """
    original = model.save_base
    if getattr(original, _WRAPPED, False):
        return

    @functools.wraps(original)
    def save_base(self: models.Model, *args: Any, **kwargs: Any) -> None:
        given = dict(zip(_SAVE_BASE, args, strict=False)) | kwargs
        alias = given.get("using") or router.db_for_write(type(self), instance=self)
        outer, must_exist = self.__dict__.get(_SAVING), bool(given.get("force_update"))
        self.__dict__[_SAVING] = Saving(must_exist=must_exist)
        try:
            with changes.in_transaction(alias):
                original(self, **(given | {"using": alias}))
        finally:
            # A receiver may save its instance again, and that save may fail.
            self.__dict__.pop(_SAVING, None)
            if outer is not None:
                self.__dict__[_SAVING] = outer

    setattr(save_base, _WRAPPED, True)
    model.save_base = save_base  # type: ignore[method-assign]  # what this function is for


def on_saving(
    sender: type[models.Model], instance: models.Model, raw: bool, using: str, **kwargs: Any
) -> None:
    """Read the row as it is, and lock it, before it is written."""
    progress = saving(instance)
    progress.before = {}
    for binding in changes.bindings_for(sender, using):
        key = changes.key_in(binding, instance)
        if key is None or is_surely_new(instance, binding.model, raw):
            continue
        row = changes.locked_one(binding, sender, key, using)
        if row is not None:
            progress.before[binding] = row


def on_saved(
    sender: type[models.Model],
    instance: models.Model,
    raw: bool,
    using: str,
    update_fields: Collection[str] | None,
    **kwargs: Any,
) -> None:
    """Write what the save changed into the log, in its transaction."""
    known = saving(instance).before
    for binding in changes.bindings_for(sender, using):
        before = known.get(binding)
        if before is None and not issubclass(sender, binding.model):
            continue  # a parent's row, without one of this child
        after: models.Model | Written | None
        # A fixture's object carries what it has in its own table, and not in its parents'.
        if raw or changes.must_be_read_back(binding, instance):
            key = changes.key_in(binding, instance)
            after = changes.touched(binding, sender, [key], using).first()
        else:
            after = Written(instance=instance, before=before, names=update_fields)
        changes.record(binding, [(before, after)], using=using)


def is_surely_new(instance: models.Model, model: type[models.Model], raw: bool) -> bool:
    """Whether Django itself will insert without looking: a new object whose key has a default."""
    key = model._meta.pk
    is_new = instance._state.adding and not saving(instance).must_exist  # noqa: SLF001 - Django documents it
    return not raw and is_new and (key.has_default() or key.has_db_default())
