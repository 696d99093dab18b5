"""Dashboards: the sockets that watch the statistics, all told by one reading every two seconds."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterable
from functools import partial
from typing import Final, Protocol

from django.db import Error

from . import books, clock, statistics
from .audience import STATISTICS_WATCHERS
from .backlog import Item
from .connection import Connection
from .messages import Statistics, envelope
from .wire import dumps_clean

logger = logging.getLogger(__name__)

INTERVAL: Final = 2.0
"""Seconds between two frames."""


class Groups(Protocol):
    """What knows the sockets of a hub by group."""

    def members(self, groups: Iterable[str]) -> Collection[Connection]: ...


class House(Protocol):
    """What has sockets that may watch."""

    @property
    def groups(self) -> Groups: ...


class Dashboards:
    """Reads for a hub's watchers: who subscribed to `statistics` by name, and may see them.

    Where nobody watches, nothing is asked. Belongs to one event loop.
    """

    def __init__(self, house: House) -> None:
        self._house = house

    async def run(self) -> None:
        """Read and tell, for ever."""
        while True:
            await asyncio.sleep(INTERVAL)
            try:
                if self._watching():
                    self._tell(await books.run(statistics.totals))
            except Error as error:
                logger.debug("The statistics cannot be read now: %r", error)
            except Exception:
                logger.exception("The statistics could not be told; the next ones are.")

    def _watching(self) -> Collection[Connection]:
        may_see = self._house.groups.members((STATISTICS_WATCHERS,))
        return [each for each in may_see if _wants(each)]

    def _tell(self, data: dict[str, object]) -> None:
        text = dumps_clean(envelope(Statistics.type, data, timestamp=clock.now()))
        for connection in self._watching():
            ask = partial(_if_allowed, connection, text)
            connection.carry(
                Item(text=ask, size=len(text), is_ephemeral=True, kind=Statistics.type)
            )


def _wants(connection: Connection) -> bool:
    """Whether it was asked for: to whom is sent what is not narrowed, this is not."""
    return Statistics.type in (connection.wanted or {}).get("types", ())


def _if_allowed(connection: Connection, text: str) -> str | None:
    return text if STATISTICS_WATCHERS in connection.identity.groups else None
