"""Bookings: what a row of a host's table takes, from when to when, and nothing else of it."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from types import SimpleNamespace
from typing import Any, Final

from django.db import models
from django.db.models import Q, QuerySet

from scheduler_realtime import log
from scheduler_realtime.binding import Path, ScheduleBinding, report_failure
from scheduler_realtime.guarding import savepoint
from scheduler_realtime.paging import pages
from scheduler_realtime.registry import DAY_MINUTES
from scheduler_realtime.wire import plain

LONGEST: Final = dt.timedelta(days=7)
"""What lasts longer is no surgery but a mistake, or a closure: it takes no part."""

MOST_TURNOVER: Final = dt.timedelta(minutes=DAY_MINUTES)
"""A longer turnover counts as this one: so far around a change a room is looked at."""

KEYS: Final = 500
"""Primary keys in one query."""

Identity = tuple[str, Any]
"""Somebody, whichever column names them: the model that the key belongs to, and the key."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Booking:
    """Half-open, in UTC. `room` equals only for the same room, `room_key` is as on the wire."""

    key: Any
    start: dt.datetime
    end: dt.datetime
    room: Any
    room_key: Any
    staff: frozenset[Identity]
    patient: Any
    turnover: dt.timedelta

    def overlaps(self, other: Booking) -> bool:
        """Touching is no overlap."""
        return self.start < other.end and other.start < self.end


