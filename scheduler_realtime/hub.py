"""The hub: the room where a process's sockets live, and the one road from the log to them."""

from __future__ import annotations

import asyncio
import logging
import os
import uuid
from collections import deque
from collections.abc import Callable
from typing import Any

from . import close_codes, conflicts, counters, doorbell, lease, news, orders, progress, upkeep
from .attendance import Attendance
from .cancelling import Cancelling
from .catching_up import Resumption, Verdict
from .connection import Connection
from .dashboards import Dashboards
from .deliveries import Deliveries
from .door import Door
from .doorbell import Courier, Listening
from .ending import Ending
from .ephemeral import Ephemera
from .groups import Groups
from .identity import Identity
from .log import Row
from .presence import Device
from .reporting import Reporter
from .rights import Rights
from .road import Road
from .roster import Roster
from .servers import Send
from .watch import Watch

logger = logging.getLogger(__name__)


class Hub:
    """One per process and event loop.

    Only `wake`, `hear` and `carry` may be used from other threads.
    """

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.connections: set[Connection] = set()
        self.node_id = uuid.uuid4()
        self.door = Door(self.connections)
        self.groups = Groups()
        self.roster = Roster(self)
        self.reporter = Reporter(self)
        self.attendance = Attendance(self, report=self.reporter.report)
        self.ephemera = Ephemera()
        self.cancelling = Cancelling()
        self.road = Road(self)
        self.deliveries = Deliveries(self.road)
        self.rights = Rights(self)
        self._dashboards = Dashboards(self)
        self.watch = Watch(self)
        self._courier = Courier()
        self._listening = Listening(wanted=self.groups.names, hear=self._on_layer)
        self._heard: deque[dict[str, Any]] = deque()
        self._is_hearing = False
        self._tasks: list[asyncio.Task[None]] = []
        self.ending = Ending(self)
        self.ending.unwritten.extend(
            (self.deliveries.flush, self.attendance.sign_off, progress.cut_off)
        )

    # Life.

    def start(self) -> None:
        """Begin to follow the log and to hear the layer."""
        doorbell.attach(self)
        news.follow(self)
        for work in (
            self.road.run(),
            self._courier.run(),
            self._listening.run(),
            self.watch.run(),
            self.rights.run(),
            self.deliveries.run(),
            self.attendance.run(),
            lease.keep(self),
            self.roster.run(),
            upkeep.run(),
            progress.lapses.run(),
            self.reporter.run(),
            self._dashboards.run(),
        ):
            self._tasks.append(self.loop.create_task(work))
        self.road.tail.start()
        conflicts.start()
        self.ending.listen()

    def drain(self) -> None:
        """Take no more sockets, and close those there are: the process is about to end."""
        self.door.shut()
        news.unfollow(self)
        self.road.tail.stop()
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
        doorbell.detach(self)
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks, timeout=2) if self._tasks else None
        await asyncio.to_thread(self.road.tail.join, 2)
        await asyncio.to_thread(conflicts.stop)

    @property
    def is_layer_failing(self) -> bool:
        """Whether the channel layer cannot be sent to, or not be heard. From any thread."""
        return self._courier.is_failing or self._listening.is_failing

    # Sockets.

    async def join(
        self,
        send: Send,
        identity: Identity,
        wish: Resumption,
        on_abort: Callable[[], None],
        device: Device = Device(),  # noqa: B008 - it is frozen
    ) -> Connection:
        """Take a socket in: `welcome`, then what it missed where it resumes, then what comes.

        Raises `TokenRejected` where there is no room, or where the log cannot be read.
        `on_abort` is called when the socket is cut.
        """
        if wish.since is not None and not self.door.replays.take(identity.user_id):
            wish = wish.denied()
        with self.door.entering():
            verdict = await wish.judge(self.road, identity)
        connection = Connection(send, identity, epoch=self.road.epoch, on_abort=on_abort)
        try:
            self._take_in(connection, verdict, device)
        except BaseException:
            self.leave(connection)
            raise
        return connection

    def _take_in(self, connection: Connection, verdict: Verdict, device: Device) -> None:
        connection.position = verdict.since
        self.connections.add(connection)
        counters.connected(len(self.connections))
        self.groups.enter(connection, connection.identity.groups)
        self._listening.changed()
        connection.welcome(
            self.road.position if verdict.recovered else verdict.since,
            recovered=verdict.recovered,
            reason=verdict.reason,
        )
        if verdict.reason is not None:
            connection.resync(verdict.reason, verdict.since)
        if verdict.recovered or verdict.awaiting or verdict.since < self.road.position:
            says_so = verdict.recovered is True
            self.road.catch_up(connection, awaiting=verdict.awaiting, says_so=says_so)
        else:
            connection.is_live = True
        self.attendance.join(connection, device)
        self.rights.check(connection)

    def leave(self, connection: Connection) -> None:
        """Let a socket go. Safe to call twice."""
        connection.mailbox.finish()
        connection.stop_catching_up()
        self.connections.discard(connection)
        counters.connected(len(self.connections))
        self.groups.leave(connection, connection.identity.groups)
        self._listening.changed()
        self.attendance.leave(connection)

    def identify(self, connection: Connection, known: Identity) -> None:
        """The user of a socket is known anew: groups and clearance follow."""
        before = connection.identity
        connection.identity = known
        connection.is_warned = connection.is_warned and before.claims == known.claims
        self.groups.leave(connection, before.groups - known.groups)
        self.groups.enter(connection, known.groups - before.groups)
        self._listening.changed()
        if (before.username, before.roles) != (known.username, known.roles):
            self.attendance.change(connection)

    def obey(self, order: Row) -> None:
        """Carry out an order of the log."""
        orders.obey(self, order)

    # The ephemeral road, and the doorbell. From any thread.

    def wake(self) -> None:
        self.road.tail.wake()

    def hear(self, message: dict[str, Any]) -> None:
        self._in_loop(self._on_own, message)

    def carry(self, group: str, message: dict[str, Any]) -> None:
        self._in_loop(self._courier.put, group, message)

    def _on_own(self, message: dict[str, Any]) -> None:
        """One in a round of the loop: each may go to everybody, and a thousand may join at once."""
        if self._is_hearing:
            self._heard.append(message)
            return
        self._is_hearing = True
        self.loop.call_soon(self._hear_next)
        self._on_layer(message)

    def _hear_next(self) -> None:
        self._is_hearing = False
        if self._heard:
            self._on_own(self._heard.popleft())

    def _in_loop(self, call: Any, *args: Any) -> None:
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(call, *args)

    def _on_layer(self, message: dict[str, Any]) -> None:
        match message.get("type"):
            case "realtime.ring":
                head = message.get("head")
                if not isinstance(head, int) or head > self.road.position:
                    self.road.tail.wake()
            case "realtime.frame":
                self.ephemera.hear(message, self.groups.members)
            case "realtime.presence":
                self.roster.hear(message)
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


def here() -> Hub | None:
    """The hub of this process, if it has one. From any thread."""
    return _hub


def _after_fork() -> None:
    global _hub  # noqa: PLW0603 - a child has none of its parent's sockets
    if _hub is not None:
        _hub.ending.forget()
    _hub = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
