"""The tail thread of a hub: it runs the relay and reads the log, and hands pages to the loop."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Final, Protocol

from django.db import InterfaceError, OperationalError, connections

from . import backoff, conflicts, doorbell, failpoints, files, keepalives, log
from .conf import conf
from .discretion import forget_values, told_of
from .exceptions import HistoryGap
from .relay import Relay, Turn

logger = logging.getLogger(__name__)

BUSY_PAUSE: Final = 0.005
"""Seconds until a relay that found another at work looks again for what that one left over."""

AHEAD: Final = 8
"""Pages that may wait for the loop: beyond it the thread waits, instead of filling memory."""

ASK_AGAIN: Final = 10.0
"""Seconds until a connection that goes on is asked again: behind a pooler, such as pgbouncer, it
outlives the server it led to."""


def _report(error: Exception) -> None:
    """Say that the log cannot be read. Of a database that is out, its words help; others quote rows."""
    forget_values(error)
    said = "The log cannot be read; trying again until it can."
    if isinstance(error, OperationalError | InterfaceError):
        logger.error(said, exc_info=error)
    else:
        logger.error("%s %s", said, told_of(error))


class Reader(Protocol):
    """What the thread needs of its hub. Each call is made in the thread, and only hands over."""

    def start_at(self, state: log.State) -> None: ...
    def level(self, at: float) -> None: ...
    def arrive(self, page: log.Page) -> None: ...
    def alert(self, rows: tuple[log.Row, ...]) -> None: ...
    def replaced(self, state: log.State, reason: str) -> None: ...


class Tail(threading.Thread):
    """Turns the relay and follows the log, when woken and four times a second by itself.

    On the monotonic clock, and for any thread to read: at `looked_at` the database answered last;
    whatever was committed by `relayed_at` has its position. `is_held_up` says that it waits for
    the loop to take what was read.
    """

    def __init__(self, reader: Reader | None) -> None:
        super().__init__(name="realtime-tail", daemon=True)
        self._reader = reader
        self._woken = threading.Event()
        self._is_expecting = False
        self._is_stopping = False
        self._credits = threading.Semaphore(AHEAD)
        self._relay = Relay()
        self._place: log.Place | None = None
        self._recognised_on: object = None
        self._recognised_at = 0.0
        self._failures = 0
        self._pauses = backoff.pauses()
        self.looked_at = self.relayed_at = self._level_at = time.monotonic()
        self.is_held_up = False

    @property
    def is_failing(self) -> bool:
        """Whether the database refused the last look. From any thread."""
        return self._failures > 0

    def wake(self) -> None:
        """Something was committed that may have no position yet. From any thread."""
        self._is_expecting = True
        self._woken.set()

    def read(self) -> None:
        """Another relay gave positions: there is something to read. From any thread."""
        self._woken.set()

    def taken(self) -> None:
        """The loop has dealt with one page. From any thread."""
        self._credits.release()

    def stop(self) -> None:
        """End after the turn in progress. From any thread."""
        self._is_stopping = True
        self._woken.set()
        self._credits.release()

    def run(self) -> None:
        pause = 0.0
        while not self._is_stopping:
            is_woken = self._woken.wait(pause)
            self._woken.clear()
            pause = self._guarded(self._read_first if is_woken else self._turn)
        connections.close_all()

    def _guarded(self, turn: Callable[[], float]) -> float:
        """One turn; how long to wait for the next. A thread that must outlive every error."""
        try:
            pause = turn()
        except Exception as error:  # noqa: BLE001 - it is reported
            if not self._failures:
                _report(error)
            connections.close_all()  # a connection whose backend was killed fails for ever
            self._failures += 1
            return next(self._pauses)
        if self._failures:
            logger.warning("The log can be read again, after %d failed tries.", self._failures)
            self._pauses = backoff.pauses()
        self._failures = 0
        self.looked_at = time.monotonic()
        return pause

    def _read_first(self) -> float:
        """Woken: where another relay rang, what it gave positions to waits for nothing else."""
        if self._is_expecting or self._reader is None:
            return self._turn()
        place = self._connect()
        self._follow(self._reader, place, Turn(given=0), self._level_at)
        return 0

    def _turn(self) -> float:
        is_expected, self._is_expecting = self._is_expecting, False
        place = self._connect()
        begun = time.monotonic()
        turn = self._relay.turn(is_expected=is_expected)
        if turn.is_all:
            self.relayed_at = begun
        if turn.given and turn.head is not None:
            doorbell.ring(turn.head)
            conflicts.wake()
            failpoints.reach("relay.rung")
        if self._reader is not None:
            self._follow(self._reader, place, turn, begun if turn.is_all else self._level_at)
        if turn.is_busy:
            return BUSY_PAUSE
        # What was committed during the turn wakes us; a full turn may have left some over.
        return 0 if turn.given else conf().LOOK_INTERVAL

    def _connect(self) -> log.Place:
        """Where we stand, on a connection to the log we know: a new one is asked before it is used."""
        files.leave_replaced()
        keepalives.prepare()
        connection, now = connections[log.database()], time.monotonic()
        is_new = connection.connection is not self._recognised_on
        if self._place is None or is_new or now - self._recognised_at >= ASK_AGAIN:
            self._place = self._recognise(self._place)
            self._recognised_on, self._recognised_at = connection.connection, now
        return self._place

    def _recognise(self, known: log.Place | None, gap: str | None = None) -> log.Place:
        """Find the log, and where to go on: at its head, where it is another one or has a gap."""
        seen = log.recognise(known, is_broken=gap in ("ahead", "epoch_changed"))
        is_same = known is not None and known.epoch == seen.state.epoch
        if known is not None and is_same and gap is None:
            return known
        if self._reader is not None:
            if known is None:
                self._reader.start_at(seen.state)
            else:
                self._reader.replaced(seen.state, (is_same and gap) or "epoch_changed")
        return seen.head

    def _follow(self, reader: Reader, place: log.Place, turn: Turn, level_at: float) -> None:
        """Read on, where there is something: an idle look is one statement.

        `level_at`: who has read all that there is now has all that was committed by then.
        """
        try:
            if (turn.head, turn.epoch) != (place.position, place.epoch):
                self._read_on(reader, place)
        except HistoryGap as gap:
            self._place = self._recognise(self._place, gap.reason)
        if level_at != self._level_at:
            self._level_at = level_at
            reader.level(level_at)

    def _read_on(self, reader: Reader, place: log.Place) -> None:
        """Read and hand over what lies behind a place, page by page."""
        is_full = True
        while is_full and not self._is_stopping:
            page = log.read_after(place.position, key=place.key)
            if page.state.epoch != place.epoch:
                raise HistoryGap("epoch_changed")
            is_full = len(page.rows) == log.PAGE
            if page.rows:
                place = place.after(page.rows[-1])
            if is_full:  # a long way to go: alerts do not wait for it
                alerts = log.read_alerts_after(place.position)
                if alerts:
                    reader.alert(alerts)
            self.is_held_up = True
            self._credits.acquire()
            self.is_held_up, self.looked_at = False, time.monotonic()
            self._place = place  # not before: what fails above is read again
            reader.arrive(page)
