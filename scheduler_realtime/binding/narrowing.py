"""Narrowing: what a host's columns can say of when and where, as conditions of a query."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, Final

from django.conf import settings
from django.db import models
from django.db.models import Max, Q
from django.utils import timezone

from .schedule import ScheduleBinding
from .times import Interval, day_of

_DAY: Final = dt.timedelta(days=1)


class Narrowing:
    """Conditions that every row has which overlaps a stretch; others may have them too."""

    def __init__(self, binding: ScheduleBinding, using: str) -> None:
        self.binding = binding
        self._using = using
        self.begin = binding.start
        if not isinstance(binding.column_at(binding.start), models.DateField):
            self.begin = binding.date  # what begins at a time of day, or by a method
        self.longest = self._longest()

    def during(self, interval: Interval) -> Q:
        """Of a row that overlaps; an empty `Q` where no column says anything."""
        condition = Q() if interval.end is None else self._than(self.begin, "lt", interval.end)
        return condition & self._ends_after(interval.start)

    def since(self, moment: dt.datetime) -> Q:
        """Of a row that begins after a moment."""
        return self._than(self.begin, "gt", moment)

    def in_rooms(self, rooms: Sequence[Any]) -> Q:
        """Of a row in one of these rooms."""
        lookup = self.binding.lookup(self.binding.room)
        if lookup is None:
            return Q()
        return Q(**{lookup: rooms[0]} if len(rooms) == 1 else {f"{lookup}__in": rooms})

    def _ends_after(self, start: dt.datetime) -> Q:
        binding = self.binding
        if binding.duration is not None:
            by_duration = Q() if self.longest is None else self._since(start, self.longest)
            return self._or_empty(by_duration, binding.duration)
        if binding.end is None:
            return self._since(start, dt.timedelta())
        if isinstance(binding.column_at(binding.end), models.TimeField):
            return self._or_empty(self._since(start, _DAY), binding.end)
        return self._or_empty(self._than(binding.end, "gt", start), binding.end)

    def _since(self, start: dt.datetime, length: dt.timedelta) -> Q:
        """What began no longer before `start` than that."""
        try:
            return self._than(self.begin, "gt", start - length)
        except OverflowError:
            return Q()

    def _or_empty(self, condition: Q, path: str) -> Q:
        """What has no end is open-ended, where the column may be empty."""
        lookup, column = self.binding.lookup(path), self.binding.column_at(path)
        if not condition or lookup is None or column is None:
            return Q()
        is_given = "__" not in lookup and not column.null
        return condition if is_given else condition | Q(**{f"{lookup}__isnull": True})

    def _than(self, path: str | None, comparison: str, moment: dt.datetime) -> Q:
        """A comparison of a datetime; of a date, with a day to spare on either side."""
        lookup, column = self.binding.lookup(path), self.binding.column_at(path)
        if lookup is None or not isinstance(column, models.DateField):
            return Q()
        if isinstance(column, models.DateTimeField):
            return Q(**{f"{lookup}__{comparison}": _as_column(moment)})
        spare = _DAY if comparison == "lt" else -_DAY
        return Q(**{f"{lookup}__{comparison}e": day_of(moment + spare)})

    def _longest(self) -> dt.timedelta | None:
        """The longest duration there is: what began that long ago may still go on."""
        lookup = self.binding.lookup(self.binding.duration)
        if lookup is None:
            return None
        rows = self.binding.rows(self._using).order_by()
        longest = rows.aggregate(longest=Max(lookup))["longest"]
        if longest is None or isinstance(longest, dt.timedelta):
            return longest or dt.timedelta()
        return dt.timedelta(minutes=float(longest))


def _as_column(moment: dt.datetime) -> dt.datetime:
    """As the host's database keeps it: naive without `USE_TZ`."""
    if settings.USE_TZ:
        return moment
    return timezone.make_naive(moment, timezone.get_default_timezone())
