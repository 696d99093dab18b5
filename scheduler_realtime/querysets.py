"""Writes that send no signals: a manager that captures them, and a block that does."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final, Self

from django.db import connections, models, router, transaction
from django.db.models import Max

from . import changes as changing
from .binding import ScheduleBinding
from .changes import Change, Tellings
from .exceptions import InvalidBinding

_PAGE: Final = 500

Rows = dict[Any, models.Model]


def _write_alias(rows: Any) -> str:
    """Where Django itself would write them: `using()`, or else what the router says."""
    chosen: str | None = rows._db  # noqa: SLF001 - `db` would be where to read
    return chosen or router.db_for_write(rows.model)


def _by_key(binding: ScheduleBinding, keys: Collection[Any], using: str) -> Rows:
    listed = list(keys)
    found: Rows = {}
    for start in range(0, len(listed), _PAGE):
        rows = binding.rows(using).filter(pk__in=listed[start : start + _PAGE])
        found |= {row.pk: row for row in rows}
    return found


class RealtimeQuerySet(models.QuerySet[Any]):
    """A queryset whose `update`, `bulk_create` and `bulk_update` are told like saves.

    `delete` is told by its signals, and `bulk_update` is made of `update`. On a model that no
    binding concerns it is Django's own.
    """

    def update(self, **kwargs: Any) -> int:
        alias = _write_alias(self)
        bindings = changing.bindings_for(self.model, alias)
        if not kwargs or not (bindings or changing.dependents_of(self.model, alias)):
            return super().update(**kwargs)
        with changing.in_transaction(alias):
            tellings = Tellings(self.model, alias)
            tellings.begin(self)
            before = _locked(bindings, self, alias)
            count = models.QuerySet.update(self._only(before, alias), **kwargs)
            _record(before, alias)
            tellings.end()
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
        *args: Any,
        **kwargs: Any,
    ) -> list[Any]:
        objects = list(objs)
        alias = _write_alias(self)
        bindings = changing.bindings_for(self.model, alias)
        with changing.in_transaction(alias):
            known = _known(bindings, objects, alias) if ignore_conflicts else {}
            created = super().bulk_create(
                objects, batch_size, ignore_conflicts, update_conflicts, *args, **kwargs
            )
            keys = {each.pk for each in created if each.pk is not None}
            if bindings and objects and (update_conflicts or len(keys) < len(objects)):
                changing.resync(alias)  # which of them existed before, nobody can tell
            else:
                _record_created(bindings, keys, known, alias)
        return created

    bulk_create.alters_data = True  # type: ignore[attr-defined]  # what templates look for

    def _only(self, before: dict[ScheduleBinding, Rows], alias: str) -> Self:
        """Just what was read and locked, and nothing that came to match since.

        SQLite has one writer at a time, and a limit to the variables of a statement.
        """
        chosen = self.using(alias)
        if connections[alias].vendor == "sqlite":
            return chosen
        for binding, rows in before.items():
            if issubclass(self.model, binding.model):
                key = binding.model._meta.pk.name
                return chosen.filter(**{f"{key}__in": list(rows)})
        return chosen


class RealtimeManager(models.Manager.from_queryset(RealtimeQuerySet)):  # type: ignore[misc]  # made at run time
    """The manager for a registered model: `objects = RealtimeManager()`."""


def capture_related_writes(model: type[models.Model]) -> None:
    """Have `room.surgeries.add(...)` told, where the model's own manager captures.

    Django writes it by the model's base manager, which no host knows to replace.
    """
    kind = getattr(model._default_manager, "_queryset_class", None)
    is_plain = type(model._base_manager) is models.Manager
    if is_plain and isinstance(kind, type) and issubclass(kind, RealtimeQuerySet):
        manager = RealtimeManager()
        manager.name, manager.model, manager.auto_created = "_base_manager", model, True
        model._meta.__dict__["base_manager"] = manager


def _locked(
    bindings: Iterable[ScheduleBinding], rows: models.QuerySet[Any], using: str
) -> dict[ScheduleBinding, Rows]:
    return {
        binding: changing.locked(changing.touched(binding, rows.model, rows, using))
        for binding in bindings
    }


def _record(before: dict[ScheduleBinding, Rows], using: str) -> None:
    for binding, rows in before.items():
        after = _by_key(binding, rows, using)
        pairs: list[Change] = [(row, after.get(key)) for key, row in rows.items()]
        changing.record(binding, pairs, using=using)


def _moves_keys(model: type[models.Model], names: Iterable[str]) -> bool:
    key = model._meta.pk
    return not {"pk", key.name, key.attname}.isdisjoint(names)


def _known(
    bindings: Iterable[ScheduleBinding], objects: Iterable[Any], using: str
) -> dict[ScheduleBinding, Rows]:
    keys = {each.pk for each in objects if each.pk is not None}
    return {binding: _by_key(binding, keys, using) for binding in bindings}


def _record_created(
    bindings: Iterable[ScheduleBinding],
    keys: Collection[Any],
    known: dict[ScheduleBinding, Rows],
    using: str,
) -> None:
    for binding in bindings:
        after = _by_key(binding, keys, using)
        new: list[Change] = [
            (None, row) for key, row in after.items() if key not in known.get(binding, {})
        ]
        changing.record(binding, new, using=using)


@contextmanager
def capture(target: models.QuerySet[Any] | type[models.Model]) -> Iterator[None]:
    """Tell what the block does to the rows of a queryset or a model, by whatever means.

    The rows are read and locked before, and compared after, in one transaction. For raw SQL and
    managers of others; it costs two reads of all the rows, so narrow the queryset.

        with capture(Surgery.objects.filter(room=room)):
            cursor.execute("UPDATE ...")

    A row that comes into a narrowed queryset is told as created where its key is beyond all that
    there were; where it may have been elsewhere, everyone must read afresh. Raises `InvalidBinding` for a model that is not registered.
    """
    rows = target if isinstance(target, models.QuerySet) else models.QuerySet(target)
    alias = _write_alias(rows)
    bindings = changing.bindings_for(rows.model, alias)
    if not bindings:
        raise InvalidBinding(f"{rows.model._meta.label} is not registered: nothing would be told.")
    with transaction.atomic(using=alias):
        is_new = {binding: _newness(binding, alias, rows is not target) for binding in bindings}
        before = _locked(bindings, rows, alias)
        yield
        _record(before, alias)
        for binding, known in before.items():
            now = changing.touched(binding, rows.model, rows, alias).order_by("pk")
            _record_arrived(binding, [r for r in now if r.pk not in known], is_new[binding], alias)


def _newness(
    binding: ScheduleBinding, using: str, is_whole: bool
) -> Callable[[models.Model], bool]:
    """Whether a row that was not seen before was not there before: its key may say so."""
    if is_whole:
        return lambda row: True
    if not isinstance(binding.model._meta.pk, models.AutoField):
        return lambda row: False
    highest = binding.rows(using).aggregate(highest=Max("pk"))["highest"]
    return lambda row: highest is None or row.pk > highest


def _record_arrived(
    binding: ScheduleBinding,
    arrived: Collection[models.Model],
    is_new: Callable[[models.Model], bool],
    using: str,
) -> None:
    new: list[Change] = [(None, row) for row in arrived if is_new(row)]
    changing.record(binding, new, using=using)
    if len(new) < len(arrived):
        changing.resync(using)
