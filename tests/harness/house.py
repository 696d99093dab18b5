"""A hub whose log is a list in memory: what a process does with its sockets, without the rest."""

import asyncio
import datetime as dt
import json
import time
import uuid
from collections.abc import Iterable
from typing import Any

from scheduler_realtime.catching_up import Resumption
from scheduler_realtime.claims import Claims
from scheduler_realtime.connection import Connection
from scheduler_realtime.exceptions import HistoryGap
from scheduler_realtime.gathering import Gathering
from scheduler_realtime.hub import Hub
from scheduler_realtime.identity import Identity
from scheduler_realtime.log import Page, Row, State
from scheduler_realtime.receipts import Listener
from tests.harness.line import Line, until
from tests.harness.memory_register import MemoryRegister

NURSE = frozenset({"everyone", "user.1", "role.nurse"})


def identity(
    groups: Iterable[str] = NURSE, *, user_id: int = 1, is_cleared: bool = True, **claims: Any
) -> Identity:
    """Somebody at a socket, whose token ends in an hour."""
    facts = {"user_key": user_id, "expires_at": time.time() + 3600, "password_mark": None} | claims
    return Identity(
        user_id=user_id,
        username=f"user {user_id}",
        roles=("nurse",),
        groups=frozenset(groups),
        is_cleared=is_cleared,
        is_active=True,
        claims=Claims(**facts),
    )


def row(
    position: int,
    type: str = "system_notification",  # noqa: A002 - the wire's own word
    *,
    groups: Iterable[str] = ("everyone",),
    body: str | None = None,
    ack_required: bool = False,
    **data: Any,
) -> Row:
    """A message of the log."""
    return Row(
        position=position,
        key=str(uuid.uuid4()),
        type=type,
        actor=None,
        ack_required=ack_required,
        expires_at=None,
        created_at=dt.datetime.now(dt.UTC),
        body=json.dumps({"n": position} | data) if body is None else body,
        groups=frozenset(groups),
        left_groups=frozenset(),
        protected=frozenset(),
        scope_text="{}",
    )


class StillTail:
    """Stands where the thread would that reads the log: the test reads instead."""

    def __init__(self, reader: object) -> None:
        self.pages_taken = 0
        self.looked_at = self.relayed_at = time.monotonic()
        self.is_failing = self.is_held_up = False

    def start(self) -> None: ...
    def stop(self) -> None: ...
    def join(self, timeout: float) -> None: ...
    def wake(self) -> None: ...

    def taken(self) -> None:
        self.pages_taken += 1


class House:
    """A hub, its log, and the sockets a test opens in it."""

    def __init__(self) -> None:
        self.epoch = str(uuid.uuid4())
        self.rows: list[Row] = []
        self.floor = 0
        self.reads = 0
        self.faults: list[Exception] = []
        self.hub = Hub()
        self.hub.road.awaiting = Gathering(self.awaiting)
        self.register = self.hub.attendance.register = MemoryRegister()  # type: ignore[assignment]  # it is enough like it

    def open(self) -> None:
        """Start the hub at the log's head."""
        self.hub.start()
        self.hub.road.start_at(self.state())

    async def close(self) -> None:
        """Have everybody leave, and stop the hub."""
        for connection in tuple(self.hub.connections):
            self.hub.leave(connection)
        await self.hub.stop()

    def state(self) -> State:
        head = self.rows[-1].position if self.rows else 0
        return State(epoch=self.epoch, head=head, floor=self.floor, waiting=False)

    def read_after(self, position: int, *, limit: int = 500) -> Page:
        """As `log.read_after`; the faults that are waiting come first."""
        self.reads += 1
        if self.faults:
            raise self.faults.pop(0)
        if self.floor > position:
            raise HistoryGap("trimmed")
        found = [row for row in self.rows if row.position > position]
        return Page(rows=tuple(found[:limit]), state=self.state())

    def awaiting(self, listeners: Iterable[Listener]) -> dict[Listener, tuple[Row, ...]]:
        """As `receipts.awaiting`, where nobody has acknowledged anything."""
        return {
            listener: tuple(
                row
                for row in self.rows
                if row.ack_required and not row.groups.isdisjoint(listener[1])
            )
            for listener in listeners
        }

    def publish(self, *rows: Row) -> None:
        """Append to the log, and hand it to the hub as the tail does."""
        self.rows += rows
        self.hub.road.arrive(Page(rows=rows, state=self.state()))
        self.hub.road.level(time.monotonic())

    def publish_more(self, number: int, **facts: Any) -> None:
        """So many more messages, one page each."""
        for _ in range(number):
            self.publish(row(self.state().head + 1, **facts))

    async def join(
        self, line: Line | None = None, *, query: str = "", who: Identity | None = None
    ) -> "Seat":
        """Open a socket."""
        line = line or Line()
        seat = Seat(self, line)
        wish = Resumption.of(query.encode())
        seat.connection = await self.hub.join(line.send, who or identity(), wish, seat.on_abort)
        return seat

    async def told(self) -> None:
        """Wait until the hub has told of everything in the log."""
        await until(lambda: self.hub.road.settled == self.state().head)


class Seat:
    """One socket of a house, and what its client got."""

    connection: Connection

    def __init__(self, house: House, line: Line) -> None:
        self.house = house
        self.line = line
        self.is_cut = False

    def on_abort(self) -> None:
        self.is_cut = True

    @property
    def frames(self) -> list[dict[str, Any]]:
        """What came, presence apart."""
        heard = [json.loads(text) for text in self.line.texts]
        return [frame for frame in heard if frame["type"] != "user_presence"]

    @property
    def types(self) -> list[str]:
        return [frame["type"] for frame in self.frames]

    @property
    def positions(self) -> list[int]:
        """Of the durable messages that came."""
        return [frame["id"] for frame in self.frames if "id" in frame]

    def last(self, type: str) -> dict[str, Any]:  # noqa: A002 - the wire's own word
        return next(frame for frame in reversed(self.frames) if frame["type"] == type)

    def leave(self) -> None:
        self.house.hub.leave(self.connection)


def tasks_of_ours() -> set[asyncio.Task[Any]]:
    """Every task but the one that asks."""
    return asyncio.all_tasks() - {asyncio.current_task()}  # type: ignore[arg-type]
