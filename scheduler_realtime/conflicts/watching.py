"""Watching: the threads in which a process examines the log, each on a connection of its own."""

from __future__ import annotations

import logging
import os
import threading
from typing import Final

from django.db import connections

from scheduler_realtime import backoff, files, keepalives, log
from scheduler_realtime.conf import conf
from scheduler_realtime.discretion import told_of

from . import examining
from .rules import rules
from .seeking import BuiltIn, ByRule, Seeker

logger = logging.getLogger(__name__)

LOOK: Final = 1.0
"""Seconds until a thread that nobody woke looks by itself: another process may have been killed."""

BUSY_PAUSE: Final = 0.02
"""Seconds until one that found another at work looks whether that left anything over."""

SWEEP_PAUSE: Final = 0.05
"""Seconds between two parts of a sweep, so that a large one leaves the processor to others."""

TRIES: Final = 3
"""Failures in a row after which a stretch of the log is passed over."""

_running: Final[set[Watcher]] = set()


def seekers() -> list[Seeker]:
    """All that there is to look for: nothing where no binding says what is taken when."""
    if not conf().CONFLICTS:
        return []
    wanted: list[Seeker] = [BuiltIn(), *map(ByRule, rules())]
    return [seeker for seeker in wanted if seeker.bindings()]


def start() -> None:
    """Begin to examine the log in this process. Safe to call twice."""
    if any(watcher.is_alive() for watcher in _running):
        return
    for seeker in seekers():
        watcher = Watcher(seeker)
        _running.add(watcher)
        watcher.start()


def wake() -> None:
    """Positions were given: there may be something to examine. From any thread."""
    for watcher in tuple(_running):
        watcher.wake()


def stop(within: float = 2.0) -> None:
    """End after the step in progress. Blocks `within` so many seconds for each thread."""
    ending = tuple(_running)
    _running.clear()
    for watcher in ending:
        watcher.end()
    for watcher in ending:
        watcher.join(within)


def _after_fork() -> None:
    _running.clear()  # a child has none of its parent's threads


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


class Watcher(threading.Thread):
    """Examines for one seeker: what it finds slow or wrong holds up no other."""

    def __init__(self, seeker: Seeker) -> None:
        super().__init__(name=f"realtime-conflicts-{seeker.name}", daemon=True)
        self._seeker = seeker
        self._woken = threading.Event()
        self._is_ending = False
        self._failures = self._refusals = 0
        self._pauses = backoff.pauses()

    def wake(self) -> None:
        self._woken.set()

    def end(self) -> None:
        self._is_ending = True
        self._woken.set()

    def run(self) -> None:
        pause = 0.0
        while not self._is_ending:
            self._woken.wait(pause)
            self._woken.clear()
            pause = self._guarded()
        connections.close_all()

    def _guarded(self) -> float:
        """Examine what there is; how long to wait. A thread that must outlive every error."""
        try:
            files.leave_replaced()
            keepalives.prepare()
            pause = self._examine()
        except Exception as error:  # noqa: BLE001 - it is reported
            return self._failed(error)
        if self._failures:
            self._failures, self._pauses = 0, backoff.pauses()
        return pause

    def _examine(self) -> float:
        while not self._is_ending:
            outlook = examining.outlook(self._seeker)
            if outlook == "level":
                break
            if self._refusals >= TRIES:
                self._refusals = 0
                examining.pass_over(self._seeker)
                logger.error("Conflicts of a stretch of the log were not looked for; see above.")
            elif not self._step():
                return BUSY_PAUSE
            elif outlook == "sweeping":
                return SWEEP_PAUSE
        return LOOK

    def _step(self) -> bool:
        try:
            done = examining.step(self._seeker)
        except Exception:
            # A database that is out says nothing about the stretch.
            self._refusals += connections[log.database()].is_usable()
            raise
        self._refusals = 0
        return done

    def _failed(self, error: Exception) -> float:
        if not self._failures:
            # Without its text: a database quotes the row, and a patient may be in it.
            logger.error(
                "Conflicts (%s) could not be looked for; trying again.\n%s",
                self._seeker.name,
                told_of(error),
            )
        connections.close_all()
        self._failures += 1
        return next(self._pauses)
