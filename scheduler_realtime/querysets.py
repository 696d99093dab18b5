"""Writes that send no signals: a manager that captures them, and a block that does."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, Self

from django.db import connections, models, router, transaction

from . import changes as changing
from . import log, registry
from .audience import EVERYONE
from .binding import ScheduleBinding
from .exceptions import InvalidBinding
from .messages import RESYNC

_PAGE: Final = 500


def _write_alias(rows: Any) -> str:
    """Where Django itself would write them: `using()`, or else what the router says."""
    chosen: str | None = rows._db  # noqa: SLF001 - `db` would be where to read
    return chosen or router.db_for_write(rows.model)


def _by_key(binding: ScheduleBinding, keys: Collection[Any], using: str) -> dict[Any, models.Model]:
    listed = list(keys)
    found: dict[Any, models.Model] = {}
    for start in range(0, len(listed), _PAGE):
        rows = changing.rows_of(binding, using).filter(pk__in=listed[start : start + _PAGE])
        found |= {row.pk: row for row in rows}
    return found


class RealtimeQuerySet(models.QuerySet[Any]):
    """A queryset whose `update`, `bulk_create` and `bulk_update` are told like saves.

    `delete` is told by its signals, and `bulk_update` is made of `update`. On a model without a
    binding it is Django's own.
    """

    def update(self, **kwargs: Any) -> int:
        binding = registry.binding_for(self.model)
        if binding is None or not kwargs:
            return super().update(**kwargs)
        alias = _write_alias(self)
        with transaction.atomic(using=alias):
            keys = self.using(alias).order_by().values("pk")
            rows = changing.rows_of(binding, alias).filter(pk__in=keys)
            before = changing.locked(binding, rows, alias)
            count = models.QuerySet.update(self._only(before, alias), **kwargs)
            after = _by_key(binding, before, alias)
            pairs = [(row, after.get(key)) for key, row in before.items()]
            changing.record(binding, pairs, using=alias)
        return count

    update.alters_data = True  # type: ignore[attr-defined]  # what templates look for

    def bulk_create(self, objs: Iterable[Any], *args: Any, **kwargs: Any) -> list[Any]:
        binding = registry.binding_for(self.model)
        if binding is None:
            return super().bulk_create(objs, *args, **kwargs)
        objects = list(objs)
        alias = _write_alias(self)
        with transaction.atomic(using=alias):
            before = _by_key(binding, {o.pk for o in objects if o.pk is not None}, alias)
            created = super().bulk_create(objects, *args, **kwargs)
            keys = {o.pk for o in created if o.pk is not None}
            if kwargs.get("update_conflicts") or any(o.pk is None for o in created):
                _resync(alias)  # which of them existed before, nobody can tell
            else:
                after = _by_key(binding, keys, alias)
                pairs = [(before.get(key), row) for key, row in after.items()]
                changing.record(binding, pairs, using=alias)
        return created

    bulk_create.alters_data = True  # type: ignore[attr-defined]  # what templates look for

    def _only(self, before: Collection[Any], alias: str) -> Self:
        """Just what was read and locked, and nothing that came to match since.

        SQLite has one writer at a time, and a limit to the variables of a statement.
        """
        chosen = self.using(alias)
        if connections[alias].vendor == "sqlite":
            return chosen
        return chosen.filter(pk__in=list(before))


class RealtimeManager(models.Manager.from_queryset(RealtimeQuerySet)):  # type: ignore[misc]  # made at run time
    """The manager for a registered model: `objects = RealtimeManager()`."""


def _resync(alias: str) -> None:
    draft = log.Draft(type=RESYNC, data={"reason": "capture_failed"}, groups=frozenset({EVERYONE}))
    log.append([draft], using=alias)


@contextmanager
def capture(target: models.QuerySet[Any] | type[models.Model]) -> Iterator[None]:
    """Tell what the block does to the rows of a queryset or a model, by whatever means.

    The rows are read and locked before, and compared after, in one transaction. For raw SQL and
    managers of others; it costs two reads of all the rows, so narrow the queryset.

        with capture(Surgery.objects.filter(room=room)):
            cursor.execute("UPDATE ...")

    Raises `InvalidBinding` for a model that is not registered.
    """
    rows = target if isinstance(target, models.QuerySet) else target._base_manager.all()
    binding = registry.binding_for(rows.model)
    if binding is None:
        raise InvalidBinding(f"{rows.model._meta.label} is not registered: nothing would be told.")
    alias = _write_alias(rows)
    keys = rows.using(alias).order_by().values("pk")
    chosen = changing.rows_of(binding, alias).filter(pk__in=keys)
    with transaction.atomic(using=alias):
        before = changing.locked(binding, chosen, alias)
        yield
        after = _by_key(binding, before, alias) | {row.pk: row for row in chosen.all()}
        changing.record(binding, _changes(before, after), using=alias)


def _changes(
    before: dict[Any, models.Model], after: dict[Any, models.Model]
) -> Sequence[changing.Change]:
    return [(before.get(key), after.get(key)) for key in before | after]
