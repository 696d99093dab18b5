"""The canary's way: a transaction, a relay, the doorbell, and the hub of one socket."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from typing import Final

from scheduler_realtime import books, log, orders
from scheduler_realtime.doorbell import Probe

from . import servers
from .findings import Finding, examined, failed, passed, since, skipped
from .visit import Visit

TRANSACTION_MS: Final = 250.0
"""An INSERT and a COMMIT that take longer make every save of the host slow."""

LOCKED: Final = (
    "Something holds a lock: on SQLite a process that writes without end, on PostgreSQL a migration"
    " or a LOCK TABLE. End it."
)
NO_RING: Final = (
    "Give the servers and this command one Redis and one prefix in CHANNEL_LAYERS. Until then"
    " messages arrive by the servers' own look, a quarter of a second later."
)
NO_DELIVERY: Final = (
    "Look into that server's log, and restart it: its hub stands still, or cannot read the log."
)


class Canary:
    """One canary. `probe` hears the doorbell, `visit` is where it must arrive; None skips that."""

    def __init__(self, *, within: float, probe: Probe | None, visit: Visit | None) -> None:
        self._within = within
        self._probe = probe
        self._visit = visit
        self._key: uuid.UUID | None = None
        self._sent_at = 0.0
        self._position: int | None = None
        self._arrival: asyncio.Task[float] | None = None

    async def fly(self) -> AsyncIterator[Finding]:
        """What is found, station by station, in time."""
        try:
            async for found in self._stations():
                yield found
        finally:
            if self._arrival is not None:
                self._arrival.cancel()
                await asyncio.gather(self._arrival, return_exceptions=True)

    async def _stations(self) -> AsyncIterator[Finding]:
        yield await examined("transaction", self._transaction(), within=self._within, remedy=LOCKED)
        if self._key is None:
            for station in ("relay", "doorbell", "delivery"):
                yield skipped(station, "Nothing was written.")
            return
        # Beyond its own limit, so that it can say what is in the way.
        yield await examined(
            "relay", self._relay(self._key), within=2 * self._within, remedy=servers.START
        )
        if self._position is None:
            for station in ("doorbell", "delivery"):
                yield skipped(station, "The canary has no position.")
            return
        yield await self._doorbell(self._position)
        yield await self._delivery()

    async def _transaction(self) -> Finding:
        begun = time.monotonic()
        seat = self._visit.connection_id if self._visit else ""
        self._key = await books.run(orders.canary, seat)
        self._sent_at = time.monotonic()
        if self._visit is not None:
            self._arrival = asyncio.create_task(self._visit.canary(self._key))
        return passed(
            "transaction",
            since(begun),
            "The canary is committed.",
            if_slow="Relieve the database: every save waits so long.",
            slow_ms=TRANSACTION_MS,
        )

    async def _relay(self, key: uuid.UUID) -> Finding:
        self._position = await books.run(log.wait_for_position, key, self._within)
        if self._position is None:
            says, remedy = await books.run(servers.why_no_position)
            return failed("relay", f"No position within {self._within:g} s. {says}", remedy)
        return passed(
            "relay",
            since(self._sent_at),
            f"It has position {self._position}.",
            if_slow="Relieve the database and the servers: relays look four times a second.",
        )

    async def _doorbell(self, position: int) -> Finding:
        if self._probe is None:
            return skipped("doorbell", "No layer to hear it by: servers look by themselves.")
        try:
            async with asyncio.timeout(self._within):
                rung_at = await self._probe.ring(position)
        except TimeoutError:
            return failed("doorbell", f"Nobody rang for position {position}.", NO_RING)
        return passed(
            "doorbell", since(self._sent_at, rung_at), "It rang.", if_slow="Relieve Redis."
        )

    async def _delivery(self) -> Finding:
        if self._arrival is None:
            return skipped("delivery", "No socket was opened, out of which it could come.")
        look = self._arrived(self._arrival)
        return await examined("delivery", look, within=self._within, remedy=NO_DELIVERY)

    async def _arrived(self, arrival: asyncio.Task[float]) -> Finding:
        came_at = await arrival
        return passed(
            "delivery",
            since(self._sent_at, came_at),
            "It came out of the socket.",
            if_slow="Relieve that server: its hub is behind.",
        )
