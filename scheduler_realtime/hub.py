"""The hub: the room where a process's sockets live, and the one road from the log to them."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Sequence
from typing import Any, Final

from . import catching_up, close_codes, doorbell, news, receipts, upkeep
from .catching_up import Resumption, Verdict
from .connection import Connection
from .deliveries import Deliveries
from .door import Door
from .doorbell import Courier, Listening
from .ending import Ending
from .ephemeral import Ephemera
from .gathering import Gathering
from .identity import Identity
from .log import Page, Row, State
from .ring import Ring
from .roster import Groups, Roster
from .servers import Send
from .tail import Tail
from .watch import Watch

logger = logging.getLogger(__name__)

SENDS_PER_STEP: Final = 32
"""Frames handed over before the hub lets the loop do something else: about half a millisecond."""


class Hub:
    """One per process and event loop.

    Only `wake`, `hear`, `carry` and what the tail calls may be used from other threads.
    `position` is the last message taken up, `settled` the last one handed to everybody.
    """

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.connections: set[Connection] = set()
        self.door = Door(self.connections)
        self.ring = Ring()
        self.roster = Roster()
        self.position = self.settled = 0
        self.epoch = ""
        self.ready = asyncio.Event()
        self.generation = 0
        self.watch = Watch(self)
        self.deliveries = Deliveries(self)
        self.awaiting = Gathering(receipts.awaiting)
        self._ephemera = Ephemera()
        self._courier = Courier()
        self.groups = Groups()
        self._listening = Listening(wanted=self.groups.names, hear=self._on_layer)
        self._pages: asyncio.Queue[Page | float] = asyncio.Queue()
        self._alerted = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._tail = Tail(self)
        self.ending = Ending(self)
        self.ending.unwritten.append(self.deliveries.flush)

    # Life.

    def start(self) -> None:
        """Begin to follow the log and to hear the layer."""
        doorbell.attach(self)
        news.follow(self)
        for work in (
            self._advance(),
            self._courier.run(),
            self._listening.run(),
            self.watch.run(),
            self.deliveries.run(),
            upkeep.run(),
        ):
            self._tasks.append(self.loop.create_task(work))
        self._tail.start()
        self.ending.listen()

    def drain(self) -> None:
        """Take no more sockets, and close those there are: the process is about to end."""
        self.door.shut()
        self._tail.stop()
        for connection in tuple(self.connections):
            connection.close(close_codes.DRAINING)

    async def stop(self) -> None:
        """Drain, write what waits, and end everything that `start` began. Safe to call twice."""
        await self.ending.come()

    def is_empty(self) -> bool:
        """Whether no socket is left, nor one on its way in."""
        return not self.connections and self.door.is_quiet

    async def shut(self) -> None:
        """End the tasks and the thread: the last step of `stop`."""
        self.roster.stop()
        doorbell.detach(self)
        news.unfollow(self)
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks, timeout=2) if self._tasks else None
        await asyncio.to_thread(self._tail.join, 2)

    # Sockets.

    async def join(
        self, send: Send, identity: Identity, wish: Resumption, on_abort: Callable[[], None]
    ) -> Connection:
        """Take a socket in: `welcome`, then what it missed where it resumes, then what comes.

        Raises `TokenRejected` where there is no room, or where the log cannot be read.
        `on_abort` is called when the socket is cut.
        """
        with self.door.entering():
            verdict = await wish.judge(self, identity)
        connection = Connection(send, identity, epoch=self.epoch, on_abort=on_abort)
        try:
            self._take_in(connection, verdict)
        except BaseException:
            self.leave(connection)
            raise
        return connection

    def _take_in(self, connection: Connection, verdict: Verdict) -> None:
        connection.position = verdict.since
        self.connections.add(connection)
        self.groups.enter(connection, connection.identity.groups)
        self._listening.changed()
        connection.welcome(
            self.position if verdict.recovered else verdict.since,
            recovered=verdict.recovered,
            reason=verdict.reason,
        )
        if verdict.reason is not None:
            connection.resync(verdict.reason, verdict.since)
        if verdict.recovered or verdict.awaiting or verdict.since < self.position:
            says_so = verdict.recovered is True
            self._catch_up(connection, awaiting=verdict.awaiting, says_so=says_so)
        else:
            connection.is_live = True
        self.roster.join(connection)

    def leave(self, connection: Connection) -> None:
        """Let a socket go. Safe to call twice."""
        connection.mailbox.finish()
        connection.stop_catching_up()
        self.connections.discard(connection)
        self.groups.leave(connection, connection.identity.groups)
        self._listening.changed()
        self.roster.leave(connection)

    def identify(self, connection: Connection, known: Identity) -> None:
        """The user of a socket is known anew: groups and clearance follow."""
        before = connection.identity.groups
        connection.identity = known
        connection.is_warned = False
        self.groups.leave(connection, before - known.groups)
        self.groups.enter(connection, known.groups - before)
        self._listening.changed()

    def promised(self, connection: Connection) -> int:
        """Up to where everything for this user was put on the connection."""
        return self.settled if connection.is_live else connection.position

    def _catch_up(
        self, connection: Connection, *, awaiting: Sequence[Row] = (), says_so: bool = False
    ) -> None:
        work = catching_up.catch_up(self, connection, awaiting=awaiting, says_so=says_so)
        connection.stop_catching_up()
        connection.catching_up = self.loop.create_task(work)

    # The durable road: pages from the tail thread, one after the other, to whoever is live.

    async def _advance(self) -> None:
        while True:
            page = await self._pages.get()
            if isinstance(page, float):
                self.watch.level_at = page  # what came before it is handed over
                continue
            generation = self.generation
            try:
                for row in page.rows:
                    if generation != self.generation:
                        break  # read before the log was found to be another one
                    await self._take(row, generation)
            finally:
                self._tail.taken()
                news.reach(self.epoch, self.position)

    async def _take(self, row: Row, generation: int) -> None:
        self.ring.append(row)
        self.position = row.position
        self._ephemera.learn(row)
        await self._fan_out(row, generation)
        if generation == self.generation:
            self.settled = row.position

    async def _fan_out(self, row: Row, generation: int) -> None:
        members = self.groups.members(row.groups | row.left_groups)
        for count, connection in enumerate(members, start=1):
            try:
                if not connection.offer(row):
                    self._catch_up(connection)
            except Exception:
                logger.exception(
                    "A socket could not take message %s; it is to resume.", row.position
                )
                connection.close(close_codes.SLOW_READER)
            if count % SENDS_PER_STEP == 0:
                await asyncio.sleep(0)
                if generation != self.generation:
                    return

    # What the tail thread calls.

    def start_at(self, state: State) -> None:
        self.loop.call_soon_threadsafe(self._on_start, state)

    def level(self, at: float) -> None:
        self.loop.call_soon_threadsafe(self._pages.put_nowait, at)

    def arrive(self, page: Page) -> None:
        self.loop.call_soon_threadsafe(self._on_page, page)

    def alert(self, rows: tuple[Row, ...]) -> None:
        self.loop.call_soon_threadsafe(self._on_alerts, rows)

    def replaced(self, state: State, reason: str) -> None:
        self.loop.call_soon_threadsafe(self._on_replaced, state, reason)

    def _on_start(self, state: State) -> None:
        self._begin_at(state)
        self.ready.set()

    def _begin_at(self, state: State) -> None:
        self.position = self.settled = self._alerted = state.head
        self.epoch = state.epoch
        self.ring.restart(state.head)
        self.generation += 1
        news.reach(self.epoch, self.position)

    def _on_page(self, page: Page) -> None:
        if page.rows:
            self._pages.put_nowait(page)
        else:
            self._tail.taken()

    def _on_alerts(self, rows: tuple[Row, ...]) -> None:
        for row in rows:
            if row.position > max(self._alerted, self.position):
                self._alerted = row.position
                for connection in self.groups.members(row.groups):
                    connection.hand_over_early(row)

    def _on_replaced(self, state: State, reason: str) -> None:
        """Everybody reads afresh: the positions they have mean nothing, or some are gone."""
        while not self._pages.empty():
            if not isinstance(self._pages.get_nowait(), float):
                self._tail.taken()
        self._begin_at(state)
        self.deliveries.forget()
        for connection in tuple(self.connections):
            connection.start_over(state.epoch, state.head)
            connection.resync(reason, state.head)

    # The ephemeral road, and the doorbell. From any thread.

    def wake(self) -> None:
        self._tail.wake()

    def hear(self, message: dict[str, Any]) -> None:
        self._in_loop(self._on_layer, message)

    def carry(self, group: str, message: dict[str, Any]) -> None:
        self._in_loop(self._courier.put, group, message)

    def _in_loop(self, call: Any, *args: Any) -> None:
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(call, *args)

    def _on_layer(self, message: dict[str, Any]) -> None:
        match message.get("type"):
            case "realtime.ring":
                head = message.get("head")
                if not isinstance(head, int) or head > self.position:
                    self._tail.wake()
            case "realtime.frame":
                self._ephemera.hear(message, self.groups.members)
            case unknown:
                logger.warning("The channel layer brought a message of type %r: not ours.", unknown)


_hub: Hub | None = None


def current() -> Hub:
    """The hub of the running loop, started at the first call."""
    global _hub  # noqa: PLW0603 - one hub a process is the design
    if _hub is None or _hub.loop is not asyncio.get_running_loop():
        if _hub is not None:
            doorbell.detach(_hub)
            _hub.ending.forget()
        _hub = Hub()
        _hub.start()
    return _hub


def _after_fork() -> None:
    global _hub  # noqa: PLW0603 - a child has none of its parent's sockets
    if _hub is not None:
        _hub.ending.forget()
    _hub = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
