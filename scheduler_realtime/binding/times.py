"""Columns of dates, times and lengths as instants: when something begins and ends."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from django.utils import timezone

_DAY: Final = dt.timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Interval:
    """Half-open, in UTC: touching is no overlap. `end` None is open-ended.

    In UTC, because Python adds to and compares datetimes of one zone by the clock on the wall.
    """

    start: dt.datetime
    end: dt.datetime | None


def instant(value: Any, day: dt.date | None = None) -> dt.datetime | None:
    """A datetime, a date (its midnight), or a time of that day, in UTC.

    Naive is in the project's `TIME_ZONE`. None for nothing, for a time without a day, and for
    what lies outside the calendar: the year 9999 is how some say "for ever".
    """
    moment: dt.datetime
    match value:
        case dt.datetime():
            moment = value
        case dt.date():
            moment = dt.datetime.combine(value, dt.time())
        case dt.time() if day is not None:
            moment = dt.datetime.combine(day, value)
        case _:
            return None
    if timezone.is_naive(moment):
        moment = timezone.make_aware(moment, timezone.get_default_timezone())
    try:
        return moment.astimezone(dt.UTC)
    except OverflowError:
        return None


def day_of(value: Any) -> dt.date | None:
    """The day of a date or a datetime, in the project's `TIME_ZONE`."""
    if isinstance(value, dt.datetime):
        moment = instant(value)
        zone = timezone.get_default_timezone()
        return None if moment is None else timezone.localtime(moment, zone).date()
    return value if isinstance(value, dt.date) else None


def end_of(value: Any, *, start: dt.datetime, day: dt.date | None) -> dt.datetime | None:
    """The end as an instant: a date alone is included, a time not after the start is past midnight."""
    if isinstance(value, dt.time):
        day = day or day_of(start)
        end = instant(value, day)
        past_midnight = end is not None and end <= start
        return instant(value, _after(day)) if past_midnight else end
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return instant(_after(value))
    return instant(value)


def end_after(length: Any, *, start: dt.datetime) -> dt.datetime | None:
    """The end by a timedelta or a number of minutes; None for no length, or beyond the calendar."""
    if isinstance(length, int | float | Decimal):
        length = dt.timedelta(minutes=float(length))
    try:
        return None if length is None else start + length
    except OverflowError:
        return None


def _after(day: dt.date | None) -> dt.date | None:
    return None if day is None or day == dt.date.max else day + _DAY
