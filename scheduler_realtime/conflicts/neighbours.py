"""Neighbours: the bookings that may collide with some, read at once, by index, bounded in time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import reduce
from operator import or_
from typing import Any, Final

from django.db.models import Q

from scheduler_realtime import log
from scheduler_realtime.binding import Interval, Narrowing, Path
from scheduler_realtime.paging import pages

from .bookings import LONGEST, MOST_TURNOVER, Booking, Reader

CONDITIONS: Final = 50
"""Days looked up by one query: the OR of so many still runs by the index."""

_NOTHING: Final = dt.timedelta()


def near(
    reader: Reader, bookings: Sequence[Booking], *, ahead: dt.timedelta = _NOTHING
) -> list[Booking]:
    """All that shares a room, a person or a patient with these at their time, themselves too.

    Around their time in a room as far as its turnover goes; until so long after it where `ahead`
    is given. Others may be among them. Nothing where no column says when: no table is read whole.
    """
    narrowing = Narrowing(reader.binding, log.database())
    if not narrowing.since(dt.datetime.now(dt.UTC)):
        return []
    found: dict[Any, Booking] = {}
    for days in pages(_days(bookings), CONDITIONS):
        conditions = [_around(reader, narrowing, day, ahead) for day in days]
        for booking in reader.where(reduce(or_, conditions)):
            found[booking.key] = booking
    return list(found.values())


def during(
    reader: Reader, bookings: Sequence[Booking], *, turnover: dt.timedelta = _NOTHING
) -> list[Booking]:
    """All that is anywhere around the time of these: who asks which rooms are free.

    `turnover` is the longest of any room: who left it so long before may be in the way still.
    """
    narrowing = Narrowing(reader.binding, log.database())
    if not bookings or not narrowing.since(dt.datetime.now(dt.UTC)):
        return []
    spare = max(turnover, _turnover(reader, bookings))
    conditions = [_at(narrowing, _span([each], before=spare, after=spare)) for each in bookings]
    return reader.where(reduce(or_, conditions))


def _days(bookings: Iterable[Booking]) -> Iterator[list[Booking]]:
    """Those of one day together: a condition costs more than the rows it reads in vain."""
    together: dict[Any, list[Booking]] = {}
    for booking in bookings:
        is_short = booking.end - booking.start <= MOST_TURNOVER
        together.setdefault(booking.start.date() if is_short else booking, []).append(booking)
    yield from together.values()


def _around(
    reader: Reader, narrowing: Narrowing, bookings: Sequence[Booking], ahead: dt.timedelta
) -> Q:
    spare = _turnover(reader, bookings)
    wide = _at(narrowing, _span(bookings, before=spare, after=ahead + spare))
    conditions = list(_shared(reader, bookings))
    if not conditions or not all(conditions):
        return wide
    return wide & reduce(or_, conditions)


def _span(bookings: Iterable[Booking], *, before: dt.timedelta, after: dt.timedelta) -> Interval:
    return Interval(
        start=min(each.start for each in bookings) - before,
        end=max(each.end for each in bookings) + after,
    )


def _at(narrowing: Narrowing, interval: Interval) -> Q:
    return narrowing.during(interval) & narrowing.since(interval.start - LONGEST)


def _turnover(reader: Reader, bookings: Iterable[Booking]) -> dt.timedelta:
    """How long before a start somebody may have left the room who is in the way still."""
    binding = reader.binding
    path, room = binding.turnover_path, binding.room
    if path is None or (room is not None and path.startswith(f"{room}.")):
        return max((each.turnover for each in bookings), default=_NOTHING)
    return MOST_TURNOVER  # each row says its own


def _shared(reader: Reader, bookings: Sequence[Booking]) -> Iterator[Q]:
    """One condition for each thing they take; an empty one where a query cannot say it."""
    binding = reader.binding
    if rooms := _distinct(each.room for each in bookings):
        lookup = binding.lookup(binding.room)
        yield Q() if lookup is None else _one_of(lookup, rooms)
    if patients := _distinct(each.patient for each in bookings):
        lookup = binding.lookup(binding.patient)
        yield Q() if lookup is None else _one_of(lookup, patients)
    people = set().union(*(each.staff for each in bookings))
    for path in binding.staff if people else ():
        kind = reader.kind_at(path)
        some = [key for label, key in people if label == kind or not kind]
        if some:
            yield _has(reader, path, some)


def _has(reader: Reader, path: Path, people: list[Any]) -> Q:
    binding = reader.binding
    if path in reader.staff_lists:
        # A subquery: a join would bring a row once for each of them.
        table = binding.rows(reader.rows().db).order_by()
        return Q(pk__in=table.filter(**{f"{path}__in": people}).values("pk"))
    lookup = binding.lookup(path)
    return Q() if lookup is None else _one_of(lookup, people)


def _one_of(lookup: str, values: Collection[Any]) -> Q:
    return Q(**{f"{lookup}__in": values})


def _distinct(values: Iterable[Any]) -> list[Any]:
    return [value for value in dict.fromkeys(values) if value is not None]
