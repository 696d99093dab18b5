"""The relay's turn: positions for what was committed, then trimming, in its own connection."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Final

from django.db import connections, transaction

from . import affected, log
from .conf import conf

TRIM_INTERVAL: Final = 10.0
"""Seconds between two looks for something to trim."""

# A relay that is stopped while it holds the lock would hold up everybody's delivery: PostgreSQL
# ends its transaction, and another relay goes on. Milliseconds.
_GUARDS: Final = {
    "idle_in_transaction_session_timeout": "1000",
    "lock_timeout": "2000",
    "statement_timeout": "5000",
}

# For a relay cut off from its server: noticed within some 10 seconds. libpq's own names.
_KEEPALIVES: Final = {
    "keepalives": 1,
    "keepalives_idle": 4,
    "keepalives_interval": 2,
    "keepalives_count": 3,
}


@dataclass(frozen=True, kw_only=True)
class Turn:
    """What a turn did, and where the log stood at least after it.

    `is_busy`: another relay was at it, and something may be left over.
    """

    given: int
    state: log.State
    is_busy: bool


class Relay:
    """Gives positions for one thread, with that thread's connection.

    Any number may run, in any number of processes, and be killed at any instruction: the lock
    and the transaction keep positions contiguous.
    """

    def __init__(self) -> None:
        self._trimmed_at = time.monotonic()

    def prepare(self) -> None:
        """Set up the thread's connection. Call it first, and again after closing it."""
        connection = connections[log.database()]
        if connection.vendor == "postgresql" and connection.connection is None:
            options = {**_KEEPALIVES, **connection.settings_dict.get("OPTIONS", {})}
            connection.settings_dict = {**connection.settings_dict, "OPTIONS": options}

    def turn(self) -> Turn:
        """Give positions to what waits. Raises `django.db.Error` where the database is out."""
        now = log.state()
        given = self._sequence() if now.waiting else 0
        self._trim()
        head = now.head + (given or 0)
        return Turn(given=given or 0, state=replace(now, head=head), is_busy=given is None)

    def _sequence(self) -> int | None:
        alias = log.database()
        with transaction.atomic(using=alias):
            return log.sequence(
                bulk_threshold=int(conf().BULK_THRESHOLD),
                complete=affected.complete,
                guards=_GUARDS if connections[alias].vendor == "postgresql" else {},
            )

    def _trim(self) -> None:
        if time.monotonic() - self._trimmed_at < TRIM_INTERVAL:
            return
        trimmed = log.trim(keep=int(conf().MESSAGE_HISTORY_SIZE), min_age=conf().MESSAGE_MIN_AGE)
        if trimmed < log.BATCH:
            self._trimmed_at = time.monotonic()
