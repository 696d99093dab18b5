"""Which surgeries a change touches: those of the same room whose time overlaps its old or new."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final

from django.conf import settings
from django.db import models, transaction
from django.db.models import Max, Q
from django.utils import timezone

from . import log
from .binding import Interval, ScheduleBinding, day_of, report_failure
from .folding import Entry
from .registry import binding_labelled
from .wire import plain

CHUNK: Final = 50
"""Changes looked up by one query: the OR of so many still runs by the index."""

_DAY: Final = dt.timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Span:
    """A room, by what equals only for the same room, and when it is taken."""

    room: Any
    interval: Interval


def complete(entries: Sequence[Entry]) -> None:
    """Fill in `affected_surgeries` of captured changes, in the relay's transaction.

    A binding that raises leaves them empty, and is logged: the change itself is told. Only where
    its code runs is there a savepoint, which costs everybody two statements. They stay empty too
    where neither room nor time is a column: the relay does not read a whole table.
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
                with _savepoint(binding):
                    _complete(binding, asked[start : start + CHUNK])
            except Exception as error:  # noqa: BLE001 - the host's code may raise anything
                report_failure(binding, "what its changes affect", error)


def _savepoint(binding: ScheduleBinding) -> AbstractContextManager[object]:
    return nullcontext() if binding.has_plain_place else transaction.atomic(using=log.database())


def _spans(entry: Entry) -> Iterator[Span]:
    for room, start, end in entry.scope.get("spans", ()):
        begin = dt.datetime.fromisoformat(start)
        finish = None if end is None else dt.datetime.fromisoformat(end)
        yield Span(room=room, interval=Interval(start=begin, end=finish))


def _complete(binding: ScheduleBinding, asked: Sequence[tuple[Entry, list[Span]]]) -> None:
    # One change has the same place before and after more often than not: ask once.
    spans = list(dict.fromkeys(span for _, wanted in asked for span in wanted))
    candidates: dict[Any, list[tuple[Any, Interval]]] = {}
    # Sorted here: an ORDER BY costs more to compile than so few rows do to sort.
    for row in sorted(_candidates(binding, spans), key=attrgetter("pk")):
        if (interval := binding.interval_of(row)) is not None:
            room = plain(binding.room_identity(row))
            candidates.setdefault(room, []).append((plain(row.pk), interval))
    for entry, wanted in asked:
        own = entry.data["surgery_id"]
        hit = {
            key: None
            for span in wanted
            for key, interval in candidates.get(span.room, ())
            if key != own and _overlap(interval, span.interval)
        }
        if hit:
            entry.rewrite(entry.data | {"affected_surgeries": list(hit)}, entry.scope)


def _overlap(one: Interval, two: Interval) -> bool:
    return (two.end is None or one.start < two.end) and (one.end is None or two.start < one.end)


def _candidates(binding: ScheduleBinding, spans: Sequence[Span]) -> Iterator[models.Model]:
    """Rows that may overlap: narrowed by whatever columns there are, judged by the caller."""
    rows = binding.rows(log.database()).order_by()
    narrowing = _Narrowing(binding, rows)
    condition = Q()
    for span in spans:
        narrowed = narrowing.to(span)
        if not narrowed:
            return
        condition |= narrowed
    related = [path.rpartition(".")[0].replace(".", "__") for path in _followed(binding)]
    rows = rows.filter(condition)
    yield from rows.select_related(*related) if related else rows


def _followed(binding: ScheduleBinding) -> Iterator[str]:
    for path in (binding.room, binding.date, binding.start, binding.end, binding.duration):
        if path is not None and "." in path and binding.lookup(path) is not None:
            yield path


class _Narrowing:
    """Conditions that every row has which overlaps a span; others may have them too."""

    def __init__(self, binding: ScheduleBinding, rows: models.QuerySet[Any]) -> None:
        self.binding = binding
        self.begin = binding.start
        if not isinstance(binding.column_at(binding.start), models.DateField):
            self.begin = binding.date  # what begins at a time of day, or by a method
        self.longest = self._longest(rows)

    def to(self, span: Span) -> Q:
        """An empty `Q` where no column says anything."""
        room = self.binding.lookup(self.binding.room)
        interval = span.interval
        condition = Q() if room is None else Q(**{room: span.room})
        if interval.end is not None:
            condition &= self._than(self.begin, "lt", interval.end)
        return condition & self._ends_after(interval.start)

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

    def _longest(self, rows: models.QuerySet[Any]) -> dt.timedelta | None:
        """The longest duration there is: what began that long ago may still go on."""
        lookup = self.binding.lookup(self.binding.duration)
        if lookup is None:
            return None
        longest = rows.order_by().aggregate(longest=Max(lookup))["longest"]
        if longest is None or isinstance(longest, dt.timedelta):
            return longest or dt.timedelta()
        return dt.timedelta(minutes=float(longest))


def _as_column(moment: dt.datetime) -> dt.datetime:
    """As the host's database keeps it: naive without `USE_TZ`."""
    if settings.USE_TZ:
        return moment
    return timezone.make_naive(moment, timezone.get_default_timezone())
