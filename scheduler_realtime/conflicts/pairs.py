"""Pairs: of bookings, those that collide, and by what kind."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from .bookings import Booking

ROOM: Final = "room_overlap"
STAFF: Final = "staff_overlap"
TURNOVER: Final = "turnover"
PATIENT: Final = "patient_overlap"

KINDS: Final = (ROOM, STAFF, TURNOVER, PATIENT)


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """Two bookings that collide, the one that begins first before the other."""

    kind: str
    first: Booking
    second: Booking


def pairs(bookings: Iterable[Booking], changed: Collection[Any]) -> list[Pair]:
    """What collides with one of the changed keys. Each two stand there once a kind.

    Less than the turnover between two is one, unless they overlap: then it is that. The turnover
    of the first counts, since its traces are what is cleared away.
    """
    found: dict[tuple[str, Any, Any], Pair] = {}
    for kind, crowd in _crowds(bookings):
        spare = kind == ROOM
        for first, second in _meetings(crowd, changed, spare=spare):
            is_late = spare and first.end <= second.start
            pair = Pair(kind=TURNOVER if is_late else kind, first=first, second=second)
            found[pair.kind, first.key, second.key] = pair
    return list(found.values())


def _crowds(bookings: Iterable[Booking]) -> Iterator[tuple[str, list[Booking]]]:
    """Those who share a room, a person or a patient, in the order of their starts."""
    crowds: dict[tuple[str, Hashable], list[Booking]] = defaultdict(list)
    for booking in sorted(bookings, key=_rank):
        if booking.room is not None:
            crowds[ROOM, booking.room].append(booking)
        if booking.patient is not None:
            crowds[PATIENT, booking.patient].append(booking)
        for person in booking.staff:
            crowds[STAFF, person].append(booking)
    for (kind, _), crowd in crowds.items():
        yield kind, crowd


def _rank(booking: Booking) -> tuple[dt.datetime, Any]:
    return booking.start, booking.key  # of one model, and so of one type


def _meetings(
    crowd: Iterable[Booking], changed: Collection[Any], *, spare: bool
) -> Iterator[tuple[Booking, Booking]]:
    going: list[Booking] = []
    for booking in crowd:
        going = [each for each in going if _until(each, spare=spare) > booking.start]
        for each in going:
            if booking.key in changed or each.key in changed:
                yield each, booking
        going.append(booking)


def _until(booking: Booking, *, spare: bool) -> dt.datetime:
    return booking.end + booking.turnover if spare else booking.end
