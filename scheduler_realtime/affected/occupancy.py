"""Who has a room, and when: found by time without looking at everybody."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import Any, Final

from scheduler_realtime.binding import Interval

_NEVER: Final = dt.datetime.max.replace(tzinfo=dt.UTC)

Stay = tuple[Any, Interval]
"""A key, and its time in the room."""


class Occupancy:
    """The stays of one room. Those of one time come in the order they were given in."""

    def __init__(self, stays: Iterable[Stay]) -> None:
        ranked = sorted(enumerate(stays), key=lambda each: each[1][1].start)
        self._stays = ranked
        self._starts = [interval.start for _, (_, interval) in ranked]
        self._ends = [interval.end or _NEVER for _, (_, interval) in ranked]
        self._latest = list(accumulate(self._ends, max))

    def during(self, asked: Interval) -> list[Any]:
        """The keys whose time overlaps: touching is no overlap."""
        return [key for _, key in sorted(self._during(asked), key=lambda each: each[0])]

    def _during(self, asked: Interval) -> Iterator[tuple[int, Any]]:
        count = len(self._starts)
        place = count if asked.end is None else bisect_left(self._starts, asked.end)
        while place and self._latest[place - 1] > asked.start:
            place -= 1
            if self._ends[place] > asked.start:
                rank, (key, _) = self._stays[place]
                yield rank, key
