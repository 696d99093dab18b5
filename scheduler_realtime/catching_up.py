"""Catching up: from a position to the hub's, out of the ring or the log, at the client's pace."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final, Protocol
from urllib.parse import parse_qs

from django.db import Error

from . import backoff, books, close_codes, log, pacing
from .conf import conf
from .connection import Connection
from .exceptions import HistoryGap, TokenRejected
from .gathering import Gathering
from .identity import Identity
from .judging import Ask
from .log import Row
from .receipts import Listener
from .ring import Ring
from .shelf import Shelf

logger = logging.getLogger(__name__)

FIRST_PAGE: Final = 64
"""Rows read at first; then twice as many each time, as long as they are small."""

PAGE: Final = 256
"""Rows read at once at the most."""

PAGE_BYTES: Final = 256 * 1024
"""Payload read at once, about: a slow client holds on to it, and there may be a thousand."""

JUDGED: Final = 16
"""Messages that a binding's `may_see` is asked about at once for one socket."""

JUDGE_TIMEOUT: Final = 10.0
"""Seconds a socket waits for a log that cannot be read before it is told to come again."""


class Leader(Protocol):
    """What those who catch up need of the hub they follow."""

    ring: Ring
    shelf: Shelf
    position: int
    epoch: str
    generation: int
    ready: asyncio.Event
    awaiting: Gathering[Listener, tuple[Row, ...]]
    judging: Gathering[Ask, None]

    def promised(self, connection: Connection) -> int: ...


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What becomes of a wish to resume: `recovered`, or the `reason` why it cannot be.

    `since` is where the connection begins; `awaiting` what it gets again before that.
    """

    since: int
    recovered: bool | None = None
    reason: str | None = None
    awaiting: tuple[Row, ...] = ()


def _refused(hub: Leader, reason: str) -> Verdict:
    return Verdict(since=hub.position, recovered=False, reason=reason)


@dataclass(frozen=True, kw_only=True)
class Resumption:
    """What a client asked for with `since` and `epoch`, as it stood in the query."""

    since: str | None = None
    epoch: str | None = None
    is_denied: bool = False

    def denied(self) -> Resumption:
        """The same of somebody who has resumed too often of late."""
        return replace(self, is_denied=True)

    @classmethod
    def of(cls, query: bytes) -> Resumption:
        """Read it off a handshake's query string."""
        given = parse_qs(query.decode("latin-1"), keep_blank_values=True)
        # What is given twice is joined to something that is neither a number nor an epoch.
        wish = {name: ",".join(given[name]) for name in ("since", "epoch") if name in given}
        return cls(since=wish.get("since"), epoch=wish.get("epoch"))

    async def judge(self, hub: Leader, identity: Identity) -> Verdict:
        """Whether everything this user missed can be sent again: all of it, or nothing.

        Raises `TokenRejected` where the log cannot be read.
        """
        try:
            async with asyncio.timeout(JUDGE_TIMEOUT):
                await hub.ready.wait()
                while True:
                    generation = hub.generation
                    verdict = await self._judge(hub, identity)
                    # Asked last: what had its position by then is in the answer.
                    awaiting = await hub.awaiting.find(identity.listener)
                    if generation == hub.generation:  # otherwise it was about another log
                        missed = (row for row in awaiting if row.position <= verdict.since)
                        return replace(verdict, awaiting=tuple(missed))
        except (TimeoutError, Error) as error:
            logger.warning("A socket is sent away, since the log cannot be read: %r", error)
            raise TokenRejected("Try again later.", close_code=close_codes.AT_CAPACITY) from None

    async def _judge(self, hub: Leader, identity: Identity) -> Verdict:
        if self.since is None:
            return Verdict(since=hub.position)
        if self.is_denied:
            return _refused(hub, "too_many")
        since = _position(self.since)
        if since is None:
            return _refused(hub, "bad_since")
        if self.epoch != hub.epoch:
            return _refused(hub, "epoch_changed")
        try:
            missed = await _missed(hub, identity, since)
        except HistoryGap as gap:
            return _refused(hub, gap.reason)
        if missed > conf().REPLAY_LIMIT:
            return _refused(hub, "too_many")
        return Verdict(recovered=True, since=since)


def _position(text: str) -> int | None:
    """The position that a client wrote, if it is one: plain digits, no larger than the log's own."""
    if not (text.isascii() and text.isdigit()) or len(text) > len(str(log.MOST)):
        return None
    return position if (position := int(text)) <= log.MOST else None


