"""Suggestions: where and when a surgery that collides could be instead, true when they are made."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from django.db import models

from scheduler_realtime import clock, log
from scheduler_realtime.binding import ScheduleBinding, value_at
from scheduler_realtime.wire import plain

from .bookings import Booking, Reader, length
from .naming import is_shown, shows_time
from .neighbours import during, near
from .pairs import ROOM, TURNOVER, Pair

AHEAD: Final = dt.timedelta(hours=24)
"""How far ahead a free slot is looked for."""

ROOMS: Final = 200
"""Rooms that are looked at for one that is free."""


def suggest(reader: Reader, pairs: Sequence[Pair]) -> list[list[dict[str, Any]]]:
    """For each pair what would end it, by moving the one that begins later.

    Its next free slot in its room, with the turnover before and after, at which none of its
    people and not its patient is taken; and, where only the room is the matter, another room
    that is free at its time. Two reads, and one of the rooms, for all pairs.
    """
    binding = reader.binding
    if not pairs or not shows_time(binding) or not is_shown(binding, binding.room):
        return [[] for _ in pairs]
    movable = list({pair.second.key: pair.second for pair in pairs}.values())
    around = near(reader, movable, ahead=AHEAD)
    rooms = _Rooms(reader, [pair.second for pair in pairs if pair.kind in (ROOM, TURNOVER)])
    return [[*_later(pair, around), *rooms.instead(pair, around)] for pair in pairs]


def _later(pair: Pair, around: Iterable[Booking]) -> Iterator[dict[str, Any]]:
    moved = pair.second
    others = [each for each in around if each.key != moved.key and _shares(each, moved)]
    earliest = max(moved.start, clock.now())
    frees = {_leaves(each, moved) for each in others}
    for start in sorted(each for each in frees if earliest < each <= moved.start + AHEAD):
        tried = replace(moved, start=start, end=start + (moved.end - moved.start))
        if not any(_hinders(each, tried) for each in others):
            yield _move(tried, "move")
            return


def _shares(one: Booking, other: Booking) -> bool:
    return (
        (one.room is not None and one.room == other.room)
        or not one.staff.isdisjoint(other.staff)
        or (one.patient is not None and one.patient == other.patient)
    )


def _leaves(one: Booking, moved: Booking) -> dt.datetime:
    return one.end + one.turnover if one.room == moved.room else one.end


def _hinders(one: Booking, tried: Booking) -> bool:
    if one.room is not None and one.room == tried.room:
        return one.start < tried.end + tried.turnover and tried.start < one.end + one.turnover
    return _shares(one, tried) and one.overlaps(tried)


def _move(tried: Booking, action: str) -> dict[str, Any]:
    return {
        "action": action,
        "surgery_id": tried.key,
        "room_id": tried.room_key,
        "start": tried.start.isoformat(),
        "end": tried.end.isoformat(),
    }


class _Rooms:
    """The rooms there are, where they are rows of a model, and who is in them at some time."""

    def __init__(self, reader: Reader, movable: Sequence[Booking]) -> None:
        self._turnovers = dict(_rooms(reader.binding)) if movable else {}
        longest = max((each for each in self._turnovers.values() if each), default=dt.timedelta())
        self._taken = during(reader, movable, turnover=longest) if self._turnovers else []

    def instead(self, pair: Pair, around: Iterable[Booking]) -> Iterator[dict[str, Any]]:
        """The first room that is free when the later one begins, if nothing but its room is taken."""
        moved = pair.second
        is_beside_it = pair.kind not in (ROOM, TURNOVER) or moved.start < clock.now()
        if is_beside_it or any(
            _shares(replace(each, room=None), moved) and each.overlaps(moved)
            for each in around
            if each.key != moved.key
        ):
            return
        for room, turnover in self._turnovers.items():
            if room == moved.room:
                continue
            own = moved.turnover if turnover is None else turnover
            tried = replace(moved, room=room, room_key=room, turnover=own)
            if not any(_hinders(each, tried) for each in self._taken if each.key != moved.key):
                yield _move(tried, "change_room")
                return


def _rooms(binding: ScheduleBinding) -> Iterator[tuple[Any, dt.timedelta | None]]:
    """Each room with its turnover, or None where that is not the room's own."""
    column = binding.column_at(binding.room)
    model: Any = None if column is None else column.related_model
    if model is None or column is None or binding.room is None:
        return
    path = (binding.turnover_path or "").removeprefix(f"{binding.room}.")
    is_own = path and path != binding.turnover_path
    rooms: models.QuerySet[Any] = models.QuerySet(model, using=log.database())
    for room in rooms.order_by("pk")[:ROOMS]:
        yield plain(room.pk), length(value_at(room, path)) if is_own else None
