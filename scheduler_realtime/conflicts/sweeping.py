"""Sweeping: all that has not ended, part by part, where the log cannot say what has changed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from scheduler_realtime import clock, log
from scheduler_realtime.binding import Interval, Narrowing, ScheduleBinding
from scheduler_realtime.models import Involved
from scheduler_realtime.wire import plain

from .bookings import LONGEST
from .seeking import Seeker, primary_keys

PART: Final = 200
"""Rows of one step: between two of them changes of the log have their turn."""

Sweep = dict[str, Any]
"""Where a sweep has got to: `model`, `of` what, and behind which key (`after`)."""

BEGINNING: Final[Sweep] = {}

_STAGES: Final = ("open", "rows")
"""Of each model first what stands in a conflict, which may be over, then what goes on."""


def part(seeker: Seeker, sweep: Sweep) -> tuple[dict[str, list[Any]], Sweep | None]:
    """The next rows by model, and where the sweep has got to with them; None at its end."""
    stages = [(binding, of) for binding in seeker.bindings() for of in _STAGES]
    names = [(binding.label, of) for binding, of in stages]
    now = (sweep.get("model"), sweep.get("of"))
    # A model that is registered no more takes the sweep back to its beginning.
    place, after = (names.index(now), sweep.get("after")) if now in names else (0, None)
    while place < len(stages):
        binding, of = stages[place]
        keys = list(_open(seeker, binding, after) if of == "open" else _going_on(binding, after))
        if keys:
            return {binding.label: keys}, {"model": binding.label, "of": of, "after": keys[-1]}
        place, after = place + 1, None
    return {}, None


def _open(seeker: Seeker, binding: ScheduleBinding, after: Any) -> Iterator[Any]:
    rows = Involved.objects.using(log.database()).filter(
        label=binding.label, conflict__conflict_type__in=list(seeker.kinds)
    )
    if after is not None:
        rows = rows.filter(surgery__gt=json.dumps(after))
    texts = rows.order_by("surgery").values_list("surgery", flat=True).distinct()
    return map(json.loads, texts[:PART])


def _going_on(binding: ScheduleBinding, after: Any) -> Iterator[Any]:
    narrowing, now = Narrowing(binding, log.database()), clock.now()
    condition = narrowing.during(Interval(start=now, end=None)) & narrowing.since(now - LONGEST)
    rows = binding.rows(log.database()).filter(condition)
    if after is not None:
        rows = rows.filter(pk__gt=primary_keys(binding, [after])[0])
    return map(plain, rows.order_by("pk").values_list("pk", flat=True)[:PART])
