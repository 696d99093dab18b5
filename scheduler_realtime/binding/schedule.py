"""ScheduleBinding: what a host's model means to the schedule, and how its columns say so."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar

from django.db import models

from scheduler_realtime.audience import Audience, permission_group

from . import paths, times
from .paths import Column, Path
from .times import Interval


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
    """When it begins: a datetime, a date (the whole day, where nothing says its end), or a time."""
    end: ClassVar[Path | None] = None
    """The end; a date alone is included, a time before the start is past midnight."""
    duration: ClassVar[Path | None] = None
    """Instead of `end`: a timedelta, or a number of minutes."""
    staff: ClassVar[Sequence[Path]] = ()
    """Those who cannot be in two places: keys, or many-to-many fields."""
    tracked: ClassVar[Sequence[str] | None] = None
    """The fields whose change is told. None: every concrete field."""
    protected: ClassVar[Sequence[str]] = ()
    """Fields left out for those without `scheduler_realtime.view_patient_details`."""
    depends_on: ClassVar[Sequence[Path]] = ()
    """Fields of related models: a change there is a change here."""
    permission: ClassVar[str | None] = None
    """What whoever hears of it must hold beside being in the audience: `app_label.codename`."""

    patient: ClassVar[Path | None] = None
    """Who is operated on, and cannot be in two places either. What equals is the same patient."""
    turnover: ClassVar[Path | float | None] = None
    """Minutes a room takes until the next may begin: a number, or a path to one or a timedelta."""
    inactive: ClassVar[Mapping[str, Sequence[Any]]] = {}
    """Values of own columns by which a row collides with nothing: `{"status": ["cancelled"]}`."""

    def __init__(self, model: type[models.Model]) -> None:
        self.model = model
        self.label = model._meta.label_lower
        # By any name of a field: on the wire it has but one.
        self.protected_names = frozenset(self.protected) | {
            column.name for name in self.protected for column in paths.columns_of(model, name)
        }

    def audience(self, instance: Any) -> Audience:
        """Who may know of this object as it is. Asked for the old row and for the new one.

        It is handed a row of its own, without what the saved instance had fetched or carried
        along, and runs in a savepoint: where it raises, the change is saved all the same, and
        everyone is told to read their data afresh.
        """
        return Audience()

    def may_see(self, user: Any, instance: Any) -> bool:
        """Whether a user in the audience, who holds the permission, may know of this object.

        Override it only where neither says so: it is asked for each user and message, in a thread
        of the server, when the message is handed over. The object is one of its own, with the
        columns as they were then; what it relates to is read as it is now. It is asked for the
        object as it was before a change, too: who may not see it any more is told that it left.
        Where it raises, that user is told to read the data afresh instead.
        """
        return True

    # What the rest of the package asks.

    def rows(self, using: str) -> models.QuerySet[Any]:
        """Every row of the model, past any manager that hides some."""
        return models.QuerySet(self.model, using=using)

    @cached_property
    def fields(self) -> tuple[Column, ...]:
        """The columns whose change is told."""
        if self.tracked is None:
            return tuple(self.model._meta.concrete_fields)
        columns = (column for name in self.tracked for column in paths.columns_of(self.model, name))
        return tuple(dict.fromkeys(columns))

    @cached_property
    def needs(self) -> frozenset[str]:
        """The groups of permissions that whoever hears of an object must be in."""
        return frozenset([permission_group(self.permission)] if self.permission else [])

    @cached_property
    def is_judge(self) -> bool:
        """Whether `may_see` is to be asked."""
        return self._overrides("may_see")

    @cached_property
    def runs_host_code(self) -> bool:
        """Whether describing a change may run the host's code or a query: not without a savepoint."""
        return self._overrides("audience") or not self.has_plain_place

    @cached_property
    def has_plain_place(self) -> bool:
        """Whether columns of the row itself say where and when."""
        return self._own_columns.keys() >= set(self.places) and not self._overrides(
            "room_of", "room_identity", "day_of", "interval_of"
        )

    @cached_property
    def place_columns(self) -> tuple[str, ...]:
        """The attributes of a row that say where and when, of those that are its own columns."""
        return tuple(dict.fromkeys(column.attname for column in self._own_columns.values()))

    @cached_property
    def places(self) -> list[Path]:
        """The paths that say where and when."""
        named = (self.room, self.date, self.start, self.end, self.duration)
        return [path for path in named if path is not None]

    @cached_property
    def _own_columns(self) -> dict[Path, Column]:
        """The paths that are columns of the row itself: read with every change, without a walk."""
        found = {path: self.column_at(path) for path in self.places if "." not in path}
        return {path: column for path, column in found.items() if column is not None}

    def room_of(self, instance: models.Model) -> Any:
        """The room's primary key or text, or None."""
        value = self._value(instance, self.room)
        return value.key if isinstance(value, paths.GenericKey) else _key_of(value)

    def room_identity(self, instance: models.Model) -> Any:
        """What equals only for the same room: two models may have rooms of the same key."""
        value = self._value(instance, self.room)
        if isinstance(value, paths.GenericKey):
            return f"{value.content_type}/{value.key}"
        if isinstance(value, models.Model):
            return f"{value._meta.label_lower}/{value.pk}"
        return value

    def staff_of(self, instance: models.Model) -> frozenset[Any]:
        """The primary keys of those who cannot be in two places. May run a query a field."""
        values = (self._value(instance, path) for path in self.staff)
        return frozenset(key for value in values for key in _keys_of(value) if key is not None)

    def day_of(self, instance: models.Model) -> dt.date | None:
        """The day of its start, in the project's `TIME_ZONE`."""
        day = times.day_of(self._value(instance, self.date))
        if day is None and (interval := self.interval_of(instance)) is not None:
            return times.day_of(interval.start)
        return day

    def interval_of(self, instance: models.Model) -> Interval | None:
        """From when to when, or None for what has no start.

        Where the binding names neither `end` nor `duration`, a date is the whole day and a
        datetime a moment, which overlaps only what is around it.
        """
        day = times.day_of(self._value(instance, self.date))
        begin = day if self.start is None else self._value(instance, self.start)
        start = times.instant(begin, day)
        if start is None:
            return None
        if self.duration is not None:
            end = times.end_after(self._value(instance, self.duration), start=start)
        elif self.end is not None:
            end = times.end_of(self._value(instance, self.end), start=start, day=day)
        elif isinstance(begin, dt.date) and not isinstance(begin, dt.datetime):
            end = times.end_of(begin, start=start, day=day)
        else:
            end = start
        return Interval(start=start, end=end)

    def column_at(self, path: Path | None) -> Column | None:
        """The column at the end of a path, or None where only Python can follow it."""
        if path is None or self._own_method(path) is not None:
            return None
        return paths.column_at(self.model, path)

    def lookup(self, path: Path | None) -> str | None:
        """The path as a queryset lookup, or None where it ends in no column."""
        return path.replace(".", "__") if path and self.column_at(path) is not None else None

    @property
    def narrows_audience(self) -> bool:
        """Whether it says itself who may know of a row."""
        return self._overrides("audience")

    @property
    def can_collide(self) -> bool:
        """Whether it says who or what is taken, from when to when."""
        begins = self.start is not None or self.date is not None
        ends = self.end is not None or self.duration is not None or self.start is None
        return begins and ends and bool(self.room or self.staff or self.patient)

    @property
    def turnover_path(self) -> Path | None:
        """Where the minutes of turnover are found, if not a number for all."""
        return self.turnover if isinstance(self.turnover, str) else None

    def value_of(self, instance: Any, path: Path | None) -> Any:
        """What stands at the end of a path: of a field, or of a method."""
        return self._value(instance, path)

    def many_to_many(self) -> Iterator[models.ManyToManyField[Any, Any]]:
        """The many-to-many fields whose changes are told."""
        for field in self.model._meta.many_to_many:
            if field.name in {*(self.tracked or ()), *self.staff}:
                yield field

    def faults(self) -> Iterator[str]:
        """What is wrong with the binding, in sentences, for the system check."""
        yield from self._faults_of_collisions()
        for path in (*self.places, *self.staff):
            if not self._leads_somewhere(path):
                yield f"`{path}` is neither a field, a path of fields nor a method"
        lists = {field.name for field in self.model._meta.many_to_many}
        for name in {*(self.tracked or ()), *self.protected} - lists - {*self.depends_on}:
            if not paths.columns_of(self.model, name):
                yield f"`{name}` is not a field"
        for path in self.depends_on:
            if paths.keys_along(self.model, path) is None:
                yield f"`{path}` in depends_on must lead over foreign keys to a field"
        if self.duration is not None and self.end is not None:
            yield "`end` and `duration` are both set; keep one of them"

    def _faults_of_collisions(self) -> Iterator[str]:
        for path in (self.patient, self.turnover_path):
            if path is not None and not self._leads_somewhere(path):
                yield f"`{path}` is neither a field, a path of fields nor a method"
        for name in self.inactive:
            if paths.column_named(self.model, name) is None:
                yield f"`{name}` in inactive is not a field"

    def _leads_somewhere(self, path: Path) -> bool:
        return self._own_method(path) is not None or paths.leads_somewhere(self.model, path)

    def _overrides(self, *names: str) -> bool:
        return any(getattr(type(self), n) is not getattr(ScheduleBinding, n) for n in names)

    def _own_method(self, name: str) -> Callable[..., Any] | None:
        own = getattr(type(self), name, None)
        return own if callable(own) and not hasattr(ScheduleBinding, name) else None

    def _value(self, instance: models.Model, path: Path | None) -> Any:
        if path is None:
            return None
        if (column := self._own_columns.get(path)) is not None:
            return paths.cleaned(column, getattr(instance, column.attname))
        if (method := self._own_method(path)) is not None:
            return method(self, instance)
        return paths.value_at(instance, path)


def _key_of(value: Any) -> Any:
    return value.pk if isinstance(value, models.Model) else value


def _keys_of(value: Any) -> Iterable[Any]:
    """One key, or those of a relation, a queryset or a list."""
    if isinstance(value, models.Manager | models.QuerySet):
        return value.values_list("pk", flat=True)
    if isinstance(value, list | tuple | set | frozenset):
        return map(_key_of, value)
    return [_key_of(value)]
