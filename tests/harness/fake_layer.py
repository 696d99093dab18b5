"""A channel layer that remembers what it was sent, and may be slow or broken."""

import asyncio
import threading
from typing import Any


class FakeLayer:
    """Each thing sent, as its group and the head or the frame in it."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, Any]] = []
        self.news = threading.Condition()
        self.fault: Exception | None = None
        self.begun = asyncio.Event()
        self.open = asyncio.Event()
        self.open.set()

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        self.begun.set()
        await self.open.wait()
        if self.fault is not None:
            raise self.fault
        with self.news:
            self.sent.append((group, message.get("head", message.get("frame"))))
            self.news.notify_all()

    def wait_for(self, count: int) -> None:
        with self.news:
            assert self.news.wait_for(lambda: len(self.sent) >= count, 5), self.sent
