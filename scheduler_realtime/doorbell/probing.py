"""Probing: whether the channel layer brings back what it is given, and when it rings."""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncIterator
from typing import Any, Final

from channels.layers import get_channel_layer

from scheduler_realtime.conf import conf

from .listening import Listening

SEND_AGAIN: Final = 0.02
"""Seconds between two calls into the layer: the first may come before it has begun to listen."""


class Probe:
    """One channel in the layer, beside those of the hubs. Belongs to one event loop."""

    def __init__(self) -> None:
        self._group = f"realtime.probe.{uuid.uuid4().hex}"
        self._echoed = asyncio.Event()
        self._rung = asyncio.Event()
        self._rings: list[tuple[int, float]] = []

    @classmethod
    @contextlib.asynccontextmanager
    async def listening(cls) -> AsyncIterator[Probe]:
        """A probe that listens until the block ends."""
        probe = cls()
        listening = Listening(wanted=lambda: [probe._group], hear=probe._on_message)
        task = asyncio.create_task(listening.run())
        try:
            yield probe
        finally:
            task.cancel()
            await asyncio.wait([task], timeout=1)

    async def echo(self) -> None:
        """Return when the layer has brought back a call. Raises what the layer fails with."""
        layer: Any = get_channel_layer(conf().CHANNEL_LAYER)
        while not self._echoed.is_set():
            await layer.group_send(self._group, {"type": "realtime.probe"})
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SEND_AGAIN):
                    await self._echoed.wait()

    async def ring(self, head: int) -> float:
        """When hubs were rung for this position, or one behind it, on the monotonic clock."""
        while True:
            self._rung.clear()
            for rung, at in self._rings:
                if rung >= head:
                    return at
            await self._rung.wait()

    def _on_message(self, message: dict[str, Any]) -> None:
        match message:
            case {"type": "realtime.probe"}:
                self._echoed.set()
            case {"type": "realtime.ring", "head": int(head)}:
                self._rings.append((head, time.monotonic()))
                self._rung.set()
            case _:
                pass  # a ring of a writer, who knows no position
