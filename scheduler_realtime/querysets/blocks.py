"""capture(): a block whose writes are told, by whatever means it makes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import models, transaction
from django.db.models import Max

from scheduler_realtime import changes as changing
from scheduler_realtime.binding import ScheduleBinding
from scheduler_realtime.changes import TOO_MANY, BulkWrite, Change, TooManyRows
from scheduler_realtime.exceptions import InvalidBinding

from .managers import write_alias

IsNew = Callable[[models.Model], bool]


@contextmanager
def capture(target: models.QuerySet[Any] | type[models.Model]) -> Iterator[None]:
    """Tell what the block does to the rows of a queryset or a model, by whatever means.

    The rows are read and locked before, and compared after, in one transaction. For raw SQL and
    managers of others; it costs two reads of all the rows, so narrow the queryset. The model is
    a registered one, the table between of a many-to-many field that is told, or one that is
    depended on.

        with capture(Surgery.objects.filter(room=room)):
            cursor.execute("UPDATE ...")

    A row that comes into a narrowed queryset is told as created where its key is beyond all that
    there were; where it may have been elsewhere, everyone must read afresh. So they must beyond
    `CAPTURE_LIMIT` rows. Raises `InvalidBinding` for a model whose rows concern nobody.
    """
    rows = target if isinstance(target, models.QuerySet) else models.QuerySet(target)
    alias, is_whole = write_alias(rows), rows is not target
    write = BulkWrite(rows.model, alias)
    if not write.concerns_anybody:
        raise InvalidBinding(f"{rows.model._meta.label} is not registered: nothing would be told.")
    with transaction.atomic(using=alias):
        is_new = {binding: _newness(binding, alias, is_whole) for binding in write.bindings}
        write.begin(rows)
        if is_whole:
            write.begin_everywhere()
        yield
        write.end()
        _record_arrived(write, rows, is_new)


def _newness(binding: ScheduleBinding, using: str, is_whole: bool) -> IsNew:
    """Whether a row that was not seen before was not there before: its key may say so."""
    if is_whole:
        return lambda row: True
    if not isinstance(binding.model._meta.pk, models.AutoField):
        return lambda row: False
    highest = binding.rows(using).aggregate(highest=Max("pk"))["highest"]
    return lambda row: highest is None or row.pk > highest


def _record_arrived(
    write: BulkWrite, rows: models.QuerySet[Any], is_new: dict[ScheduleBinding, IsNew]
) -> None:
    """Tell of the rows that were not there before."""
    if write.is_too_much:
        return
    is_unclear = write.links.has_strangers(rows)
    for binding in write.bindings:
        try:
            arrived = write.arrived(binding, rows)
        except TooManyRows:
            changing.resync(write.using, TOO_MANY)
            continue
        new: list[Change] = [(None, row) for row in arrived if is_new[binding](row)]
        changing.record(binding, new, using=write.using)
        is_unclear |= len(new) < len(arrived)
    if is_unclear:
        changing.resync(write.using)
