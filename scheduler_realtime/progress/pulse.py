"""A run's pulse: the one thread that writes of it, and so learns that somebody wants it stopped."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any, Final, ParamSpec, Protocol, TypeVar

from django.db import Error, connections

from scheduler_realtime import books
from scheduler_realtime.exceptions import OptimizationNotBegun
from scheduler_realtime.messages import OptimizationProgress

from . import holding
from .holding import Heard, Held

P = ParamSpec("P")
R = TypeVar("R")

logger = logging.getLogger(__name__)

BEAT: Final = 0.5
"""Seconds between two looks at a run's row: so soon it hears that it is to stop."""

FLUSH: Final = 1.0
"""Seconds between two writings of the figures, for whoever opens the page meanwhile."""

END_WITHIN: Final = 10.0
"""Seconds for which a database that is out is tried again at the end."""


class Told(Protocol):
    """What a pulse needs of its run. Called in the pulse's thread."""

    held: Held

    def figures(self) -> OptimizationProgress: ...
    def hear(self, heard: Heard) -> None: ...


class Pulse(threading.Thread):
    """Begins a run, beats for it, and ends it, on a database connection of its own.

    The engine's own may be closed by then, or be in the middle of a transaction. `begun` and
    `ended` are what those wait for who began it and who end it; `ended` is the status in the end.
    """

    def __init__(self, run: Told) -> None:
        super().__init__(name="realtime-progress", daemon=True)
        self.begun: Future[None] = Future()
        self.ended: Future[str] = Future()
        self._run_of = run
        self._final: OptimizationProgress | None = None
        self._woken = threading.Event()
        self._pause: float | None = BEAT
        self._flush_at = 0.0

    def begin(self) -> Future[None]:
        """Tell the first state."""
        self.start()
        return self.begun

    def look(self) -> None:
        """Look at once. From any thread."""
        self._woken.set()

    def end(self, payload: OptimizationProgress) -> Future[str]:
        """Tell the last state, and beat no more."""
        self._final = payload
        self._woken.set()
        return self.ended

    def run(self) -> None:
        try:
            _settle(self.begun, self._begin)
            if self.begun.exception() is None:
                while self._final is None:
                    self._woken.wait(self._pause)
                    self._woken.clear()
                    if self._final is None:
                        self._beat()
                _settle(self.ended, self._end)
        finally:
            connections.close_all()

    def _begin(self) -> None:
        _kept(holding.begin, self._run_of.held, self._run_of.figures())

    def _beat(self) -> None:
        figures = None
        if time.monotonic() >= self._flush_at:
            figures, self._flush_at = self._run_of.figures(), time.monotonic() + FLUSH
        try:
            heard = _kept(holding.beat, self._run_of.held, figures)
        except Error as error:
            logger.debug("A run cannot be written of; trying again: %r", error)
            return
        except Exception:
            logger.exception("A run could not be written of; trying again.")
            return
        self._run_of.hear(heard)
        if not heard.is_ours:
            self._pause = None  # there is nothing to beat for
            connections.close_all()

    def _end(self) -> str:
        final = self._final or self._run_of.figures()
        deadline = time.monotonic() + END_WITHIN
        while True:
            try:
                return _kept(holding.end, self._run_of.held, final)
            except Error:
                if time.monotonic() >= deadline:
                    raise
                time.sleep(BEAT)


class InTest:
    """The same in the transaction of a host's test, where no other thread sees what is written."""

    def __init__(self, run: Told) -> None:
        self._run_of = run
        self._thread = threading.get_ident()

    def begin(self) -> Future[None]:
        """Tell the first state."""
        begun: Future[None] = Future()
        _settle(begun, lambda: holding.begin(self._run_of.held, self._run_of.figures()))
        return begun

    def look(self) -> None:
        """Look at once; in another thread than the test's own there is nothing to be seen."""
        if threading.get_ident() == self._thread:
            self._run_of.hear(holding.beat(self._run_of.held, self._run_of.figures()))

    def end(self, payload: OptimizationProgress) -> Future[str]:
        """Tell the last state."""
        ended: Future[str] = Future()
        _settle(ended, lambda: holding.end(self._run_of.held, payload))
        return ended


def refuse_transaction(connection: Any) -> None:
    """Raise `OptimizationNotBegun` in a transaction, other than the one a test is in.

    What is written in it is seen by nobody, and on SQLite nobody else can write meanwhile.
    """
    blocks = connection.atomic_blocks
    if blocks and not all(getattr(block, "_from_testcase", False) for block in blocks):
        raise OptimizationNotBegun(
            "An optimisation cannot be tracked inside of a transaction, in which nobody would see"
            " it, nor stop it. Begin it outside of `atomic()`; in a view with ATOMIC_REQUESTS,"
            " leave it to a task or a thread."
        )


def _kept(call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    return books.keeping_connection(partial(call, *args, **kwargs))


def _settle(future: Future[Any], call: Callable[[], Any]) -> None:
    try:
        future.set_result(call())
    except BaseException as error:  # noqa: BLE001 - handed on to whoever waits
        future.set_exception(error)
