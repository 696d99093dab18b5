"""RealtimeManager: a manager whose bulk writes are told like saves, and whose place it takes."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import partial
from typing import Any, Self

from django.db import connections, models, router

from scheduler_realtime import changes as changing
from scheduler_realtime.changes import BulkWrite

from . import upserts


def write_alias(rows: Any) -> str:
    """Where Django itself would write them: `using()`, or else what the router says."""
    chosen: str | None = rows._db  # noqa: SLF001 - `db` would be where to read
    return chosen or router.db_for_write(rows.model)


class RealtimeQuerySet(models.QuerySet[Any]):
    """A queryset whose `update`, `bulk_create` and `bulk_update` are told like saves.

    `delete` is told by its signals, and `bulk_update` is made of `update`. On a model that no
    binding concerns it is Django's own. Beyond `CAPTURE_LIMIT` rows everyone is told to read
    afresh instead.
    """

    def update(self, **kwargs: Any) -> int:
        alias = write_alias(self)
        write = BulkWrite(self.model, alias)
        if not (kwargs and write.concerns_anybody and self._may_be_updated()):
            return super().update(**kwargs)
        with changing.in_transaction(alias):
            write.begin(self, kwargs)
            count = super(RealtimeQuerySet, self._only(write, alias)).update(**kwargs)
            write.end()
            if _moves_keys(self.model, kwargs) and count:
                changing.resync(alias)  # which row became which, nobody can tell
        return count

    update.alters_data = True  # type: ignore[attr-defined]  # what templates look for

    def bulk_create(
        self,
        objs: Iterable[Any],
        batch_size: int | None = None,
        ignore_conflicts: bool = False,
        update_conflicts: bool = False,
        update_fields: Collection[str] | None = None,
        unique_fields: Collection[str] | None = None,
    ) -> list[Any]:
        objects, alias = list(objs), write_alias(self)
        unique = None if unique_fields is None else list(unique_fields)
        create = partial(
            super().bulk_create,
            objects,
            batch_size,
            ignore_conflicts,
            update_conflicts,
            update_fields,
            unique,
        )
        write = BulkWrite(self.model, alias)
        if not (objects and write.concerns_anybody):
            return create()
        taken = ["pk"] if ignore_conflicts else []
        with changing.in_transaction(alias):
            return upserts.tell(
                write, objects, (unique or None) if update_conflicts else taken, create
            )

    bulk_create.alters_data = True  # type: ignore[attr-defined]  # what templates look for

    def _raw_delete(self, using: str | None) -> int:
        alias = using or write_alias(self)
        write = BulkWrite(self.model, alias)
        if not write.concerns_anybody:
            return super()._raw_delete(using)
        with changing.in_transaction(alias):
            write.begin(self)
            count = super(RealtimeQuerySet, self._only(write, alias))._raw_delete(using)
            write.end()
        return count

    _raw_delete.alters_data = True  # type: ignore[attr-defined]  # what templates look for

    def _may_be_updated(self) -> bool:
        """Whether Django will not refuse: it says why better than a failing read of ours."""
        return not (self.query.is_sliced or self.query.combinator)

    def _only(self, write: BulkWrite, alias: str) -> Self:
        """Just what was read and locked, and nothing that came to match since.

        SQLite has one writer at a time, and a limit to the variables of a statement.
        """
        chosen = self.using(alias)
        if connections[alias].vendor == "sqlite" or write.keys is None:
            return chosen
        return chosen.filter(pk__in=write.keys)


class RealtimeManager(models.Manager.from_queryset(RealtimeQuerySet)):  # type: ignore[misc]  # made at run time
    """The manager for a registered model: `objects = RealtimeManager()`."""


def _moves_keys(model: type[models.Model], names: Iterable[str]) -> bool:
    key = model._meta.pk
    return not {"pk", key.name, key.attname}.isdisjoint(names)


def take_over(model: type[models.Model]) -> None:
    """Have the model's managers capture, where they are Django's own and nothing more.

    A manager of the host's stays as it is. The base manager too is taken over: by it Django
    writes `room.surgeries.add(...)`, and no host knows to replace it. In place, since somebody
    may have one in hand; and those that Django copies them from, since it may copy again.
    """
    kinds: list[Any] = [kind for kind in model.__mro__ if hasattr(kind, "_meta")]
    originals = [manager for kind in kinds for manager in kind._meta.local_managers]
    for manager in (*originals, *model._meta.managers, model._base_manager):
        if type(manager) is models.Manager:
            manager.__class__ = RealtimeManager


def captures(manager: models.Manager[Any]) -> bool:
    """Whether bulk writes through this manager are told. Runs what the host made of it."""
    return isinstance(manager.all(), RealtimeQuerySet)


def uncaptured(model: type[models.Model]) -> list[str]:
    """The names of the model's managers whose bulk writes are not told."""
    managers = [*model._meta.managers, model._base_manager]
    return [manager.name for manager in dict.fromkeys(managers) if not captures(manager)]
