"""The operating day: where a local date begins and ends, and when the rooms are open."""

from datetime import UTC, date, datetime, time, timedelta

from django.db.models import Q
from django.utils import timezone

OPENS, CLOSES = time(7, 30), time(19, 0)


def at(day: date, clock: time) -> datetime:
    """That wall-clock time of that day, in the current time zone."""
    return datetime.combine(day, clock, timezone.get_current_timezone())


def during(day: date) -> Q:
    """The surgeries that take up any moment of that day.

    Raises `OverflowError` for the first and the last day there is.
    """
    begin = at(day, time.min).astimezone(UTC)
    end = at(day + timedelta(days=1), time.min).astimezone(UTC)
    return Q(start_time__lt=end, end_time__gt=begin)


def opening_hours(day: date) -> tuple[datetime, datetime]:
    return at(day, OPENS), at(day, CLOSES)
