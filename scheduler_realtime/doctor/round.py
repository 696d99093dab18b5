"""The doctor's round: every station in order, as far as the ones before allow."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Final

from django.db import connections

from scheduler_realtime import books, doorbell, log, members
from scheduler_realtime.doorbell import Probe
from scheduler_realtime.exceptions import SocketRefused

from . import ground, layer, servers
from .canary import LOCKED, Canary
from .findings import Finding, examined, failed, passed, since, skipped
from .visit import Visit, visiting

UNREACHABLE: Final = (
    "Start the database, and see that DATABASES has its address and a user who may log in."
)

_GROUND: Final[tuple[tuple[str, Callable[[], Finding], str], ...]] = (
    ("database", ground.database, UNREACHABLE),
    ("migrations", ground.migrations, UNREACHABLE),
    ("clock", ground.clocks, LOCKED),
)
"""What needs nothing but the database, with the remedy where that does not answer."""


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """`url` of a socket to visit, as whom, and from a page of which origin.

    `user` is a user name or a primary key; None is any active superuser. `within`: seconds that
    each station has.
    """

    url: str | None = None
    user: str | None = None
    origin: str | None = None
    within: float = 5.0


async def examine(wishes: Wishes) -> AsyncIterator[Finding]:
    """What is found, station by station. Writes one canary, and no more, into the log."""
    yield ground.settings()
    if not ground.is_configured():
        return
    async with contextlib.AsyncExitStack() as stack:
        round_ = _Round(wishes, stack)
        async for found in round_.findings():
            yield found
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.5):
            await books.run(connections.close_all)


class _Round:
    def __init__(self, wishes: Wishes, stack: contextlib.AsyncExitStack) -> None:
        self._wishes = wishes
        self._stack = stack
        self._probe: Probe | None = None
        self._visit: Visit | None = None
        self._is_readable = True

    async def findings(self) -> AsyncIterator[Finding]:
        for station, look, remedy in _GROUND:
            if not self._is_readable:
                yield skipped(station, "The database cannot be used.")
                continue
            found = await self._examined(station, books.run(look), remedy)
            is_of_database = station == "migrations" or found.remedy == remedy
            self._is_readable = not (found.state == "failed" and is_of_database)
            yield found
        found = await self._examined("layer", self._layer(), layer.REMEDY)
        self._probe = None if found.state == "failed" else self._probe
        yield found
        if not self._is_readable:
            for station in ("socket", "servers", "transaction", "relay", "doorbell", "delivery"):
                yield skipped(station, "The database cannot be used.")
            return
        yield await self._socket()
        yield await self._examined("servers", self._servers(), LOCKED)
        canary = Canary(within=self._wishes.within, probe=self._probe, visit=self._visit)
        async for found in canary.fly():
            yield found

    async def _examined(self, station: str, look: Any, remedy: str) -> Finding:
        return await examined(station, look, within=self._wishes.within, remedy=remedy)

    async def _layer(self) -> Finding:
        if doorbell.reaches_others():
            self._probe = await self._stack.enter_async_context(Probe.listening())
            return await layer.look(self._probe)
        living = len(await books.run(servers.living)) if self._is_readable else 0
        return layer.in_memory(living)

    async def _servers(self) -> Finding:
        """After the visit: daphne begins with its first guest, and has its lease a moment later."""
        until = time.monotonic() + (servers.BEGINS_WITHIN if self._visit is not None else 0)
        while (found := await books.run(servers.look)).state == "failed":
            if time.monotonic() >= until:
                break
            await asyncio.sleep(0.1)
        return found

    async def _socket(self) -> Finding:
        if self._wishes.url is None:
            return skipped("socket", "Give one with --url ws://HOST:PORT/api/ws/ws.")
        remedy = "See whether that server hangs, and look into its log."
        return await self._examined("socket", self._handshake(self._wishes.url), remedy)

    async def _handshake(self, url: str) -> Finding:
        user = await books.run(_visitor, self._wishes.user)
        if user is None:
            who = "There is no active superuser." if self._wishes.user is None else "No such user."
            return failed("socket", who, "Name an active user with --user.")
        begun = time.monotonic()
        try:
            visit = await self._stack.enter_async_context(visiting(url, user, self._wishes.origin))
            took = since(begun)
            visit.check((await books.run(log.state)).epoch)
        except SocketRefused as refusal:
            return failed("socket", refusal.detail, refusal.remedy, since(begun))
        self._visit = visit
        says = f"{user.get_username()} was let in."
        return passed("socket", took, says, if_slow="Relieve that server, or the database.")


def _visitor(word: str | None) -> Any:
    if word is None:
        return members.some_superuser()
    found = members.meant_by(word)
    return found[0] if len(found) == 1 else None
