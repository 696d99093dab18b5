"""Days: the rows that a recomputation of one day looks at."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any, Final

from scheduler_realtime import log
from scheduler_realtime.binding import Interval, Narrowing, instant
from scheduler_realtime.models import Involved
from scheduler_realtime.wire import plain

from .bookings import LONGEST
from .seeking import Seeker

_DAY: Final = dt.timedelta(days=1)


def keys_of_day(seeker: Seeker, day: dt.date) -> dict[str, list[Any]]:
    """By model, what goes on that day, and what an open conflict of that day involves.

    Raises `OverflowError` at the end of the calendar.
    """
    found: dict[str, list[Any]] = {}
    start, end = instant(day), instant(day + _DAY)
    if start is None or end is None:
        raise OverflowError(f"{day} has no end.")
    for binding in seeker.bindings():
        narrowing = Narrowing(binding, log.database())
        condition = narrowing.during(Interval(start=start, end=end))
        since = narrowing.since(start - LONGEST)
        rows = binding.rows(log.database()).order_by().filter(condition & since)
        keys = dict.fromkeys(plain(key) for key in rows.values_list("pk", flat=True))
        found[binding.label] = list(keys | dict.fromkeys(_involved(seeker, binding.label, day)))
    return found


def _involved(seeker: Seeker, label: str, day: dt.date) -> list[Any]:
    rows = Involved.objects.using(log.database()).filter(
        label=label, conflict__conflict_type__in=list(seeker.kinds), conflict__status="open"
    )
    on_day = rows.filter(conflict__dates__contains=day.isoformat())
    return [json.loads(text) for text in on_day.values_list("surgery", flat=True)]
