"""A token bucket: so many at once, then so many a second."""

from __future__ import annotations

import time
from collections.abc import Callable


class TokenBucket:
    """Starts full with `capacity` tokens and gains `rate` a second, never above `capacity`.

    Not locked: each belongs to one event loop. `clock` returns seconds and never goes back.
    """

    __slots__ = ("_at", "_clock", "_tokens", "capacity", "rate")

    def __init__(
        self, capacity: float, rate: float, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.capacity = capacity
        self.rate = rate
        self._clock = clock
        self._tokens = capacity
        self._at = clock()

    def take(self) -> bool:
        """Take one token if there is one, and say whether there was."""
        now = self._clock()
        self._tokens = min(self.capacity, self._tokens + (now - self._at) * self.rate)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
