"""Pictures: what a binding says of a row at a moment, before the next statement changes it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import models

from scheduler_realtime.binding import ScheduleBinding, report_failure
from scheduler_realtime.wire import plain

from .savepoints import savepoint_when_needed


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A row with the groups that may know of it, and its place as the wire has it.

    `span` is the room's identity with the begin and the end, or None for what has no room or no
    time: who has one may be affected by others there.
    """

    row: models.Model
    groups: frozenset[str]
    room: Any
    date: str | None
    span: tuple[Any, str, str | None] | None


def picture(binding: ScheduleBinding, row: models.Model) -> Picture:
    """What the binding says of the row now. May run the host's code, and raise whatever that does."""
    return Picture(
        row=row,
        groups=binding.audience(row).groups,
        room=plain(binding.room_of(row)),
        date=plain(binding.day_of(row)),
        span=_span(binding, row),
    )


def _span(binding: ScheduleBinding, row: models.Model) -> tuple[Any, str, str | None] | None:
    room = plain(binding.room_identity(row))
    interval = None if room is None else binding.interval_of(row)
    if interval is None:
        return None
    return (room, interval.start.isoformat(), _text(interval.end))


def _text(moment: dt.datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def look(
    binding: ScheduleBinding, rows: Iterable[models.Model], using: str
) -> dict[Any, Picture | models.Model]:
    """Pictures of rows that are about to change, by primary key.

    Where the host's code raises, the row itself: it will be asked again, and told of, afterwards.
    """
    found: dict[Any, Picture | models.Model] = {}
    for row in rows:
        try:
            if not binding.runs_host_code:
                found[row.pk] = picture(binding, row)
                continue
            with savepoint_when_needed(using):
                found[row.pk] = picture(binding, row)
        except Exception as error:  # noqa: BLE001 - the host's code may raise anything
            report_failure(binding, row.pk, error)
            found[row.pk] = row
    return found
