"""A backlog: what waits for one socket, bounded, of which the ephemeral goes first."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from . import clock, counters
from .conf import conf


@dataclass(slots=True, eq=False)
class Item:
    """Something to write. `text` is asked at the last moment, and may say None: nothing.

    `is_ephemeral` items are the first to go when there is no room; an `is_urgent` one is put ahead
    of those that wait last. `kind` is the type of a message, None for a control frame, which
    nobody counts. `since` is when the message was written, in Unix seconds by the database's
    clock, where it is to be told how long it took.
    """

    text: Callable[[], str | None]
    size: int
    is_ephemeral: bool = False
    is_urgent: bool = False
    kind: str | None = None
    is_replay: bool = False
    since: float | None = None

    def count(self) -> None:
        """Count it: it is handed to the server."""
        if self.kind is not None:
            since = None if self.is_replay else self.since
            took = None if since is None else clock.seconds() - since
            counters.deliver(self.kind, is_replay=self.is_replay, took=took)


class Backlog:
    """Items in the order in which they are to be written. Belongs to one event loop.

    `items` is for looking at: an item more or less is a matter of bytes, too.
    """

    def __init__(self) -> None:
        self.items: deque[Item] = deque()
        self._bytes = 0
        self.dropped = 0

    @property
    def is_overdone(self) -> bool:
        """Whether what waits behind the first item alone is twice what may wait."""
        return bool(self.items) and not self.fits(-self.items[0].size, times=2)

    @property
    def is_half_empty(self) -> bool:
        """Whether no more than half of what may wait does."""
        limit = conf()
        is_short = len(self.items) <= limit.MAILBOX_FRAMES // 2
        return is_short and self._bytes <= limit.MAILBOX_BYTES // 2

    def fits(self, size: int, *, times: float = 1) -> bool:
        """Whether an item of that many bytes is within the bounds, or so many times the bounds."""
        limit = conf()
        return (
            len(self.items) < limit.MAILBOX_FRAMES * times
            and self._bytes + size <= limit.MAILBOX_BYTES * times
        )

    def make_room(self, size: int) -> bool:
        """Drop ephemeral items, oldest first, until one of that size fits, and say whether it does."""
        while not self.fits(size):
            oldest = next((item for item in self.items if item.is_ephemeral), None)
            if oldest is None:
                return False
            self.items.remove(oldest)
            self._bytes -= oldest.size
            self.drop(oldest)
        return True

    def drop(self, item: Item) -> None:
        """Count an item that is not to be written."""
        self.dropped += 1
        if item.kind is not None:
            counters.count("dropped", item.kind)

    def put(self, item: Item) -> None:
        """Add an item behind all others; an urgent one goes before the ephemeral ones at the end.

        No further: between two replies it matters what came first.
        """
        place = len(self.items)
        while item.is_urgent and place and self.items[place - 1].is_ephemeral:
            place -= 1
        self.items.insert(place, item)
        self._bytes += item.size

    def put_ahead(self, item: Item) -> None:
        """Add an item before all others."""
        self.items.appendleft(item)
        self._bytes += item.size

    def take(self) -> Item:
        """The first item, which waits no more."""
        item = self.items.popleft()
        self._bytes -= item.size
        return item

    def clear(self) -> None:
        """Forget what waits."""
        self.items.clear()
        self._bytes = 0
