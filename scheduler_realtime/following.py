"""Following: the log's rows one after the other, through gaps and outages, for whoever only looks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from django.db import Error, connections

from . import files, log
from .conf import conf
from .exceptions import HistoryGap
from .judging import Jury
from .log import Place, Row
from .messages import CONTROL
from .receipts import Listener

RETRY: Final = 1.0
"""Seconds between two tries while the database is out."""


@dataclass(frozen=True, kw_only=True)
class Gap:
    """Rows are gone, or the log is another one. What follows comes behind `position`."""

    reason: str
    epoch: str
    position: int


@dataclass(frozen=True, kw_only=True)
class Outage:
    """The database cannot be read, and is tried again until it can."""

    error: str


@dataclass(frozen=True, kw_only=True)
class Recovery:
    """The database can be read again."""


Heard = Row | Gap | Outage | Recovery


@dataclass(frozen=True, kw_only=True)
class Sieve:
    """Which rows are wanted; what is empty lets everything through.

    `actors` caused it, it is addressed to one of `groups`, and one of the `ears` may hear it. `rooms` are texts.
    """

    types: frozenset[str] = frozenset()
    actors: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    ears: tuple[Listener, ...] = ()
    rooms: frozenset[str] = frozenset()
    with_orders: bool = False

    def lets_through(self, row: Row) -> bool:
        """Whether the row is wanted."""
        if row.type == CONTROL and not self.with_orders:
            return False
        return (
            (not self.types or row.type in self.types)
            and (not self.actors or row.actor in self.actors)
            and (not self.groups or not row.groups.isdisjoint(self.groups))
            and (not self.ears or any(_may_hear(each, row) for each in self.ears))
            and (not self.rooms or not self.rooms.isdisjoint(_rooms(row)))
        )


def _may_hear(ear: Listener, row: Row) -> bool:
    return Jury().sees(ear, row)


def _rooms(row: Row) -> set[str]:
    return {str(room) for room in row.scope.get("rooms", ())}


def latest(count: int, sieve: Sieve) -> tuple[tuple[Row, ...], Place]:
    """The last rows that are wanted, in order, and the place behind them. Blocks on the database."""
    files.leave_replaced()
    head = log.look().head
    found: list[Row] = []
    position = head.position + 1
    while len(found) < count and (page := log.read_before(position)):
        found += filter(sieve.lets_through, page)
        position = page[-1].position
    return tuple(reversed(found[:count])), head


def behind(position: int) -> Place:
    """The place behind a position of the log there is. Raises `HistoryGap` beyond its head."""
    files.leave_replaced()
    state = log.state()
    if position > state.head:
        raise HistoryGap("ahead")
    return Place(epoch=state.epoch, position=position, key=None)


def follow(place: Place, *, pause: Callable[[float], None] | None) -> Iterator[Heard]:
    """What lies behind a place and what comes to it, for ever; without `pause`, up to the head.

    `pause` waits so many seconds: nobody rings for who only looks. Without it, an `Error` of the
    database is raised; with it, told as an `Outage`. Writes nothing.
    """
    is_out = False
    while True:
        try:
            heard, place, is_level = _look(place)
        except Error as error:
            connections.close_all()  # one whose backend was killed fails for ever
            if pause is None:
                raise
            if not is_out:
                yield Outage(error=str(error))
            is_out = True
            pause(RETRY)
            continue
        if is_out:
            yield Recovery()
        is_out = False
        yield from heard
        if not is_level:
            continue
        if pause is None:
            return
        pause(conf().LOOK_INTERVAL)


def _look(place: Place) -> tuple[tuple[Heard, ...], Place, bool]:
    """What is behind a place, the place behind that, and whether that is all."""
    files.leave_replaced()
    try:
        page = log.read_after(place.position, key=place.key)
    except HistoryGap as gap:
        return _beyond(place, gap.reason)
    if page.state.epoch != place.epoch:
        return _beyond(place, "epoch_changed")
    if page.rows:
        place = place.after(page.rows[-1])
    return page.rows, place, len(page.rows) < log.PAGE


def _beyond(place: Place, reason: str) -> tuple[tuple[Heard, ...], Place, bool]:
    """Behind what was trimmed; in another log, at its head, since its positions mean others."""
    seen = log.look()
    if reason == "trimmed" and seen.state.epoch == place.epoch:
        there = Place(epoch=place.epoch, position=seen.state.floor, key=None)
    else:
        there = seen.head
    return (Gap(reason=reason, epoch=there.epoch, position=there.position),), there, False
