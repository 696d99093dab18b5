"""The watch of a hub: who never gets to the point or fell silent, whose token ends, and whether the log is still read."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import time
from collections.abc import Iterable
from typing import Final, Protocol
from weakref import WeakSet

from django.utils import timezone

from . import books, close_codes, identity, rights
from .conf import conf
from .connection import Connection
from .rights import Rights
from .road import Road
from .unfinished import Unfinished

logger = logging.getLogger(__name__)

ROUND: Final = 1.0
"""Seconds between two rounds."""

WARNING: Final = dt.timedelta(seconds=60)
"""How long before its token ends a client is told."""


class House(Protocol):
    """What the watch needs of the hub it guards."""

    connections: set[Connection]
    road: Road
    rights: Rights

    def identify(self, connection: Connection, known: identity.Identity) -> None: ...


class Watch:
    """Goes its rounds for a hub."""

    def __init__(self, hub: House) -> None:
        self._hub = hub
        self.unfinished = Unfinished()
        self._stale_since: dt.datetime | None = None
        self._told: WeakSet[Connection] = WeakSet()
        self._looked_up_at = time.monotonic()

    async def run(self) -> None:
        """Go round, for ever."""
        while True:
            await asyncio.sleep(ROUND)
            try:
                self._line()
                self.unfinished.sweep()
                for connection in tuple(self._hub.connections):
                    self._check(connection)
                self._hub.rights.close_overdue()
                await self._look_up()
            except Exception:
                logger.exception("A round of the watch failed; the next one goes on.")

    def _line(self) -> None:
        """Say when the log cannot be followed, and when it can be again.

        It cannot where it is not read, and where committed messages get no position.
        """
        silent = time.monotonic() - self._hub.road.level_at
        if self._stale_since is None and silent > conf().STALE_AFTER:
            self._stale_since = timezone.now() - dt.timedelta(seconds=silent)
        elif self._stale_since is not None and silent <= conf().STALE_AFTER:
            self._stale_since = None
            self._say("live", timezone.now(), self._told)
            self._told.clear()
        if self._stale_since is not None:
            # Whoever has come since is told in the next round: a welcome says nothing of it.
            untold = self._hub.connections.difference(self._told)
            self._say("stale", self._stale_since, untold)
            self._told.update(untold)

    def _say(self, state: str, since: dt.datetime, to: Iterable[Connection]) -> None:
        for connection in tuple(to):
            position = self._hub.road.promised(connection)
            connection.say("line", {"state": state, "since": since, "position": position})

    def _check(self, connection: Connection) -> None:
        if asyncio.get_running_loop().time() - connection.heard_at > conf().CONNECTION_TIMEOUT:
            connection.close(close_codes.SILENT_CLIENT)
            return
        left = connection.expires_at - timezone.now()
        if left <= dt.timedelta(0):
            connection.close(close_codes.UNAUTHENTICATED)
        elif left <= WARNING and not connection.is_warned:
            connection.is_warned = True
            connection.say("token_expiring", {"token_expires_at": connection.expires_at})

    async def _look_up(self) -> None:
        """Look every local user up again, all in one query: roles, clearance, still active."""
        if time.monotonic() - self._looked_up_at < conf().REVALIDATE_INTERVAL:
            return
        self._looked_up_at = time.monotonic()
        claims = {connection.identity.claims for connection in self._hub.connections}
        if not claims:
            return
        found = await books.run(identity.identities, claims)
        for connection in tuple(self._hub.connections):
            if connection.identity.claims in found:
                rights.apply(self._hub, connection, found[connection.identity.claims])
