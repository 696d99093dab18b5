"""ScheduleBinding: what a host's model means to the schedule, and how its columns say so."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.utils import timezone

from scheduler_realtime.audience import Audience

Path = str
"""A field, a dotted path over relations (`procedure.room`), or a method of binding or model."""


@dataclass(frozen=True, kw_only=True)
class Interval:
    """Half-open, in aware datetimes: touching is no overlap. `end` None is open-ended."""

    start: dt.datetime
    end: dt.datetime | None


class ScheduleBinding:
    """What a model means to the schedule. Subclass it, set attributes, and `register` it.

    Every attribute may stay as it is: then each saved change of the model is told to everyone,
    with all its concrete fields. A path that does not lead anywhere is found by `check`.
    """

    room: ClassVar[Path | None] = None
    """Where it happens; on the wire the primary key of it, or the text itself."""
    date: ClassVar[Path | None] = None
    """The day, for models whose `start` and `end` are times of day."""
    start: ClassVar[Path | None] = None
    end: ClassVar[Path | None] = None
    """The end; a date alone is included."""
    duration: ClassVar[Path | None] = None
    """Instead of `end`: a timedelta, or a number of minutes."""
    staff: ClassVar[Sequence[Path]] = ()
    """Those who cannot be in two places."""
    tracked: ClassVar[Sequence[str] | None] = None
    """The fields whose change is told. None: every concrete field."""
    protected: ClassVar[Sequence[str]] = ()
    """Fields left out for those without `scheduler_realtime.view_patient_details`."""
    depends_on: ClassVar[Sequence[Path]] = ()
    """Fields of related models: a change there is a change here."""

    def __init__(self, model: type[models.Model]) -> None:
        self.model = model
        self.label = model._meta.label_lower
        self.fields = self._tracked_fields()
        self.protected_names = frozenset(self.protected)

    def audience(self, instance: Any) -> Audience:
        """Who may know of this object as it is. Asked for the old row and for the new one.

        Runs in a savepoint: where it raises, the change is saved all the same, and everyone is
        told to read their data afresh.
        """
        return Audience()

    # What the rest of the package asks.

    @property
    def runs_host_code(self) -> bool:
        """Whether describing a change may run the host's code or a query: not without a savepoint."""
        return type(self).audience is not ScheduleBinding.audience or any(
            not self._is_column(path) for path in self._paths()
        )

    def room_of(self, instance: models.Model) -> Any:
        """The room's primary key or text, or None."""
        return _key_of(self._value(instance, self.room))

    def day_of(self, instance: models.Model) -> dt.date | None:
        """The day of its start, in the project's `TIME_ZONE`."""
        day = self._value(instance, self.date)
        if isinstance(day, dt.datetime):
            return _local(day).date()
        if isinstance(day, dt.date):
            return day
        interval = self.interval_of(instance)
        return (
            None
            if interval is None
            else timezone.localtime(interval.start, timezone.get_default_timezone()).date()
        )

    def interval_of(self, instance: models.Model) -> Interval | None:
        """From when to when, or None for what has no start."""
        day = self._value(instance, self.date)
        start = _moment(self._value(instance, self.start), day)
        if start is None:
            start = _moment(day, None)
        if start is None:
            return None
        if self.duration is not None:
            length = self._value(instance, self.duration)
            if isinstance(length, int | float):
                length = dt.timedelta(minutes=length)
            return Interval(start=start, end=None if length is None else start + length)
        return Interval(start=start, end=self._end(instance, day, start))

    def _end(
        self, instance: models.Model, day: dt.date | None, start: dt.datetime
    ) -> dt.datetime | None:
        value = self._value(instance, self.end)
        if value is None:
            whole_day = self.start is None and self.end is None and day is not None
            return start + dt.timedelta(days=1) if whole_day else None
        if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
            value = value + dt.timedelta(days=1)
        end = _moment(value, day)
        if end is not None and isinstance(value, dt.time) and end <= start:
            end += dt.timedelta(days=1)  # past midnight
        return end

    def lookup(self, path: Path | None) -> str | None:
        """The path as a queryset lookup, or None where only Python can follow it."""
        if path is None or not self._is_field_path(path):
            return None
        return path.replace(".", "__")

    def moment_lookup(self, path: Path | None) -> str | None:
        """The same, only where the path ends in a datetime column, which instants compare with."""
        lookup = self.lookup(path)
        if path is None or lookup is None:
            return None
        field: Any = None
        model: Any = self.model
        for hop in path.split("."):
            field = model._meta.get_field(hop)
            model = field.related_model
        return lookup if isinstance(field, models.DateTimeField) else None

    def faults(self) -> Iterator[str]:
        """What is wrong with the binding, in sentences, for the system check."""
        for path in self._paths():
            if not (self._is_field_path(path) or self._is_method(path)):
                yield f"`{path}` is neither a field, a path of fields nor a method"
        for name in [*(self.tracked or ()), *self.protected]:
            if not self._is_field(name):
                yield f"`{name}` is not a field"
        for path in self.depends_on:
            if "." not in path or not self._is_field_path(path):
                yield f"`{path}` in depends_on must lead over a relation to a field"
        if self.duration is not None and self.end is not None:
            yield "`end` and `duration` are both set; keep one of them"

    def _paths(self) -> list[Path]:
        named = [self.room, self.date, self.start, self.end, self.duration, *self.staff]
        return [path for path in named if path is not None]

    def _tracked_fields(self) -> tuple[models.Field[Any, Any], ...]:
        if self.tracked is None:
            return tuple(self.model._meta.concrete_fields)
        found = (_column(self.model, name) for name in self.tracked)
        return tuple(field for field in found if field is not None)

    def many_to_many(self) -> Iterator[models.ManyToManyField[Any, Any]]:
        """The many-to-many fields whose changes are told."""
        for field in self.model._meta.many_to_many:
            if field.name in {*(self.tracked or ()), *self.staff}:
                yield field

    def _is_field(self, name: str) -> bool:
        try:
            self.model._meta.get_field(name)
        except FieldDoesNotExist:
            return name == "pk"
        return True

    def _is_column(self, path: Path) -> bool:
        return "." not in path and self._is_field(path) and self._method_of_binding(path) is None

    def _is_field_path(self, path: Path) -> bool:
        model: Any = self.model
        for hop in path.split("."):
            try:
                field = model._meta.get_field(hop)
            except (FieldDoesNotExist, AttributeError):
                return False
            model = getattr(field, "related_model", None)
        return True

    def _method_of_binding(self, name: str) -> Callable[..., Any] | None:
        own = getattr(type(self), name, None)
        return own if callable(own) and not hasattr(ScheduleBinding, name) else None

    def _is_method(self, path: Path) -> bool:
        if self._method_of_binding(path) is not None:
            return True
        method = getattr(self.model, path, None)
        return callable(method) or isinstance(method, property)

    def _value(self, instance: models.Model, path: Path | None) -> Any:
        if path is None:
            return None
        if (method := self._method_of_binding(path)) is not None:
            return method(self, instance)
        *hops, last = path.split(".")
        found: Any = instance
        for hop in hops:
            found = getattr(found, hop, None)
            if found is None:
                return None
        return _attribute(found, last)


