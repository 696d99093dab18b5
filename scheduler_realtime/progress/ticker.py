"""A run's ticker: the newest state at most so often, also where the engine then says nothing more."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from scheduler_realtime.conf import conf

Send = Callable[[], None]


class Ticker:
    """Calls the newest of what is put, `PROGRESS_PER_SECOND` times a second at the most.

    From any thread, in order, and never blocking for longer than a call takes, which asks nobody
    for anything. What is held back is called by a thread of its own, started when first needed.
    """

    def __init__(self) -> None:
        self._free = threading.Condition()
        self._held: Send | None = None
        self._next_at = 0.0
        self._is_closed = False
        self._thread: threading.Thread | None = None

    def put(self, send: Send) -> None:
        """Call it now or at its time, unless something newer comes in between."""
        with self._free:
            if self._is_closed:
                return
            if self._held is None and time.monotonic() >= self._next_at:
                self._call(send)
                return
            is_first = self._held is None
            self._held = send
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="realtime-progress-ticks", daemon=True
                )
                self._thread.start()
            elif is_first:
                self._free.notify()

    def close(self) -> None:
        """Call nothing any more: what is held back is news no longer."""
        with self._free:
            self._is_closed, self._held = True, None
            self._free.notify()

    def _call(self, send: Send) -> None:
        self._next_at = time.monotonic() + 1 / conf().PROGRESS_PER_SECOND
        send()

    def _run(self) -> None:
        with self._free:
            while not self._is_closed:
                left = self._next_at - time.monotonic()
                if self._held is None:
                    self._free.wait()
                elif left > 0:
                    self._free.wait(left)
                else:
                    send, self._held = self._held, None
                    self._call(send)
