"""Rows of registered models as the database has them: read, locked, and as a save leaves them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Final

from django.db import connections, models, transaction

from scheduler_realtime import log, registry
from scheduler_realtime.binding import ScheduleBinding, cleaned
from scheduler_realtime.exceptions import RealtimeError
from scheduler_realtime.paging import pages

PAGE: Final = 500
"""Keys in one statement: within the variables of the oldest SQLite."""

Rows = dict[Any, models.Model]
"""Rows by primary key."""


def bindings_for(model: type[models.Model], using: str) -> tuple[ScheduleBinding, ...]:
    """The bindings that a write to this model concerns.

    None in another database than the log's: no transaction holds both, and what lies there is
    an archive or a copy.
    """
    found = registry.bindings_touched(model)
    return found if found and using == log.database() else ()


def in_transaction(using: str) -> AbstractContextManager[object]:
    """A transaction, where there is none yet.

    No `atomic` inside another, with or without a savepoint: what a host's receiver raises and the
    host catches would take the whole transaction down, or cost everybody two statements.
    """
    is_inside = connections[using].in_atomic_block
    return nullcontext() if is_inside else transaction.atomic(using=using)


def key_in(binding: ScheduleBinding, instance: models.Model) -> Any:
    """The key by which an object, perhaps of a parent or a child, is found in the binding's model."""
    return getattr(instance, _shared_key(binding.model, type(instance)).attname)


def touched(
    binding: ScheduleBinding,
    model: type[models.Model],
    keys: Iterable[Any] | models.QuerySet[Any],
    using: str,
) -> models.QuerySet[Any]:
    """The binding's rows that a write to these rows of `model` changes."""
    return sharing(binding.model, model, keys, using)


def sharing(
    target: type[models.Model],
    model: type[models.Model],
    keys: Iterable[Any] | models.QuerySet[Any],
    using: str,
) -> models.QuerySet[Any]:
    """The rows of `target`, the model itself or its parent or child, that are these of `model`.

    Past any manager that hides some. A queryset serves as keys too: as a subquery.
    """
    name = _shared_key(target, model).name
    if isinstance(keys, models.QuerySet):
        keys = keys.using(using).order_by().values(name)
        keys.query.select_for_update = False  # theirs may skip what is locked, and we may not
    return models.QuerySet(target, using=using).filter(**{f"{name}__in": keys})


def _shared_key(one: type[models.Model], other: type[models.Model]) -> models.Field[Any, Any]:
    """The primary key of whichever is the parent of the two: with it, both can be found."""
    return (one if issubclass(other, one) else other)._meta.pk


TOO_MANY: Final = "too_many"
"""Why everyone must read afresh after a write of more than `CAPTURE_LIMIT` rows."""


class TooManyRows(RealtimeError):
    """One write changes more rows than are told of one by one."""


def locked(rows: models.QuerySet[Any], limit: int | None = None) -> Rows:
    """The rows, locked till the commit, in the order of their keys.

    The lock is that of an UPDATE: without it two writers would both say "from 1". Nothing can be
    locked outside a transaction, as where a fixture's object is saved by itself. Raises
    `TooManyRows` for more than `limit`, and reads no more than that.
    """
    ordered = _locking(rows.order_by("pk"))
    found = {row.pk: row for row in (ordered if limit is None else ordered[: limit + 1])}
    if limit is not None and len(found) > limit:
        raise TooManyRows
    return found


def locked_keys(rows: models.QuerySet[Any], keys: Iterable[Any]) -> Rows:
    """Those of the rows that have these keys, locked likewise."""
    # By type first: beside keys that were read there may be one that was assigned as a text.
    listed = sorted(keys, key=lambda key: (type(key).__name__, key))
    return {row.pk: row for row in in_pages(_locking(rows.order_by("pk")), listed)}


def by_key(rows: models.QuerySet[Any], keys: Iterable[Any]) -> Rows:
    """Those of the rows that have these keys, as they are now."""
    return {row.pk: row for row in in_pages(rows, keys)}


def in_pages(rows: models.QuerySet[Any], values: Iterable[Any], name: str = "pk") -> Iterator[Any]:
    """Those of the rows that have one of the values there: any number of them, in their order."""
    for page in pages(values, PAGE):
        yield from rows.filter(**{f"{name}__in": page})


def locked_one(
    binding: ScheduleBinding, model: type[models.Model], key: Any, using: str
) -> models.Model | None:
    """The binding's row that a write to the row of `model` with this key changes, locked."""
    rows = binding.rows(using).filter(**{_shared_key(binding.model, model).name: key})
    # The model's own order of one row costs a third of the time the rest takes to compile.
    return next(iter(_locking(rows.order_by())), None)


def _locking(rows: models.QuerySet[Any]) -> models.QuerySet[Any]:
    connection = connections[rows.db]
    if connection.in_atomic_block or not connection.get_autocommit():
        return rows.select_for_update(no_key=connection.features.has_select_for_no_key_update)
    return rows


def must_be_read_back(binding: ScheduleBinding, instance: models.Model) -> bool:
    """Whether a value is still an `F()` or is made by the database."""
    return any(
        hasattr(instance.__dict__.get(column.attname), "resolve_expression")
        or getattr(column, "generated", False)
        for column in binding.model._meta.concrete_fields
    )


@dataclass(frozen=True, kw_only=True)
class Written:
    """An object that was saved, and what of it: `names` None is all that it carries."""

    instance: models.Model
    before: models.Model | None
    names: Collection[str] | None

    def image(self, binding: ScheduleBinding, using: str) -> models.Model:
        """The row of the binding's model as the save has left it.

        Only columns, and those as the database would give them back: what the instance had
        fetched may be stale, and what it was assigned may be a text.
        """
        columns = binding.model._meta.concrete_fields
        values = [self._value(column) for column in columns]
        return binding.model.from_db(using, [column.attname for column in columns], values)

    def _value(self, column: models.Field[Any, Any]) -> Any:
        names, name = self.names, column.attname
        is_saved = names is None or name in names or column.name in names
        if self.before is None or (is_saved and name in self.instance.__dict__):
            return cleaned(column, getattr(self.instance, name))
        return getattr(self.before, name)
