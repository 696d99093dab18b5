"""A hub that only listens: what the doorbell says to its own process."""

import contextlib
from collections.abc import Iterator
from typing import Any

from scheduler_realtime import doorbell


class FakeHub:
    """Remembers how often it was woken, and what it heard and was to carry."""

    def __init__(self) -> None:
        self.woken = 0
        self.heard: list[dict[str, Any]] = []
        self.carried: list[str] = []

    def wake(self) -> None:
        self.woken += 1

    def hear(self, message: dict[str, Any]) -> None:
        self.heard.append(message)

    def carry(self, group: str, message: dict[str, Any]) -> None:
        self.carried.append(group)


@contextlib.contextmanager
def attached() -> Iterator[FakeHub]:
    """The hub of this process while the block runs."""
    hub = FakeHub()
    doorbell.attach(hub)
    try:
        yield hub
    finally:
        doorbell.detach(hub)
