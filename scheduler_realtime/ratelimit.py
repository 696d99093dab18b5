"""Token buckets: so many at once, then so many a second."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import partial


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
        self._fill()
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    @property
    def is_full(self) -> bool:
        """Whether it is as good as a new one."""
        self._fill()
        return self._tokens >= self.capacity

    def _fill(self) -> None:
        now = self._clock()
        self._tokens = min(self.capacity, self._tokens + (now - self._at) * self.rate)
        self._at = now


class Buckets:
    """A token bucket for each key, kept only until it is full again.

    So nobody gets a new one by coming back, and no more are kept than were used of late.
    """

    def __init__(
        self, capacity: float, rate: float, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._buckets: OrderedDict[Hashable, TokenBucket] = OrderedDict()
        self._new = partial(TokenBucket, capacity, rate, clock=clock)

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, key: Hashable) -> bool:
        """Take one token of this key's if there is one, and say whether there was."""
        bucket = self._buckets.pop(key, None) or self._new()
        self._buckets[key] = bucket  # behind all others: the first was used longest ago
        has_taken = bucket.take()
        # Not this one, which may be full again where the process stood still meanwhile.
        while len(self._buckets) > 1 and next(iter(self._buckets.values())).is_full:
            self._buckets.popitem(last=False)
        return has_taken
