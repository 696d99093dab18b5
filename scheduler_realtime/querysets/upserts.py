"""Upserts: which rows a `bulk_create` that minds conflicts will find, and which it makes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import reduce
from operator import or_
from typing import Any, Final

from django.db import connections, models
from django.db.models import Q
from django.db.models.expressions import RawSQL

from scheduler_realtime import changes as changing
from scheduler_realtime.changes import BulkWrite
from scheduler_realtime.paging import pages

_PAGE: Final = 200
"""Objects looked up by one query: SQLite takes no deeper an OR than 1,000."""


def tell(
    write: BulkWrite,
    objects: Sequence[models.Model],
    names: Collection[str] | None,
    create: Callable[[], list[Any]],
) -> list[Any]:
    """Create the objects, and tell of them; `names` are of the fields that may be taken already.

    None where the database alone knows them. Then, or where it does not say the new keys, nobody
    can tell what was made of what: everyone must read afresh.
    """
    existing = None if names is None else _existing(write, objects, names)
    write.begin_new(objects, existing or ())
    created = create()
    write.end()
    keys = [each.pk for each in created]
    is_unclear = existing is None or None in keys
    if is_unclear or (names and _came_meanwhile(write, set(keys) - (existing or set()))):
        if write.bindings:
            changing.resync(write.using)
    else:
        write.record_new(keys)
    return created


def _existing(
    write: BulkWrite, objects: Iterable[models.Model], names: Collection[str]
) -> set[Any] | None:
    """The keys of the rows that have what one of the objects has in the fields of these names.

    None where a value is the database's to make.
    """
    if not names:
        return set()
    meta = write.model._meta
    columns: list[Any] = [meta.pk if name == "pk" else meta.get_field(name) for name in names]
    wanted = [{each.attname: getattr(one, each.attname) for each in columns} for one in objects]
    if any(hasattr(value, "resolve_expression") for row in wanted for value in row.values()):
        return None
    # An empty value conflicts with none.
    whole = [Q(**row) for row in wanted if None not in row.values()]
    rows: models.QuerySet[Any] = models.QuerySet(write.model, using=write.using)
    found: set[Any] = set()
    for page in pages(whole, _PAGE):
        found.update(rows.filter(reduce(or_, page)).values_list("pk", flat=True))
    return found


def _came_meanwhile(write: BulkWrite, keys: Collection[Any]) -> bool:
    """Whether another transaction made one of these rows after we had looked.

    PostgreSQL marks a row that it updated instead of inserting it; elsewhere writers take turns.
    """
    if connections[write.using].vendor != "postgresql":
        return False
    rows: models.QuerySet[Any] = models.QuerySet(write.model, using=write.using)
    updated = rows.annotate(updated_by=RawSQL("xmax::text", ())).exclude(updated_by="0")
    return any(True for _ in changing.in_pages(updated, keys))
