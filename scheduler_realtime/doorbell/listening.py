"""Listening: the one channel a hub has in the layer, and the groups it wants to be in."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from typing import Any, Final

from channels.layers import get_channel_layer

from scheduler_realtime.conf import conf

from .courier import LOG_GROUP, PRESENCE_GROUP, SEND_TIMEOUT

logger = logging.getLogger(__name__)

RETRY: Final = 1.0
"""Seconds until a layer that failed is tried again."""

REJOIN: Final = 6 * 3600.0
"""Seconds between two joinings of every group: channels_redis forgets members after 24 hours."""


class Listening:
    """Hears the layer for a hub, and keeps its membership what the hub wants it to be.

    A socket never waits for it: the hub changes `wanted()` and calls `changed()`, and a task
    brings the layer into line. `hear` gets each message that arrives. `is_failing`: it cannot be
    heard now. Any thread may ask.
    """

    def __init__(
        self, *, wanted: Callable[[], Collection[str]], hear: Callable[[dict[str, Any]], None]
    ) -> None:
        self._wanted = wanted
        self._hear = hear
        self._changed = asyncio.Event()
        self.is_failing = False

    def changed(self) -> None:
        """The set of wanted groups is another one."""
        self._changed.set()

    async def run(self) -> None:
        """Listen, for ever, and begin anew with a new channel whenever the layer fails."""
        layer = get_channel_layer(conf().CHANNEL_LAYER)
        while layer is not None:
            try:
                async with asyncio.timeout(SEND_TIMEOUT):
                    channel = await layer.new_channel()
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._receive(layer, channel))
                    tasks.create_task(self._reconcile(layer, channel))
            except Exception as error:  # noqa: BLE001 - a layer fails with its client's own errors
                if not self.is_failing:
                    logger.warning("The channel layer cannot be heard (%r); trying again.", error)
                self.is_failing = True
                await asyncio.sleep(RETRY)

    async def _receive(self, layer: Any, channel: str) -> None:
        while True:
            message = await layer.receive(channel)
            self._hear(message)
            await asyncio.sleep(0)  # `receive` may have the next one at once, and so for ever

    async def _reconcile(self, layer: Any, channel: str) -> None:
        joined: set[str] = set()
        loop = asyncio.get_running_loop()
        rejoin_at = loop.time() + REJOIN
        while True:
            self._changed.clear()
            if loop.time() >= rejoin_at:
                joined, rejoin_at = set(), loop.time() + REJOIN
            wanted = {LOG_GROUP, PRESENCE_GROUP, *self._wanted()}
            for group in wanted - joined:
                async with asyncio.timeout(SEND_TIMEOUT):
                    await layer.group_add(group, channel)
                joined.add(group)
            for group in joined - wanted:
                async with asyncio.timeout(SEND_TIMEOUT):
                    await layer.group_discard(group, channel)
                joined.discard(group)
            self.is_failing = False
            await self._wait(rejoin_at - loop.time())

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            pass
