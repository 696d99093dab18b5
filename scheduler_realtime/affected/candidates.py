"""Candidates: the rows that may overlap, as narrowly as the host's columns can say it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from types import SimpleNamespace
from typing import Any, Final

from django.db.models import Q

from scheduler_realtime import log
from scheduler_realtime.binding import Narrowing, ScheduleBinding

from .spans import Span, stretches

CONDITIONS: Final = 50
"""Stretches looked up by one query: the OR of so many still runs by the index."""

Candidate = tuple[Any, Any]
"""A primary key, and what the binding can be asked about where and when."""


def candidates(binding: ScheduleBinding, spans: Sequence[Span]) -> list[Candidate]:
    """Rows that may overlap any of the spans, in the order of their keys: the caller judges.

    None where no column says anything.
    """
    narrowing = Narrowing(binding, log.database())
    conditions = [
        narrowing.in_rooms(stretch.rooms) & narrowing.during(stretch.interval)
        for stretch in stretches(spans)
    ]
    if not all(conditions):
        return []
    found: dict[Any, Any] = {}
    rest = iter(conditions)
    while some := list(islice(rest, CONDITIONS)):
        found |= _read(binding, Q(*some, _connector=Q.OR))
    # Sorted here: an ORDER BY costs more to compile than so few rows do to sort.
    return sorted(found.items())


def _read(binding: ScheduleBinding, condition: Q) -> dict[Any, Any]:
    rows = binding.rows(log.database()).order_by().filter(condition)
    if binding.has_plain_place:
        key = binding.model._meta.pk.attname
        names = list(dict.fromkeys([key, *binding.place_columns]))
        return {
            values[0]: SimpleNamespace(**dict(zip(names, values, strict=True)))
            for values in rows.values_list(*names)
        }
    related = [path.rpartition(".")[0].replace(".", "__") for path in _followed(binding)]
    return {row.pk: row for row in (rows.select_related(*related) if related else rows)}


def _followed(binding: ScheduleBinding) -> Iterator[str]:
    for path in (binding.room, binding.date, binding.start, binding.end, binding.duration):
        if path is not None and "." in path and binding.lookup(path) is not None:
            yield path
