"""The relay's turn: positions for what was committed, in its own connection."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from django.db import DatabaseError, connections, transaction

from . import affected, counters, failpoints, log
from .conf import conf
from .folding import Entry
from .messages import CONTROL, RESYNC

logger = logging.getLogger(__name__)

# A relay that is stopped while it holds the lock would hold up everybody's delivery: PostgreSQL
# ends its transaction, and another relay goes on. Milliseconds.
_GUARDS: Final = {
    "idle_in_transaction_session_timeout": "1000",
    "lock_timeout": "2000",
    "statement_timeout": "5000",
}


@dataclass(frozen=True, kw_only=True)
class Turn:
    """How many positions a turn gave, and where the log stood after it.

    `is_busy`: another relay was at it, so nobody knows, and something may be left over. `is_all`:
    all that was committed when the turn began has its position.
    """

    given: int
    head: int | None = None
    epoch: str | None = None
    is_busy: bool = False
    is_all: bool = False


def _sequence(complete: Callable[[Sequence[Entry]], None]) -> log.Given | None:
    alias = log.database()
    with transaction.atomic(using=alias):
        given = log.sequence(
            bulk_threshold=int(conf().BULK_THRESHOLD),
            complete=complete,
            guards=_GUARDS if connections[alias].vendor == "postgresql" else {},
        )
        if given is not None and given.count:
            failpoints.reach("relay.updated")
    if given is not None and given.count:
        failpoints.reach("relay.committed")
        _count(given)
    return given


def _count(given: log.Given) -> None:
    for type_, number in given.types.items():
        if type_ not in {CONTROL, RESYNC}:  # which are no messages
            counters.count("published", type_, number)


def _as_written(entries: Sequence[Entry]) -> None:
    """Leave the messages as their writers wrote them."""


class Relay:
    """Gives positions for one thread, with that thread's connection.

    Any number may run, in any number of processes, and be killed at any instruction: the lock
    and the transaction keep positions contiguous.
    """

    def turn(self, *, is_expected: bool = False) -> Turn:
        """Give positions to what waits. Raises `django.db.Error` where the database is out.

        `is_expected`: a commit has said that something waits, so that nobody need look first.
        """
        state = None if is_expected else log.state()
        if state is not None and not state.waiting:
            return Turn(given=0, head=state.head, epoch=state.epoch, is_all=True)
        given = self._sequence()
        if given is None:
            return Turn(given=0, is_busy=True)
        return Turn(given=given.count, head=given.head, epoch=given.epoch, is_all=given.is_all)

    def _sequence(self) -> log.Given | None:
        """One transaction of positions. What a host's code or tables get wrong costs details only."""
        connection = connections[log.database()]
        used = connection.connection
        try:
            return _sequence(affected.complete)
        except DatabaseError as error:
            if connection.connection is not used:
                raise  # on another one, nobody knows yet whether it leads to the same log
            # Without its text: a database quotes the row, and a patient may be in it.
            logger.error(  # noqa: TRY400
                "Positions could not be given with all details, for %s; trying without.\n%s",
                type(error).__qualname__,
                "".join(traceback.format_tb(error.__traceback__)),
            )
            return _sequence(_as_written)