def _attribute(instance: Any, name: str) -> Any:
    """A value without fetching what a foreign key points to: its key is all we want.

    Cleaned as the field would: an instance may carry the text it was assigned.
    """
    if isinstance(instance, models.Model) and (field := _column(type(instance), name)) is not None:
        return field.to_python(getattr(instance, field.attname))
    value = getattr(instance, name)
    return value() if callable(value) and not isinstance(value, models.Manager) else value


def _column(model: type[models.Model], name: str) -> models.Field[Any, Any] | None:
    try:
        field = model._meta.pk if name == "pk" else model._meta.get_field(name)
    except FieldDoesNotExist:
        return None
    return field if isinstance(field, models.Field) and not field.many_to_many else None


def _key_of(value: Any) -> Any:
    return value.pk if isinstance(value, models.Model) else value


def _local(moment: dt.datetime) -> dt.datetime:
    zone = timezone.get_default_timezone()
    if timezone.is_naive(moment):
        return timezone.make_aware(moment, zone)
    return timezone.localtime(moment, zone)


def _moment(value: Any, day: dt.date | None) -> dt.datetime | None:
    """A datetime, a date, or a time of that day, as an aware datetime."""
    if isinstance(day, dt.datetime):
        day = _local(day).date()
    match value:
        case dt.datetime():
            return _local(value)
        case dt.date():
            return _local(dt.datetime.combine(value, dt.time()))
        case dt.time() if day is not None:
            return _local(dt.datetime.combine(day, value))
    return None
