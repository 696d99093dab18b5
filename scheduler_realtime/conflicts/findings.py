"""Findings: what was found to collide, as it will be told, and who may hear of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from scheduler_realtime import log, members
from scheduler_realtime.audience import EVERYONE, user_group
from scheduler_realtime.binding import ScheduleBinding, day_of, report_failure
from scheduler_realtime.guarding import savepoint
from scheduler_realtime.paging import pages
from scheduler_realtime.wire import plain

from .bookings import KEYS, Booking, Reader
from .naming import SEVERITIES, conflict_id, room_names, sentence
from .pairs import Pair
from .suggestions import suggest

_EVERYONE: Final = frozenset({EVERYONE})


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A conflict that holds. `groups` None: who may hear of it could not be told."""

    conflict_id: str
    kind: str
    severity: str
    description: str
    surgeries: tuple[Any, ...]
    groups: frozenset[str] | None
    actions: Sequence[Any] = ()
    rooms: tuple[Any, ...] = ()
    dates: tuple[str, ...] = ()


def findings(reader: Reader, pairs: Sequence[Pair]) -> list[Finding]:
    """The pairs as findings. A binding whose `audience` raises is reported, not raised."""
    binding = reader.binding
    names = room_names(binding, {pair.first.room_key for pair in pairs} - {None}) if pairs else {}
    hearers = Hearers(binding, {each.key for pair in pairs for each in (pair.first, pair.second)})
    return [
        Finding(
            conflict_id=conflict_id(binding.label, pair.kind, [pair.first.key, pair.second.key]),
            kind=pair.kind,
            severity=SEVERITIES[pair.kind],
            description=sentence(binding, pair, names),
            surgeries=(pair.first.key, pair.second.key),
            groups=hearers.of([pair.first.key, pair.second.key]),
            actions=actions,
            **where(pair.first, pair.second),
        )
        for pair, actions in zip(pairs, suggest(reader, pairs), strict=True)
    ]


def where(*bookings: Booking) -> dict[str, Any]:
    """The rooms and days of what collides, for those who narrow by them."""
    days: dict[str, None] = {}
    for booking in bookings:
        if (day := day_of(booking.start)) is not None:
            days[day.isoformat()] = None
    rooms = dict.fromkeys(each.room_key for each in bookings if each.room_key is not None)
    return {"rooms": tuple(rooms), "dates": tuple(days)}


class Hearers:
    """Who may know of all of some rows: the members of the audience of each of them."""

    def __init__(self, binding: ScheduleBinding, keys: Collection[Any]) -> None:
        self._binding = binding
        self._both: dict[frozenset[frozenset[str]], frozenset[str]] = {}
        self._groups = self._asked(list(keys)) if binding.narrows_audience else None

    def of(self, keys: Iterable[Any]) -> frozenset[str] | None:
        """The groups, or None where one of the rows is gone, or its audience cannot be told."""
        if self._groups is None:
            return _EVERYONE
        heard: frozenset[str] = _EVERYONE
        for key in keys:
            if (groups := self._groups.get(key)) is None:
                return None
            heard = self._shared(heard, groups)
        return heard

    def _asked(self, keys: Sequence[Any]) -> Mapping[Any, frozenset[str]]:
        found: dict[Any, frozenset[str]] = {}
        for page in pages(keys, KEYS):
            rows = list(self._binding.rows(log.database()).filter(pk__in=page))
            try:
                with savepoint():
                    found |= {plain(row.pk): self._binding.audience(row).groups for row in rows}
            except Exception:  # noqa: BLE001 - asked one by one, it is reported
                for row in rows:
                    found |= self._alone(row)
        return found

    def _alone(self, row: Any) -> dict[Any, frozenset[str]]:
        try:
            with savepoint():
                return {plain(row.pk): self._binding.audience(row).groups}
        except Exception as error:  # noqa: BLE001 - the host's code may raise anything
            report_failure(self._binding, row.pk, error)
            return {}

    def _shared(self, one: frozenset[str], other: frozenset[str]) -> frozenset[str]:
        asked = frozenset({one, other})
        if asked not in self._both:
            self._both[asked] = shared(one, other)
        return self._both[asked]


def shared(one: frozenset[str], other: frozenset[str]) -> frozenset[str]:
    """Groups of those who are in both, as they are now: a role here may be a user's name there."""
    if EVERYONE in one:
        return other
    if EVERYONE in other:
        return one
    both, rest = one & other, (one - other, other - one)
    if not all(rest):
        return both
    users = members.members_of(rest[0]) & members.members_of(rest[1])
    return both | {user_group(plain(key)) for key in users}
