"""Deliveries: what clients say of the messages they got, gathered and written in batches."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from django.db import Error
from django.utils import timezone

from . import books, doorbell, receipts, registry
from .audience import RECEIPT_WATCHERS, user_group
from .connection import Connection
from .judging import Jury
from .messages import ReceiptUpdate, envelope
from .receipts import Claim, Listener, Noted, Outcome
from .values import Key
from .wire import plain

logger = logging.getLogger(__name__)

FLUSH: Final = 1.0
"""Seconds that what nobody waits for is gathered before it is written."""

WAITING: Final = 20_000
"""Positions that may wait to be acknowledged; whoever asks for more is told to come again."""

RETRY: Final = 1.0
"""Seconds until a database that is out is tried again."""


State = Literal["delivered", "acknowledged"]


class Leader(Protocol):
    """What deliveries need of their hub."""

    epoch: str
    generation: int
    jury: Jury


@dataclass(slots=True, eq=False)
class _Ask:
    """One `ack` that waits for its answer."""

    connection: Connection
    ids: frozenset[int]
    ref: str | None
    generation: int


class Deliveries:
    """Receipts and positions of a hub's clients. Belongs to one event loop.

    An acknowledgement is answered once it is written, which costs its handler no query: while
    one batch is written, the next gathers. Nothing is dropped while the database is out.
    """

    def __init__(self, hub: Leader) -> None:
        self._hub = hub
        self._asks: list[_Ask] = []
        self._delivered: dict[Listener, set[int]] = {}
        self._reached: dict[Key, int] = {}
        self._waiting = 0
        self._something, self._urgent = asyncio.Event(), asyncio.Event()
        self._writing = asyncio.Lock()

    def acknowledge(self, connection: Connection, ids: Iterable[int], ref: str | None) -> bool:
        """Queue an `ack`; False where too many wait already."""
        wanted = frozenset(ids)
        if self._waiting + len(wanted) > WAITING:
            return False
        self._waiting += len(wanted)
        self._asks.append(_Ask(connection, wanted, ref, self._hub.generation))
        self._something.set()
        self._urgent.set()
        return True

    def passed(self, connection: Connection, position: int) -> None:
        """A client has handled everything up to there, as its heartbeat says."""
        delivered = connection.confirm(position)
        identity = connection.identity
        if delivered:
            key = (identity.user_id, identity.groups)
            self._delivered.setdefault(key, set()).update(delivered)
        if position > connection.reached:
            connection.reached = position
            self._reached[identity.user_id] = max(position, self._reached.get(identity.user_id, 0))
        if self._delivered or self._reached:
            self._something.set()

    def forget(self) -> None:
        """The log was replaced: the positions that wait mean nothing any more."""
        self._delivered.clear()
        self._reached.clear()

    async def run(self) -> None:
        """Write what was gathered, for ever."""
        while True:
            await self._something.wait()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FLUSH):
                    await self._urgent.wait()
            try:
                await self.flush()
            except Error as error:
                logger.warning("Receipts cannot be written; trying again: %r", error)
                await asyncio.sleep(RETRY)
            except Exception:
                logger.exception("A batch of receipts was lost; the next one goes on.")

    async def flush(self) -> None:
        """Write what was gathered so far. Raises `django.db.Error`, and then it goes on waiting."""
        async with self._writing:
            self._something.clear()
            self._urgent.clear()
            await self._flush_acknowledged()
            await self._flush_delivered()
            await self._flush_reached()

    async def _flush_acknowledged(self) -> None:
        asks, self._asks = self._asks, []
        if not asks:
            return
        claims = {ask: self._claim(ask) for ask in asks}
        try:
            outcome = await self._write(receipts.acknowledge, set(claims.values()))
        except Error:
            self._asks = asks + self._asks
            self._something.set()
            raise
        finally:
            self._waiting = sum(len(ask.ids) for ask in self._asks)
        for ask, claim in claims.items():
            self._answer(ask, outcome.taken[claim])
        announce(outcome, "acknowledged")

    async def _write(self, write: Callable[..., Outcome], claims: Collection[Claim]) -> Outcome:
        """Write claims of messages that their users may see; a host's function may be asked which."""
        run = books.judge if registry.has_judges() else books.run
        return await run(write, claims, epoch=self._hub.epoch, sees=self._hub.jury.sees)

    def _claim(self, ask: _Ask) -> Claim:
        identity = ask.connection.identity
        is_known = ask.generation == self._hub.generation  # otherwise they are of another log
        positions = ask.ids if is_known else frozenset()
        return Claim(user_id=identity.user_id, groups=identity.groups, positions=positions)

    def _answer(self, ask: _Ask, taken: frozenset[int]) -> None:
        answer = {"acknowledged": sorted(taken), "unknown": sorted(ask.ids - taken)}
        ask.connection.say("ack_result", answer, ask.ref)
        if taken and ask.generation == self._hub.generation:
            self.passed(ask.connection, min(max(taken), ask.connection.position))

    async def _flush_delivered(self) -> None:
        delivered, self._delivered = self._delivered, {}
        generation = self._hub.generation
        if not delivered:
            return
        claims = [
            Claim(user_id=user_id, groups=groups, positions=frozenset(positions))
            for (user_id, groups), positions in delivered.items()
        ]
        try:
            outcome = await self._write(receipts.deliver, claims)
        except Error:
            if generation == self._hub.generation:  # otherwise they are of another log
                for key, positions in delivered.items():
                    self._delivered.setdefault(key, set()).update(positions)
                self._something.set()
            raise
        announce(outcome, "delivered")

    async def _flush_reached(self) -> None:
        reached, self._reached = self._reached, {}
        generation = self._hub.generation
        if not reached:
            return
        try:
            await books.run(receipts.reach, reached, epoch=self._hub.epoch)
        except Error:
            if generation == self._hub.generation:
                self._reached = reached | self._reached
                self._something.set()
            raise


def announce(outcome: Outcome, state: State) -> None:
    """Tell the senders, those who may watch, and of an acknowledgement the user's own devices."""
    for noted in outcome.news:
        data = {"id": noted.message.position, "user_id": noted.user_id, "state": state}
        frame = envelope(ReceiptUpdate.type, plain(data), timestamp=timezone.now())
        doorbell.carry(frame, _hearers(noted, state))


def _hearers(noted: Noted, state: State) -> set[str]:
    groups = {RECEIPT_WATCHERS}
    if noted.message.actor is not None:
        groups.add(user_group(noted.message.actor))
    if state == "acknowledged":
        groups.add(user_group(noted.user_id))
    return groups
