"""Which surgeries a change touches: those of the same room whose time overlaps its old or new."""

from __future__ import annotations

import datetime as dt
import functools
import logging
import operator
from collections.abc import Iterator, Sequence
from typing import Any, Final

from django.db import models
from django.db.models import Q

from . import log
from .binding import Interval, ScheduleBinding
from .folding import Entry
from .registry import binding_labelled
from .wire import plain

logger = logging.getLogger(__name__)

CHUNK: Final = 50
"""Changes looked up by one query: the OR of so many still runs by the index."""

Span = tuple[Any, Interval]


def complete(entries: Sequence[Entry]) -> None:
    """Fill in `affected_surgeries` of captured changes, in the relay's transaction.

    A binding that raises leaves them empty, and is logged: the change itself is told. Where
    PostgreSQL then refuses the transaction, the relay gives the positions without asking here:
    a savepoint around each call would cost everybody two statements for that.
    """
    chosen: dict[str, list[tuple[Entry, list[Span]]]] = {}
    for entry in entries:
        if entry.is_object and (spans := list(_spans(entry))):
            chosen.setdefault(entry.data["model"], []).append((entry, spans))
    for label, asked in chosen.items():
        binding = binding_labelled(label)
        if binding is None:
            continue
        for start in range(0, len(asked), CHUNK):
            try:
                _complete(binding, asked[start : start + CHUNK])
            except Exception:
                logger.exception("Looking for what changes of %s affect failed.", label)


def _spans(entry: Entry) -> Iterator[Span]:
    for room, start, end in entry.scope.get("spans", ()):
        yield (
            room,
            Interval(
                start=dt.datetime.fromisoformat(start),
                end=None if end is None else dt.datetime.fromisoformat(end),
            ),
        )


def _complete(binding: ScheduleBinding, asked: Sequence[tuple[Entry, list[Span]]]) -> None:
    spans = [span for _, wanted in asked for span in wanted]
    candidates = [
        (plain(row.pk), plain(binding.room_of(row)), interval)
        for row in _candidates(binding, spans)
        if (interval := binding.interval_of(row)) is not None
    ]
    for entry, wanted in asked:
        own = entry.data["surgery_id"]
        hit = [
            key
            for key, room, interval in candidates
            if key != own and any(room == r and _overlap(interval, i) for r, i in wanted)
        ]
        if hit:
            entry.rewrite(entry.data | {"affected_surgeries": hit}, entry.scope)


def _overlap(one: Interval, two: Interval) -> bool:
    return (two.end is None or one.start < two.end) and (one.end is None or two.start < one.end)


def _candidates(binding: ScheduleBinding, spans: Sequence[Span]) -> Iterator[models.Model]:
    """Rows that may overlap: narrowed by whatever columns there are, judged by the caller."""
    # One change has the same place before and after more often than not: ask once.
    narrowed = [_narrowed(binding, *span) for span in dict.fromkeys(spans)]
    condition = functools.reduce(operator.or_, narrowed)
    rows = binding.model._base_manager.using(log.database()).filter(condition).order_by("pk")
    related = [path.rpartition(".")[0].replace(".", "__") for path in _followed(binding)]
    yield from rows.select_related(*related) if related else rows


def _followed(binding: ScheduleBinding) -> Iterator[str]:
    for path in (binding.room, binding.date, binding.start, binding.end, binding.duration):
        if path is not None and "." in path and binding.lookup(path) is not None:
            yield path


def _narrowed(binding: ScheduleBinding, room: Any, interval: Interval) -> Q:
    condition = Q()
    if (lookup := binding.lookup(binding.room)) is not None:
        condition &= Q(**{lookup: room})
    if interval.end is not None:
        condition &= _before(binding, interval.end)
    if (lookup := binding.moment_lookup(binding.end)) is not None:
        condition &= Q(**{f"{lookup}__gt": interval.start}) | _endless(binding, lookup)
    return condition


def _endless(binding: ScheduleBinding, lookup: str) -> Q:
    """That it has no end, where a column may be empty."""
    own = "__" not in lookup and not binding.model._meta.get_field(lookup).null
    return Q() if own else Q(**{f"{lookup}__isnull": True})


def _before(binding: ScheduleBinding, end: dt.datetime) -> Q:
    """That it starts before `end`; a day more where the column is a date alone."""
    if (lookup := binding.moment_lookup(binding.start)) is not None:
        return Q(**{f"{lookup}__lt": end})
    if (lookup := binding.lookup(binding.date)) is not None:
        return Q(**{f"{lookup}__lte": (end + dt.timedelta(days=1)).date()})
    return Q()
