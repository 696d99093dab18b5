"""The hub: the room where a process's sockets live, and the one road from the log to them."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Iterable
from typing import Any, Final

from . import books, catching_up, close_codes, doorbell, servers
from .catching_up import Resumption
from .conf import conf
from .connection import Connection
from .doorbell import Courier, Listening
from .ephemeral import Ephemera
from .identity import Identity
from .log import Page, Row, State
from .messages import OptimizationProgress
from .ring import Ring
from .roster import Roster
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
        self.groups: dict[str, set[Connection]] = {}
        self.ring = Ring()
        self.roster = Roster()
        self.position = self.settled = 0
        self.epoch = ""
        self.ready = asyncio.Event()
        self.is_draining = False
        self.watch = Watch(self)
        self._ephemera = Ephemera()
        self._courier = Courier()
        self._listening = Listening(wanted=self.groups.keys, hear=self._on_layer)
        self._pages: asyncio.Queue[Page] = asyncio.Queue()
        self._alerted = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._tail = Tail(self)

    # Life.

    def start(self) -> None:
        """Begin to follow the log and to hear the layer."""
        doorbell.attach(self)
        for work in (self._advance(), self._courier.run(), self._listening.run(), self.watch.run()):
            self._tasks.append(self.loop.create_task(work))
        self._tail.start()
        servers.before_daphne_stops(self.drain)

    def drain(self) -> None:
        """Take no more sockets, and close those there are: the process is about to end."""
        self.is_draining = True
        for connection in tuple(self.connections):
            connection.close(close_codes.DRAINING)

    async def stop(self) -> None:
        """End everything that `start` began. Safe to call twice."""
        self.drain()
        self.roster.stop()
        doorbell.detach(self)
        self._tail.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks, timeout=2) if self._tasks else None
        await asyncio.to_thread(self._tail.join, 2)
        books.close()

    # Sockets.

    @property
    def is_full(self) -> bool:
        """Whether another socket would be one too many."""
        return len(self.connections) >= conf().MAX_CONNECTIONS

    async def join(self, send: Send, identity: Identity, resumption: Resumption) -> Connection:
        """Take a socket in: `welcome`, then what it missed where it resumes, then what comes."""
        await self.ready.wait()
        verdict = await resumption.judge(self, identity)
        connection = Connection(send, identity, epoch=self.epoch)
        connection.position = self.position if verdict.since is None else verdict.since
        self.connections.add(connection)
        self._enter(connection, identity.groups)
        connection.say("welcome", self._welcome(connection, verdict))
        if verdict.reason is not None:
            connection.resync(verdict.reason, self.settled)
        if verdict.since is None:
            connection.is_live = True
        else:
            self._catch_up(connection, says_so=True)
        self.roster.join(connection)
        return connection

    def leave(self, connection: Connection) -> None:
        """Let a socket go. Safe to call twice."""
        connection.mailbox.finish()
        if connection.catching_up is not None:
            connection.catching_up.cancel()
        self.connections.discard(connection)
        self._exit(connection, connection.identity.groups)
        self.roster.leave(connection)

    def identify(self, connection: Connection, known: Identity) -> None:
        """The user of a socket is known anew: groups and clearance follow."""
        before = connection.identity.groups
        connection.identity = known
        connection.is_warned = False
        self._exit(connection, before - known.groups)
        self._enter(connection, known.groups - before)

    def promised(self, connection: Connection) -> int:
        """Up to where everything for this user was put on the connection."""
        return self.settled if connection.is_live else connection.position

    def members(self, groups: Iterable[str]) -> set[Connection]:
        """The sockets in any of these groups."""
        found: set[Connection] = set()
        for group in groups:
            found |= self.groups.get(group, set())
        return found

    def _enter(self, connection: Connection, groups: Iterable[str]) -> None:
        for group in groups:
            self.groups.setdefault(group, set()).add(connection)
        self._listening.changed()

    def _exit(self, connection: Connection, groups: Iterable[str]) -> None:
        for group in groups:
            members = self.groups.get(group, set())
            members.discard(connection)
            if not members:
                self.groups.pop(group, None)
        self._listening.changed()

    def _welcome(self, connection: Connection, verdict: catching_up.Verdict) -> dict[str, Any]:
        identity = connection.identity
        return {
            "connection_id": connection.id,
            "user_id": identity.user_id,
            "username": identity.username,
            "roles": identity.roles,
            "groups": sorted(identity.groups),
            "heartbeat_interval": conf().HEARTBEAT_INTERVAL,
            "connection_timeout": conf().CONNECTION_TIMEOUT,
            "epoch": self.epoch,
            "position": self.position,
            "recovered": verdict.recovered,
            "reason": verdict.reason,
            "token_expires_at": connection.expires_at,
            "server_time": connection.connected_at,
        }

    def _catch_up(self, connection: Connection, *, says_so: bool) -> None:
        work = catching_up.catch_up(self, connection, says_so=says_so)
        connection.catching_up = self.loop.create_task(work)

    # The durable road: pages from the tail thread, one after the other, to whoever is live.

    async def _advance(self) -> None:
        while True:
            page = await self._pages.get()
            try:
                for row in page.rows:
                    await self._take(row)
            finally:
                self._tail.taken()

    async def _take(self, row: Row) -> None:
        if row.position <= self.position:
            return  # read before the log was found to be another one
        self.ring.append(row)
        self.position = row.position
        if row.type == OptimizationProgress.type and row.data.get("status") in _ENDED:
            self._ephemera.end(row.data["optimization_id"])
        await self._fan_out(row)
        self.settled = row.position

    async def _fan_out(self, row: Row) -> None:
        for count, connection in enumerate(self.members(row.groups | row.left_groups), start=1):
            if not connection.offer(row):
                self._catch_up(connection, says_so=False)
            if count % SENDS_PER_STEP == 0:
                await asyncio.sleep(0)

    # What the tail thread calls.

    def start_at(self, state: State) -> None:
        self.loop.call_soon_threadsafe(self._on_start, state)

    def arrive(self, page: Page, read_at: float) -> None:
        self.loop.call_soon_threadsafe(self._on_page, page, read_at)

    def alert(self, rows: tuple[Row, ...]) -> None:
        self.loop.call_soon_threadsafe(self._on_alerts, rows)

    def replaced(self, state: State, reason: str) -> None:
        self.loop.call_soon_threadsafe(self._on_replaced, state, reason)

    def _on_start(self, state: State) -> None:
        self._begin_at(state)
        self.ready.set()

    def _begin_at(self, state: State) -> None:
        self.position = self.settled = state.head
        self.epoch = state.epoch
        self.ring.restart(state.head)

    def _on_page(self, page: Page, read_at: float) -> None:
        self.watch.read_at = read_at
        if page.rows:
            self._pages.put_nowait(page)
        else:
            self._tail.taken()

    def _on_alerts(self, rows: tuple[Row, ...]) -> None:
        for row in rows:
            if row.position > max(self._alerted, self.position):
                self._alerted = row.position
                for connection in self.members(row.groups):
                    connection.hand_over_early(row)

    def _on_replaced(self, state: State, reason: str) -> None:
        """Everybody reads afresh: the positions they have mean nothing, or some are gone."""
        while not self._pages.empty():
            self._pages.get_nowait()
            self._tail.taken()
        self._begin_at(state)
        for connection in self.connections:
            connection.epoch = state.epoch
            connection.position = state.head
            connection.is_live = True
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
                if message.get("head", self.position + 1) > self.position:
                    self._tail.wake()
            case "realtime.frame":
                groups = self._ephemera.groups_of(message)
                self._ephemera.deliver(message.get("frame"), self.members(groups))
            case unknown:
                logger.warning("The channel layer brought a message of type %r: not ours.", unknown)


_ENDED: Final = frozenset({"completed", "failed", "cancelled"})

_hub: Hub | None = None


def current() -> Hub:
    """The hub of the running loop, started at the first call."""
    global _hub  # noqa: PLW0603 - one hub a process is the design
    if _hub is None or _hub.loop is not asyncio.get_running_loop():
        if _hub is not None:
            doorbell.detach(_hub)
        _hub = Hub()
        _hub.start()
    return _hub


def _after_fork() -> None:
    global _hub  # noqa: PLW0603 - a child has none of its parent's sockets
    _hub = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
