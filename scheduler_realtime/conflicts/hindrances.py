"""Hindrances: why conflicts of a model would be found slowly, or late."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db import models

from scheduler_realtime.binding import ScheduleBinding


def missing_index(binding: ScheduleBinding) -> list[str] | None:
    """The fields of the index by which neighbours in time could be found, where there is none.

    One that begins with the room is enough where nothing but rooms can be taken twice.
    """
    begin = _own(binding, binding.start) or _own(binding, binding.date)
    if binding.column_at(binding.start) is not None and not isinstance(
        binding.column_at(binding.start), models.DateField
    ):
        begin = _own(binding, binding.date)  # a time of day says no day
    if begin is None:
        return None
    firsts = set(_first_columns(binding.model))
    room = _own(binding, binding.room)
    is_room_alone = not binding.staff and binding.patient is None
    if begin in firsts or (is_room_alone and (room, begin) in set(_first_pairs(binding.model))):
        return None
    end = _own(binding, binding.end)
    return [begin, end] if end not in (None, begin) else [begin]


def unheard(binding: ScheduleBinding) -> list[str]:
    """Own columns that decide what collides, but whose change is not among what is told."""
    told = {column.name for column in binding.fields}
    paths = [*binding.places, *binding.staff, *binding.inactive]
    paths += [path for path in (binding.patient, binding.turnover_path) if path is not None]
    heads = dict.fromkeys(_own(binding, path.partition(".")[0]) for path in paths)
    return [name for name in heads if name is not None and name not in told]


def _own(binding: ScheduleBinding, path: str | None) -> str | None:
    column = None if path is None or "." in path else binding.column_at(path)
    return None if column is None else column.name


def _first_columns(model: Any) -> Iterator[str]:
    for field in model._meta.concrete_fields:
        if field.db_index or field.unique:
            yield field.name
    yield from (names[0] for names in _indexes(model))


def _first_pairs(model: Any) -> Iterator[tuple[str | None, str]]:
    yield from ((names[0], names[1]) for names in _indexes(model) if len(names) > 1)


def _indexes(model: Any) -> Iterator[list[str]]:
    meta = model._meta
    for index in meta.indexes:
        if index.fields and index.condition is None:
            yield [name.removeprefix("-") for name in index.fields]
    for constraint in meta.constraints:
        if isinstance(constraint, models.UniqueConstraint) and constraint.fields:
            yield list(constraint.fields)
    yield from (list(names) for names in meta.unique_together)
