"""The road: messages of the log, one after the other, to every socket that is live."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Protocol

from . import books, catching_up, close_codes, news, receipts
from .cancelling import Cancelling
from .connection import Connection
from .deliveries import Deliveries
from .ephemeral import Ephemera
from .gathering import Gathering
from .groups import Groups
from .judging import Jury
from .log import Page, Row, State
from .messages import CONTROL
from .pacing import SENDS_PER_STEP
from .ring import Ring
from .shelf import Shelf
from .tail import Tail

logger = logging.getLogger(__name__)


class Attendance(Protocol):
    """What compares what is written of this process's sockets."""

    def doubt(self) -> None: ...


class House(Protocol):
    """What the road needs of the hub it leads into."""

    connections: set[Connection]
    groups: Groups
    deliveries: Deliveries
    ephemera: Ephemera
    cancelling: Cancelling

    @property
    def attendance(self) -> Attendance: ...
    def obey(self, order: Row) -> None: ...


class Road:
    """Takes up pages from the tail thread, and hands each row to whoever is live.

    `position` is the last message taken up, `settled` the last one handed to everybody, `epoch`
    the log's. `generation` counts the logs there were. Whatever was committed by `level_at`, on
    the monotonic clock, was handed to everybody. Belongs to one event loop, but for what the tail
    calls from its thread.
    """

    def __init__(self, house: House) -> None:
        self._house = house
        self._loop = asyncio.get_running_loop()
        self.ring = Ring()
        self.shelf = Shelf()
        self.position = self.settled = self._alerted = 0
        self.epoch = ""
        self.generation = 0
        self.ready = asyncio.Event()
        self.level_at = time.monotonic()
        self.awaiting = Gathering(receipts.awaiting)
        self.jury = Jury()
        self.judging = Gathering(self.jury.judge, run=books.judge)
        self.tail = Tail(self)
        self._pages: asyncio.Queue[Page | float] = asyncio.Queue()

    def promised(self, connection: Connection) -> int:
        """Up to where everything for this user was put on the connection."""
        return self.settled if connection.is_live else connection.position

    def catch_up(
        self, connection: Connection, *, awaiting: Sequence[Row] = (), says_so: bool = False
    ) -> None:
        """Have a connection brought level, beside the road and at its own pace."""
        work = catching_up.catch_up(self, connection, awaiting=awaiting, says_so=says_so)
        connection.stop_catching_up()
        connection.catching_up = self._loop.create_task(work)

    async def run(self) -> None:
        """Take up what arrives, for ever."""
        while True:
            page = await self._pages.get()
            if isinstance(page, float):
                self.level_at = page  # what came before it is handed over
                continue
            generation = self.generation
            try:
                for row in page.rows:
                    if generation != self.generation:
                        break  # read before the log was found to be another one
                    await self._take(row, generation)
            finally:
                self.tail.taken()
                news.reach(self.epoch, self.position)

    async def _take(self, row: Row, generation: int) -> None:
        self.ring.append(row)
        self.position = row.position
        self._house.ephemera.learn(row)
        if row.type == CONTROL:
            self._house.obey(row)
        else:
            await self._fan_out(row, generation)
            self._house.cancelling.learn(row)
        if generation == self.generation:
            self.settled = row.position

    async def _fan_out(self, row: Row, generation: int) -> None:
        count = 0
        for connection in self._house.groups.members(row.groups | row.left_groups):
            count += connection.is_live
            try:
                if not connection.offer(row):
                    self.catch_up(connection)
            except Exception:
                logger.exception(
                    "A socket could not take message %s; it is to resume.", row.position
                )
                connection.close(close_codes.SLOW_READER)
            if count == SENDS_PER_STEP:
                count = 0
                await asyncio.sleep(0)
                if generation != self.generation:
                    return

    # What the tail thread calls.

    def start_at(self, state: State) -> None:
        self._loop.call_soon_threadsafe(self._on_start, state)

    def level(self, at: float) -> None:
        self._loop.call_soon_threadsafe(self._pages.put_nowait, at)

    def arrive(self, page: Page) -> None:
        self._loop.call_soon_threadsafe(self._on_page, page)

    def alert(self, rows: tuple[Row, ...]) -> None:
        self._loop.call_soon_threadsafe(self._on_alerts, rows)

    def replaced(self, state: State, reason: str) -> None:
        self._loop.call_soon_threadsafe(self._on_replaced, state, reason)

    def _on_start(self, state: State) -> None:
        self._begin_at(state)
        self.ready.set()

    def _begin_at(self, state: State) -> None:
        self.position = self.settled = self._alerted = state.head
        self.epoch = state.epoch
        self.ring.restart(state.head)
        self.shelf.clear()
        self.generation += 1
        news.reach(self.epoch, self.position)

    def _on_page(self, page: Page) -> None:
        if page.rows:
            self._pages.put_nowait(page)
        else:
            self.tail.taken()

    def _on_alerts(self, rows: tuple[Row, ...]) -> None:
        for row in rows:
            if row.position > max(self._alerted, self.position):
                self._alerted = row.position
                for connection in self._house.groups.members(row.groups):
                    connection.hand_over_early(row)

    def _on_replaced(self, state: State, reason: str) -> None:
        """Everybody reads afresh: the positions they have mean nothing, or some are gone."""
        while not self._pages.empty():
            if not isinstance(self._pages.get_nowait(), float):
                self.tail.taken()
        self._begin_at(state)
        self._house.deliveries.forget()
        self._house.attendance.doubt()
        for connection in tuple(self._house.connections):
            connection.start_over(state.epoch, state.head)
            connection.resync(reason, state.head)