class Reader:
    """Reads the bookings of one binding."""

    def __init__(self, binding: ScheduleBinding) -> None:
        self.binding = binding
        self._lists = {field.name: field for field in binding.model._meta.many_to_many}

    @cached_property
    def columns(self) -> dict[Path, models.Field[Any, Any]]:
        """The paths to people, patients and minutes that a query can read."""
        found = {path: self.binding.column_at(path) for path in self._paths}
        return {path: column for path, column in found.items() if column is not None}

    @cached_property
    def staff_lists(self) -> list[str]:
        """The many-to-many fields among the staff."""
        return [path for path in self.binding.staff if path in self._lists]

    @cached_property
    def is_plain(self) -> bool:
        """Whether columns say it all: then no row is made an object."""
        wanted = {*self._paths} - {*self.staff_lists}
        return self.binding.has_plain_place and wanted <= self.columns.keys()

    @property
    def _paths(self) -> list[Path]:
        binding = self.binding
        singles = [path for path in (binding.patient, binding.turnover_path) if path is not None]
        return [*binding.staff, *singles]

    def rows(self) -> QuerySet[Any]:
        """The rows that count."""
        rows = self.binding.rows(log.database()).order_by()
        for name, values in self.binding.inactive.items():
            rows = rows.exclude(**{f"{name}__in": list(values)})
        return rows

    def of(self, keys: Sequence[Any]) -> list[Booking]:
        """The bookings with these primary keys, as far as they are there and count."""
        found: list[Booking] = []
        for page in pages(keys, KEYS):
            found += self.where(Q(pk__in=page))
        return found

    def where(self, condition: Q) -> list[Booking]:
        """The bookings of which a condition holds. A row for which the host's code raises is none."""
        rows = self.rows().filter(condition)
        if self.is_plain:
            return self._made(self._plain(rows))
        found = self._with_relations(rows)
        try:
            with savepoint():
                return self._made(map(self._said, found))
        except Exception:  # noqa: BLE001 - asked one by one, it is reported
            return [booking for row in found for booking in self._alone(row)]

    def _alone(self, row: Any) -> list[Booking]:
        try:
            with savepoint():
                return self._made([self._said(row)])
        except Exception as error:  # noqa: BLE001 - the host's code may raise anything
            report_failure(self.binding, row.pk, error)
            return []

    def _made(self, rows: Iterable[tuple[Any, Any, dict[Path, Any]]]) -> list[Booking]:
        said = list(rows)
        people = self._people([key for key, _, _ in said])
        made = (self._booking(*each, people.get(each[0], ())) for each in said)
        return [booking for booking in made if booking is not None]

    def _plain(self, rows: QuerySet[Any]) -> Iterator[tuple[Any, Any, dict[Path, Any]]]:
        binding = self.binding
        own = list(dict.fromkeys([binding.model._meta.pk.attname, *binding.place_columns]))
        paths = list(self.columns)
        lookups = [str(binding.lookup(path)) for path in paths]
        for values in rows.values_list(*own, *lookups):
            row = SimpleNamespace(**dict(zip(own, values[: len(own)], strict=True)))
            yield values[0], row, dict(zip(paths, values[len(own) :], strict=True))

    def _with_relations(self, rows: QuerySet[Any]) -> list[Any]:
        related = [
            path.rpartition(".")[0].replace(".", "__")
            for path in (*self.binding.places, *self._paths)
            if "." in path and self.binding.lookup(path) is not None
        ]
        return list(rows.select_related(*related) if related else rows)

    def _said(self, row: Any) -> tuple[Any, Any, dict[Path, Any]]:
        paths = [path for path in self._paths if path not in self._lists]
        return row.pk, row, {path: self.binding.value_of(row, path) for path in paths}

    def kind_at(self, path: Path) -> str:
        """Whose keys stand there: those of a model, or a kind of column; empty for a method's."""
        field = self._lists.get(path) or self.columns.get(path)
        if field is None:
            return ""
        return _label(field.related_model) or field.get_internal_type()

    def _people(self, keys: Sequence[Any]) -> dict[Any, list[Identity]]:
        found: dict[Any, list[Identity]] = {}
        for name in self.staff_lists:
            label = self.kind_at(name)
            for page in pages(keys, KEYS):
                some = self.binding.rows(log.database()).filter(pk__in=page)
                for key, person in some.order_by().values_list("pk", name):
                    if person is not None:
                        found.setdefault(key, []).append((label, plain(person)))
        return found

    def _booking(
        self, key: Any, row: Any, said: dict[Path, Any], people: Iterable[Identity]
    ) -> Booking | None:
        """None for what takes no part: without a start or an end, not after its start, too long."""
        interval = self.binding.interval_of(row)
        if interval is None or interval.end is None:
            return None
        if not dt.timedelta() < interval.end - interval.start <= LONGEST:
            return None
        if interval.start.year < 2 or interval.end.year > 9998:
            return None  # a day more or less would lie beyond the calendar
        named = (self._identities(path, said[path]) for path in self.binding.staff if path in said)
        path, turnover = self.binding.turnover_path, self.binding.turnover
        patient = None if self.binding.patient is None else said[self.binding.patient]
        return Booking(
            key=plain(key),
            start=interval.start,
            end=interval.end,
            room=_nothing_if_empty(plain(self.binding.room_identity(row))),
            room_key=plain(self.binding.room_of(row)),
            staff=frozenset(people).union(*named),
            patient=_nothing_if_empty(plain(_key_of(patient))),
            turnover=length(turnover if path is None else said[path]),
        )

    def _identities(self, path: Path, value: Any) -> Iterator[Identity]:
        label = self.kind_at(path)
        for each in _each(value):
            if isinstance(each, models.Model):
                yield _label(type(each)), plain(each.pk)
            elif each not in (None, ""):
                yield label, plain(each)


def _label(model: Any) -> str:
    return "" if model is None else str(model._meta.concrete_model._meta.label_lower)


def _each(value: Any) -> Iterable[Any]:
    if isinstance(value, models.Manager):
        return value.all()
    is_many = isinstance(value, models.QuerySet | list | tuple | set | frozenset)
    return value if is_many else (value,)


def _key_of(value: Any) -> Any:
    return value.pk if isinstance(value, models.Model) else value


def _nothing_if_empty(value: Any) -> Any:
    return None if value == "" else value


def length(minutes: Any) -> dt.timedelta:
    """None, a negative number and one that is none are no turnover."""
    if isinstance(minutes, int | float | Decimal) and math.isfinite(minutes):
        minutes = dt.timedelta(minutes=min(max(float(minutes), 0.0), DAY_MINUTES))
    if not isinstance(minutes, dt.timedelta):
        return dt.timedelta()
    return min(max(minutes, dt.timedelta()), MOST_TURNOVER)
