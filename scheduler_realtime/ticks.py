"""Ticks: the progress of optimisations, thinned to what an eye takes in, and never of its last word."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable

from .conf import conf

Send = Callable[[], None]


class Ticks:
    """At most `PROGRESS_PER_SECOND` a run, whoever tells of it. Belongs to one event loop.

    What comes too soon waits for its time, and gives way to what comes after it: the latest is
    sent in any case. A run is remembered for as long as something may come too soon.
    """

    def __init__(self) -> None:
        self._waiting: dict[Hashable, Send | None] = {}

    @property
    def is_quiet(self) -> bool:
        """Whether no run is remembered."""
        return not self._waiting

    def put(self, run: Hashable, send: Send) -> None:
        """Send a tick now or at its time."""
        if run in self._waiting:
            self._waiting[run] = send
        else:
            self._send(run, send)

    def end(self, run: Hashable, send: Send) -> None:
        """Send the last state of a run at once; what waits before it is news no more."""
        if run in self._waiting:
            self._waiting[run] = None
        send()

    def _send(self, run: Hashable, send: Send) -> None:
        self._waiting[run] = None
        pause = 1 / conf().PROGRESS_PER_SECOND
        asyncio.get_running_loop().call_later(pause, self._turn, run)
        send()

    def _turn(self, run: Hashable) -> None:
        send = self._waiting.pop(run)
        if send is not None:
            self._send(run, send)
