"""The courier: what goes out to the channel layer, in order, bounded, each with a time limit."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from channels.layers import get_channel_layer

from scheduler_realtime.conf import conf

logger = logging.getLogger(__name__)

LOG_GROUP: Final = "realtime.log"
"""The group every hub is in: rung with the new head after positions were given."""

PRESENCE_GROUP: Final = "realtime.presence"
"""The group every hub is in: told who is here on other nodes now, and who is gone."""

SEND_TIMEOUT: Final = 2.0
"""Seconds a call of the layer may take before it is given up: a frozen Redis takes for ever."""

WAITING: Final = 1000
"""Ephemeral frames that wait for the layer at the most; the oldest go first."""

PAUSE: Final = 0.005
"""Seconds between two rounds: a program that saves in a loop would spend a quarter of its time on
rings, each of which says what the next one says."""

WORTH: Final = 5.0
"""Seconds after which a frame that still waits is worth nothing: its moment is over."""


class Courier:
    """Sends to the layer from one task of one loop: in order, bounded, each with a time limit.

    `is_failing`: the last thing could not be sent. Any thread may ask.

    A ring that waits makes another to the same effect superfluous: rings fold into one. `clock`
    returns seconds and never goes back.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._waiting: deque[tuple[float, str, dict[str, Any]]] = deque(maxlen=WAITING)
        self._ring: dict[str, Any] | None = None
        self._something = asyncio.Event()
        self.is_failing = False

    def put(self, group: str, message: dict[str, Any]) -> None:
        """Queue a message. Only from the loop that runs `run`."""
        if group == LOG_GROUP:
            self._ring = message
        else:
            self._waiting.append((self._clock() + WORTH, group, message))
        self._something.set()

    async def run(self) -> None:
        """Send what is queued, for ever."""
        while True:
            await self._something.wait()
            self._something.clear()
            while self._ring is not None or self._waiting:
                await self._send_ring()
                await self._send_oldest()
            await asyncio.sleep(PAUSE)

    async def _send_ring(self) -> None:
        ring, self._ring = self._ring, None
        if ring is not None:
            await self._deliver(LOG_GROUP, ring)

    async def _send_oldest(self) -> None:
        """One, before the next ring: where rings come without end, frames must get through."""
        if self._waiting:
            until, group, message = self._waiting.popleft()
            if self._clock() < until:
                await self._deliver(group, message)

    async def _deliver(self, group: str, message: dict[str, Any]) -> None:
        try:
            layer = get_channel_layer(conf().CHANNEL_LAYER)
            if layer is None:
                return
            async with asyncio.timeout(SEND_TIMEOUT):
                await layer.group_send(group, message)
        except Exception as error:  # noqa: BLE001 - a layer fails with its client's own errors
            if not self.is_failing:
                logger.warning("The channel layer is out (%r); the log's own look goes on.", error)
            self.is_failing = True
        else:
            if self.is_failing:
                logger.info("The channel layer is back.")
            self.is_failing = False
