"""Naming: the sentence and the id of a conflict, with nothing in them that the binding protects."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from django.db import models
from django.utils import timezone

from scheduler_realtime import log, registry
from scheduler_realtime.binding import ScheduleBinding
from scheduler_realtime.wire import dumps, plain

from .pairs import PATIENT, ROOM, STAFF, TURNOVER, Pair

SEVERITIES: Final = {ROOM: "error", STAFF: "error", TURNOVER: "warning", PATIENT: "critical"}

_NAME: Final = 100
"""Characters of a room's name in a sentence."""

_SPACE: Final = uuid.UUID("6c9d1f5e-7a1b-5d64-9c38-0a4f5f3b7e21")


def conflict_id(label: str, kind: str, keys: Iterable[Any]) -> str:
    """The same for the same pair, model and kind, whichever of the two comes first."""
    return str(uuid.uuid5(_SPACE, dumps([label, kind, *sorted(keys, key=_rank)])))


def _rank(key: Any) -> tuple[str, str]:
    return type(key).__name__, str(key)


def is_shown(binding: ScheduleBinding, *paths: str | None) -> bool:
    """Whether none of these paths begins at a field that is protected."""
    heads = {path.partition(".")[0] for path in paths if path is not None}
    return binding.protected_names.isdisjoint(heads)


def shows_time(binding: ScheduleBinding) -> bool:
    """Whether everybody who hears of a row may know its time."""
    return is_shown(binding, binding.date, binding.start, binding.end, binding.duration)


def room_names(binding: ScheduleBinding, keys: Collection[Any]) -> dict[Any, str]:
    """How people call these rooms: as their model prints them, unless that is not for everyone.

    One query, where rooms are a model.
    """
    column = binding.column_at(binding.room)
    model: Any = None if column is None else column.related_model
    if model is None:
        return {key: str(key)[:_NAME] for key in keys}
    own = registry.binding_for(model)
    if own is not None and (
        own.protected_names or own.narrows_audience or own.needs or own.is_judge
    ):
        return {}
    rooms: models.QuerySet[Any] = models.QuerySet(model, using=log.database()).filter(
        pk__in=list(keys)
    )
    return {plain(room.pk): str(room)[:_NAME] for room in rooms}


def sentence(binding: ScheduleBinding, pair: Pair, names: Mapping[Any, str]) -> str:
    """What collides, where and when, for a person to read."""
    thing = str(binding.model._meta.verbose_name)
    both = f"{thing.capitalize()} {pair.first.key} and {thing} {pair.second.key}"
    room = names.get(pair.first.room_key) if is_shown(binding, binding.room) else None
    place = f" in {room}" if room else " in one room"
    if pair.kind == TURNOVER:
        return f"{both} follow each other{place} {_pause(binding, pair)}."
    overlap = _overlap(binding, pair)
    if pair.kind == STAFF:
        return f"{both} need the same person{overlap}."
    if pair.kind == PATIENT:
        return f"{both} are of the same patient{overlap}."
    return f"{both} overlap{place}{overlap}."


def _pause(binding: ScheduleBinding, pair: Pair) -> str:
    if not shows_time(binding):
        return "without the time that the room takes in between"
    pause = _minutes(pair.second.start - pair.first.end)
    return f"after {pause}; the room takes {_minutes(pair.first.turnover)} in between"


def _minutes(length: dt.timedelta) -> str:
    return f"{length.total_seconds() / 60:g} minutes"


def _overlap(binding: ScheduleBinding, pair: Pair) -> str:
    if not shows_time(binding):
        return " at the same time"
    zone = timezone.get_default_timezone()
    begin = pair.second.start.astimezone(zone)
    end = min(pair.first.end, pair.second.end).astimezone(zone)
    until = end.strftime("%H:%M" if end.date() == begin.date() else "%Y-%m-%d %H:%M")
    return f" on {begin:%Y-%m-%d}, from {begin:%H:%M} to {until}"
