"""Reporting: what a hub tells of itself, in its node's row, and in samples for the charts."""

from __future__ import annotations

import asyncio
import datetime as dt
import importlib.metadata
import logging
import platform
import sys
import time
import uuid
from collections import Counter, deque
from collections.abc import Collection
from typing import Final, Protocol

from django.db import Error

from . import books, clock, counters, doorbell, servers, statistics
from .conf import conf
from .connection import Connection
from .counters import Snapshot
from .reports import Report, SampleText, sparse

logger = logging.getLogger(__name__)

BEAT: Final = 1.0
"""Seconds between two rounds, by which is known that the loop still turns."""

SLOT: Final = 5.0
"""Seconds between two samples. All nodes take theirs at the same moments, by the database's clock,
so that they can be added up."""

WINDOW: Final = 60.0
"""Seconds back to which a rate looks."""

SWEEP: Final = 60.0
"""Seconds between two deletions of old samples."""


class Tail(Protocol):
    """What knows how far the relay has come."""

    relayed_at: float


class Road(Protocol):
    """What knows how far the hub has come."""

    position: int
    level_at: float

    @property
    def tail(self) -> Tail: ...


class House(Protocol):
    """What a reporter tells of."""

    node_id: uuid.UUID
    connections: set[Connection]

    @property
    def road(self) -> Road: ...


class Reporter:
    """Tells of a hub. Belongs to its loop; what is counted costs no query.

    `turned_at` is when the loop last came round, on the monotonic clock: from any thread.
    """

    def __init__(self, house: House) -> None:
        self._house = house
        self._began = self.turned_at = self._swept_at = time.monotonic()
        self._versions = _versions()
        self._past = deque([(self._began, counters.snapshot())])
        self._sampled = self._past[0]
        self._slot = _slot()
        self._writing: asyncio.Task[None] | None = None

    def report(self) -> str:
        """The text for `Node.report`. Only from the loop."""
        now, seen = time.monotonic(), counters.snapshot()
        began, before = self._past[0]
        late = counters.between(before, seen)
        roles = {each.identity.user_id: each.identity.roles for each in self._house.connections}
        told = Report(
            messages={kind: dict(by_type) for kind, by_type in seen.messages.items()},
            refused=dict(seen.refused),
            latency=sparse(seen.latency),
            latency_sum=seen.latency_sum,
            window=now - began,
            minute={kind: sum(by_type.values()) for kind, by_type in late.messages.items()},
            latency_minute=sparse(late.latency),
            connections=len(self._house.connections),
            peak_connections=seen.peak,
            users=len(roles),
            by_role=Counter(role for held in roles.values() for role in held),
            position=self._house.road.position,
            hub_lag_seconds=_lag(self._house.road.level_at),
            uptime_seconds=now - self._began,
            versions=self._versions,
        )
        return told.model_dump_json()

    async def run(self) -> None:
        """Take samples, and note that the loop turns, for ever."""
        try:
            while True:
                await asyncio.sleep(min(BEAT, SLOT - clock.seconds() % SLOT))
                self.turned_at = time.monotonic()
                if (slot := _slot()) != self._slot:
                    self._slot = slot
                    self._take(slot)
        finally:
            if self._writing is not None:
                self._writing.cancel()

    def _take(self, slot: int) -> None:
        # Others hear of nothing new by it; that a silent layer is gone is only learnt by using it.
        doorbell.ring(self._house.road.position)
        now = (time.monotonic(), counters.snapshot())
        self._past.append(now)
        while self._past[1][0] <= now[0] - WINDOW:
            self._past.popleft()
        # One write at a time: while the database is out, a sample covers all that time.
        if self._writing is None or self._writing.done():
            before, self._sampled = self._sampled, now
            self._writing = asyncio.create_task(self._write(slot, self._sample(before, now)))

    def _sample(self, before: tuple[float, Snapshot], now: tuple[float, Snapshot]) -> SampleText:
        done = counters.between(before[1], now[1])
        return SampleText(
            seconds=now[0] - before[0],
            connections=len(self._house.connections),
            published=sum(done.messages["published"].values()),
            delivered=sum(done.messages["delivered"].values()),
            latency=sparse(done.latency),
            relay_lag_seconds=_lag(self._house.road.tail.relayed_at),
            hub_lag_seconds=_lag(self._house.road.level_at),
        )

    async def _write(self, slot: int, sample: SampleText) -> None:
        taken_at = dt.datetime.fromtimestamp(slot * SLOT, tz=dt.UTC)
        try:
            await books.run(statistics.keep, self._house.node_id, taken_at, sample)
            if time.monotonic() - self._swept_at >= SWEEP:
                self._swept_at = time.monotonic()
                await books.run(statistics.sweep)
        except Error as error:
            logger.debug("A sample was not written: %r", error)
        except Exception:
            logger.exception("A sample was not written; the next one is.")


def _slot() -> int:
    return int(clock.seconds() // SLOT)


def _lag(level_at: float) -> float:
    """Seconds for which nothing was seen to be level, less those between two looks."""
    return max(0.0, time.monotonic() - level_at - conf().LOOK_INTERVAL)


def _versions() -> dict[str, str]:
    # Not from the distribution: we may be used from a checkout.
    own = getattr(sys.modules[__package__], "__version__", "")
    found = {"scheduler_realtime": own, "python": platform.python_version()}
    return found | _installed(("django", "channels", servers.name() or "django"))


def _installed(names: Collection[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