async def _missed(hub: Leader, identity: Identity, since: int) -> int:
    """How many messages for this user lie behind a position, counted no further than needed.

    Raises `HistoryGap`.
    """
    if since > hub.position:  # another process may have told the client what we have yet to read
        now = await books.run(log.state)
        if now.epoch != hub.epoch:
            raise HistoryGap("epoch_changed")
        if now.head < since:
            raise HistoryGap("ahead")
    count, position, pages = 0, since, Pages(hub)
    while position < hub.position and count <= conf().REPLAY_LIMIT:
        rows = await pages.after(position)
        if not rows:
            break
        count += sum(row.is_for(identity.groups) for row in rows)
        position = rows[-1].position
    return count


class Pages:
    """Reads on for one client, in pages no larger than memory should hold for it."""

    def __init__(self, hub: Leader) -> None:
        self._hub = hub
        self._limit = FIRST_PAGE

    async def after(self, position: int) -> deque[Row]:
        """The next rows, from memory where they are there. Raises `HistoryGap`, or `Error`."""
        rows = self._hub.ring.after(position, self._limit)
        if rows is None:
            rows = await self._read(position)
        size = sum(row.size for row in rows)
        self._limit = max(1, min(PAGE, 2 * self._limit, _fitting(len(rows), size)))
        return deque(rows)

    async def _read(self, position: int) -> tuple[Row, ...]:
        """The next rows of the hub's own epoch: what is in another is not what follows here.

        The hub will know within a moment, and has then another task for whoever waits here.
        """
        pauses = backoff.pauses()
        while True:
            page = await self._hub.shelf.after(position, self._limit, self._hub.epoch)
            if page.state.epoch == self._hub.epoch:
                return page.rows
            await asyncio.sleep(next(pauses))

    def at_hand(self, position: int) -> deque[Row]:
        """The next rows that are in memory, if any are."""
        return deque(self._hub.ring.after(position, self._limit) or ())

    async def patiently_after(self, position: int) -> deque[Row]:
        """The same, tried again until the database can be read."""
        pauses = backoff.pauses()
        while True:
            try:
                return await self.after(position)
            except Error as error:
                logger.debug("The log cannot be read, so a client goes on later: %r", error)
                await asyncio.sleep(next(pauses))


def _fitting(count: int, size: int) -> int:
    """How many rows of their mean size a page may have."""
    return PAGE_BYTES * count // size if size else PAGE


async def catch_up(
    hub: Leader, connection: Connection, *, awaiting: Sequence[Row] = (), says_so: bool
) -> None:
    """Bring a connection level with the hub, and turn it live in the same step of the loop.

    What is `awaiting` an acknowledgement comes first, again. Says `caught_up` at the end where
    `says_so`. Outlives a database that is out.
    """
    pages = Pages(hub)
    await _send_again(hub, connection, awaiting)
    try:
        while await _is_behind(hub, connection):
            rows = await pages.patiently_after(connection.position)
            if not rows:
                connection.position = hub.position  # deleted by hand: there is nothing to send
            while rows:
                await _judged(hub, connection, rows)
                await connection.room_for(rows[0])
                await pacing.turn()
                await connection.known.wait()
                while rows and _hand_over(connection, rows):
                    rows = pages.at_hand(connection.position)  # what came meanwhile
    except HistoryGap as gap:
        connection.resync(gap.reason, hub.position)
    connection.is_live = True
    if says_so:
        connection.say("caught_up", {"position": hub.promised(connection)})


async def _is_behind(hub: Leader, connection: Connection) -> bool:
    """Whether there is more for the connection, once it is known who is there."""
    await connection.known.wait()
    return connection.position < hub.position and not connection.is_closing


async def _judged(hub: Leader, connection: Connection, rows: Iterable[Row]) -> None:
    """Wait until it is known what of these messages the user may see. No other socket waits."""
    await connection.known.wait()
    pauses = backoff.pauses()
    while asked := tuple(row for row in islice(rows, JUDGED) if connection.must_judge(row)):
        try:
            await hub.judging.find((connection.identity.listener, asked))
        except KeyError:
            pass  # others came first
        except Error as error:
            logger.debug("Nobody can be judged, so a client goes on later: %r", error)
            await asyncio.sleep(next(pauses))


async def _send_again(hub: Leader, connection: Connection, awaiting: Sequence[Row]) -> None:
    for row in awaiting:
        await _judged(hub, connection, [row])
        if connection.hears(row):
            await connection.room_for(row)
            connection.hand_over(row, "redelivered")


def _hand_over(connection: Connection, rows: deque[Row]) -> bool:
    """Hand over the rows as far as there is room, and say whether that was all of them.

    Each is forgotten: somebody slow may hold on to the rest.
    """
    while rows:
        if connection.hears(rows[0]):
            has_room = connection.mailbox.has_room(len(rows[0].body))
            if connection.must_judge(rows[0]) or not has_room:
                return False
            connection.hand_over(rows[0])
        connection.position = rows.popleft().position
    return True
