"""Pacing: where a thousand clients come at once, a few at a time, so that the rest goes on."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final
from weakref import WeakKeyDictionary

AT_ONCE: Final = 4
"""Pieces of work in one round of the loop: some three milliseconds, as long as a hub goes on."""

SENDS_PER_STEP: Final = 128
"""Frames handed over before the loop may do something else: some two milliseconds."""


class _Turnstile:
    """Lets a few through each time the loop gets round, in the order of asking."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._is_turning = False

    async def turn(self) -> None:
        mine = self._loop.create_future()
        self._waiting.append(mine)
        if not self._is_turning:
            self._is_turning = True
            self._loop.call_soon(self._let_through)
        await mine

    def _let_through(self) -> None:
        passed = 0
        while self._waiting and passed < AT_ONCE:
            mine = self._waiting.popleft()
            if not mine.done():  # cancelled, where a client has gone
                mine.set_result(None)
                passed += 1
        self._is_turning = bool(self._waiting) or passed == AT_ONCE
        if self._is_turning:
            self._loop.call_soon(self._let_through)


_turnstiles: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, _Turnstile]] = WeakKeyDictionary()


async def turn() -> None:
    """Wait until it is the caller's turn for about a millisecond of work in this loop.

    A round of the loop takes as long as a few pieces of what the crowd wants, not as the crowd.
    """
    loop = asyncio.get_running_loop()
    if (turnstile := _turnstiles.get(loop)) is None:
        turnstile = _turnstiles[loop] = _Turnstile(loop)
    await turnstile.turn()
