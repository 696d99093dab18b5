"""Attendance: a hub's lease, and its sockets written to the database in batches."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import uuid
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from django.db import Error

from . import books, doorbell
from .conf import conf
from .connection import Connection
from .presence import Batch, Device, Outcome, Person, Register
from .seat import Seat
from .values import Key

logger = logging.getLogger(__name__)

BATCH: Final = 0.1
"""Seconds that sockets gather before they are written."""

PAUSE: Final = 0.25
"""Seconds from one batch to the next: where sockets come without end, more of them gather."""

RENEW: Final = 2.0
"""Seconds between two rounds: the lease, a look at who is here, and at who is gone."""

SEEN: Final = 30.0
"""Seconds between two writings of when sockets were heard of last."""

THOROUGH: Final = 30.0
"""Seconds between two rounds that look for what no node can have left behind."""

SETTLE: Final = 5.0
"""Seconds for which a node that has registered everything sweeps nothing: what kept it from the
database may have kept the others as well, and they are to come back before they are judged."""

RETRY: Final = 1.0
"""Seconds until a database that is out is tried again."""

_PAGE_LENGTH: Final = 200
_DATE_LENGTH: Final = 40


class Roster(Protocol):
    """What attendance tells of what it learns."""

    def arrive(self, person: Person) -> None: ...
    def look(self) -> None: ...
    def see(self, people: Mapping[Key, Person]) -> None: ...


class Road(Protocol):
    """Of the log's road, whether it has begun: from then on the database's clock is known."""

    ready: asyncio.Event


class Door(Protocol):
    """What counts who may still come in."""

    elsewhere: int


class House(Protocol):
    """What attendance needs of its hub."""

    node_id: uuid.UUID

    @property
    def roster(self) -> Roster: ...
    @property
    def road(self) -> Road: ...
    @property
    def door(self) -> Door: ...


class Attendance:
    """Who has a socket in this process, in memory and in the database. Belongs to one event loop.

    While the database is out everything waits, in no more memory than the sockets there are; and
    whenever it is not sure what is written, it compares. `report` gives the text that is
    kept with the lease: what this node has counted. `renewed_at`, by the loop's clock, is when the
    lease was renewed last.
    """

    def __init__(self, house: House, *, report: Callable[[], str] = lambda: "{}") -> None:
        self.report = report
        self.register = Register(house.node_id)
        self._house = house
        self._loop = asyncio.get_running_loop()
        self._seats: dict[str, Seat] = {}
        self._held: dict[Key, int] = {}
        self._arrived: set[str] = set()
        self._left: dict[str, Key] = {}
        self._moved: set[str] = set()
        self._is_unsure = True
        self._is_over = False
        self._is_failing = False
        self._something = asyncio.Event()
        self._writing = asyncio.Lock()
        self._round_at = self._sweep_at = self._written_at = 0.0
        self._seen_at = self._thorough_at = self._settled_at = self._loop.time()
        self.renewed_at = self._loop.time()

    # What sockets do.

    def join(self, connection: Connection, device: Device) -> None:
        """Count a socket in."""
        seat = self._seats[connection.id] = Seat(connection, device, written_at=self._loop.time())
        user = connection.identity.user_id
        self._held[user] = self._held.get(user, 0) + 1
        self._arrived.add(connection.id)
        self._something.set()
        self._house.roster.arrive(seat.socket().person)

    def leave(self, connection: Connection) -> None:
        """Count a socket out. Safe to call twice; one that was never written never will be."""
        seat = self._seats.pop(connection.id, None)
        if seat is None:
            return
        user = connection.identity.user_id
        self._held[user] -= 1
        if not self._held[user]:
            del self._held[user]
        self._moved.discard(connection.id)
        if connection.id in self._arrived:
            self._arrived.discard(connection.id)
        else:
            self._left[connection.id] = user
        self._something.set()

    def note(self, connection: Connection, page: str | None, date: str | None) -> None:
        """Remember what a user looks at.

        A page is cut at its query and its fragment, where names of patients and tokens stand.
        """
        page = re.split("[?#]", page)[0][:_PAGE_LENGTH] if page is not None else None
        date = date[:_DATE_LENGTH] if date is not None else None
        if (page, date) != (connection.current_page, connection.active_schedule_date):
            connection.current_page, connection.active_schedule_date = page, date
            self.change(connection)

    def change(self, connection: Connection) -> None:
        """What is written of a socket is something else than before."""
        if connection.id in self._seats:
            self._moved.add(connection.id)
            self._something.set()

    def doubt(self) -> None:
        """What the database has of this node may be anything: it is another one, or was put back."""
        self._is_unsure = True
        self._round_at = 0.0
        self._something.set()

    def holds(self, user_id: Key) -> bool:
        """Whether a user has a socket here."""
        return user_id in self._held

    @property
    def is_behind(self) -> bool:
        """Whether something is not written yet."""
        return self._something.is_set() or self._writing.locked()

    # What is written.

    async def run(self) -> None:
        """Renew the lease and write what gathers, until this node has signed off."""
        await self._house.road.ready.wait()
        while not self._is_over:
            try:
                await self.turn()
                if self._is_failing:
                    logger.info("Who is here can be written again.")
                self._is_failing = False
                await self._pause()
            except Exception as error:
                if not self._is_failing:
                    hint = None if isinstance(error, Error) else error
                    logger.warning(
                        "Who is here cannot be written; trying again: %r", error, exc_info=hint
                    )
                self._is_failing = True
                await asyncio.sleep(RETRY)

    async def turn(self, *, is_round: bool = False) -> None:
        """Write what has gathered; look around where it is time to, or where it is told so."""
        async with self._writing:
            if self._is_over:
                return
            now = self._loop.time()
            if is_round or now >= self._round_at:
                self._round_at = self._sweep_at = now + RENEW
                await self._look()
                await self._write()
                await self._sweep()
                return
            await self._write()
            if now >= self._sweep_at:
                self._sweep_at = self._round_at
                await self._sweep()

    async def sign_off(self) -> None:
        """Forget this node and its sockets: the process ends. Raises `django.db.Error`."""
        async with self._writing:
            self._is_over = True
            self._tell(await books.run(self.register.sign_off))

    async def _pause(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(min(self._round_at, self._sweep_at)):
                await self._something.wait()
                await asyncio.sleep(max(BATCH, self._written_at + PAUSE - self._loop.time()))

    async def _look(self) -> None:
        self._house.roster.look()
        self._house.roster.see(await books.run(self.register.look))
        if conf().MAX_CONNECTIONS_TOTAL is not None:
            self._house.door.elsewhere = await books.run(self.register.count_elsewhere)

    async def _sweep(self) -> None:
        now = self._loop.time()
        if now < self._settled_at:
            self._sweep_at = min(self._round_at, self._settled_at)
            return
        is_thorough = now >= self._thorough_at
        if is_thorough:
            self._thorough_at = now + THOROUGH
        await books.run(self.register.sweep, thorough=is_thorough)

    async def _write(self) -> None:
        batch = self._batch()
        outcome = None
        try:
            outcome = await books.run(self.register.write, batch)
        finally:
            if outcome is None:
                self._doubt(batch)
            self._written_at = self._loop.time()
        self.renewed_at = self._written_at
        if batch.is_all:
            self._settled_at = self._written_at + SETTLE
        if outcome is None:
            logger.warning("This node was taken for dead; it registers everything anew.")
            self._round_at = self._written_at + BATCH
            return
        self._tell(outcome)

    def _doubt(self, batch: Batch) -> None:
        """It may be written or not: compare everything next time. What moved is to be told still."""
        self._is_unsure = True
        self._moved |= {socket.id for socket in batch.moved} & self._seats.keys()

    def _tell(self, outcome: Outcome) -> None:
        doorbell.tell([person.told() for person in outcome.here], ())
        if outcome.has_left:  # the sweep that finds the grace over comes right then
            self._sweep_at = min(self._sweep_at, self._loop.time() + conf().PRESENCE_GRACE + 0.05)

    def _batch(self) -> Batch:
        report = self.report()  # first: were it to fail, nothing that has gathered is lost
        self._something.clear()
        for seat in tuple(self._seats.values()):
            if seat.connection.is_closing:  # its client may not answer for a while
                self.leave(seat.connection)
        is_all, self._is_unsure = self._is_unsure, False
        arrived = set(self._seats) if is_all else self._arrived
        left = {} if is_all else self._left
        moved = self._moved if is_all else self._moved - arrived
        self._arrived, self._left, self._moved = set(), {}, set()
        return Batch(
            report=report,
            is_all=is_all,
            arrived=tuple(self._seats[each].socket() for each in sorted(arrived)),
            left=left,
            moved=tuple(self._seats[each].socket() for each in sorted(moved)),
            seen=tuple(seat.socket() for seat in self._seen()),
        )

    def _seen(self) -> list[Seat]:
        """The seats that were heard of since that was written, once in a while."""
        now = self._loop.time()
        if now < self._seen_at + SEEN:
            return []
        self._seen_at = now
        seats = [
            each for each in self._seats.values() if each.connection.heard_at > each.written_at
        ]
        for seat in seats:
            seat.written_at = now
        return seats
