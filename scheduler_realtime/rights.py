"""Rights: whose may have changed, and what their sockets hear until they are looked up again."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from . import backoff, books, close_codes, identity, judging
from .conf import conf
from .connection import Connection
from .exceptions import TokenRejected
from .groups import Groups
from .identity import Identity
from .values import Key

K = TypeVar("K")

logger = logging.getLogger(__name__)

MEMORY: Final = 60.0
"""Seconds for which an order holds for sockets that come after it: whoever was looked up before it
has joined by then, and every ticket given out before it has ended."""


class Leader(Protocol):
    """What is needed of the road."""

    settled: int

    def catch_up(self, connection: Connection) -> None: ...


class House(Protocol):
    """What is needed of the hub."""

    connections: set[Connection]
    groups: Groups

    @property
    def road(self) -> Leader: ...

    def identify(self, connection: Connection, known: Identity) -> None: ...


@dataclass(frozen=True, kw_only=True, eq=False)
class _Doubt:
    """One doubt about one socket, which a look-up begun before it does not settle.

    `since`, on the monotonic clock, there is no answer.
    """

    since: float


class Rights:
    """The sockets of a hub whose users must be looked up again. Belongs to one event loop.

    Such a socket hears nothing until its user is known, and then goes on where it stood: nobody
    gets what is no longer theirs, and nobody loses what still is.
    """

    def __init__(self, house: House) -> None:
        self._house = house
        self._doubts: dict[Connection, _Doubt] = {}
        self._woken = asyncio.Event()
        self._everybody_at = float("-inf")
        self._users: dict[Key, float] = {}
        self._sessions: dict[str, float] = {}
        self._is_failing = False

    def doubt(self, users: Collection[Key] | None, *, after: float = 0) -> None:
        """Look these users up again, or everybody; begin so many seconds from now."""
        if after > 0:
            asyncio.get_running_loop().call_later(after, self.doubt, users)
            return
        judging.forget(users)
        if users is None:
            self._everybody_at = time.monotonic()
        else:
            _remember(self._users, users)
        named = None if users is None else set(users)
        for connection in self._house.connections:
            if named is None or connection.identity.user_id in named:
                self._suspend(connection)

    def end_session(self, mark: str) -> None:
        """Close what tickets of this session opened; those of tokens are another login."""
        _remember(self._sessions, [mark])
        for connection in tuple(self._house.connections):
            if connection.identity.claims.session_mark == mark:
                connection.close(close_codes.UNAUTHENTICATED)

    def check(self, connection: Connection) -> None:
        """A socket has just been told who it is: an order may have passed it on its way in."""
        known = connection.identity
        if known.claims.session_mark in self._sessions:
            connection.close(close_codes.UNAUTHENTICATED)
        told_at = max(self._everybody_at, self._users.get(known.user_id, float("-inf")))
        if time.monotonic() - told_at < MEMORY:
            self._suspend(connection)

    def close_overdue(self) -> None:
        """Close whoever could not be looked up for so long: the client is to try again."""
        now, longest = time.monotonic(), conf().REVALIDATE_INTERVAL
        for connection, doubt in self._doubts.items():
            if now - doubt.since >= longest:
                connection.close(close_codes.AT_CAPACITY)

    async def run(self) -> None:
        """Look up whoever is in doubt, for ever."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            for pause in backoff.pauses():
                if await self._settle():
                    break
                await asyncio.sleep(pause)

    def _suspend(self, connection: Connection) -> None:
        before = self._doubts.get(connection)
        since = time.monotonic() if before is None else before.since
        self._doubts[connection] = _Doubt(since=since)
        self._woken.set()
        connection.known.clear()
        if before is not None:
            return
        # Out of its groups nothing is offered, be it kept in the log or not.
        self._house.groups.leave(connection, connection.identity.groups)
        if connection.is_live:
            connection.is_live = False
            connection.position = max(connection.position, self._house.road.settled)

    async def _settle(self) -> bool:
        """One look-up of all that are in doubt, and whether it answered for each of them."""
        for gone in self._doubts.keys() - self._house.connections:
            del self._doubts[gone]
        asked = {each: (doubt, each.identity.claims) for each, doubt in self._doubts.items()}
        if not asked:
            return True
        try:
            found = await books.run(identity.identities, {claims for _, claims in asked.values()})
        except Exception as error:
            if not self._is_failing:
                logger.exception("Who may hear what cannot be looked up: %s.", type(error).__name__)
            self._is_failing = True
            return False
        self._is_failing = False
        for connection, (doubt, claims) in asked.items():
            is_answer = claims in found and connection.identity.claims == claims
            if is_answer and self._doubts.get(connection) is doubt:
                del self._doubts[connection]
                self._answer(connection, found[claims])
        return self._doubts.keys().isdisjoint(asked)

    def _answer(self, connection: Connection, known: Identity | None) -> None:
        if connection not in self._house.connections:
            return
        apply(self._house, connection, known)
        if connection.is_closing:
            return
        connection.known.set()
        self._house.groups.enter(connection, connection.identity.groups)
        work = connection.catching_up
        if connection.is_live or work is None or work.done():
            connection.is_live = False
            self._house.road.catch_up(connection)


class Identifies(Protocol):
    """Whatever takes note of who is at a socket."""

    def identify(self, connection: Connection, known: Identity) -> None: ...


def apply(house: Identifies, connection: Connection, known: Identity | None) -> None:
    """The user of a socket was looked up again: it follows, or closes."""
    try:
        house.identify(connection, identity.readmitted(connection.identity, known))
    except TokenRejected as refusal:
        connection.close(refusal.close_code)


def _remember(memory: dict[K, float], keys: Iterable[K]) -> None:
    """Note when that was, and forget what was too long ago."""
    now = time.monotonic()
    for key in [key for key, at in memory.items() if now - at >= MEMORY]:
        del memory[key]
    memory |= dict.fromkeys(keys, now)
