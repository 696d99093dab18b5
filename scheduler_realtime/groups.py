"""Groups: the sockets of this process by the groups their users are in."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from .audience import addressed
from .connection import Connection


class Groups:
    """The sockets of this process by group. Belongs to one event loop."""

    def __init__(self) -> None:
        self._members: dict[str, set[Connection]] = {}

    def names(self) -> Collection[str]:
        """The groups somebody here is in."""
        return self._members.keys()

    def members(self, groups: Iterable[str]) -> set[Connection]:
        """The sockets in any of these groups."""
        found: set[Connection] = set()
        for group in groups:
            found |= self._members.get(group, set())
        return found

    def enter(self, connection: Connection, groups: Iterable[str]) -> None:
        """Put a socket into groups, those apart to which nothing is sent."""
        for group in addressed(groups):
            self._members.setdefault(group, set()).add(connection)

    def leave(self, connection: Connection, groups: Iterable[str]) -> None:
        """Take a socket out of groups, in which it need not be."""
        for group in groups:
            members = self._members.get(group, set())
            members.discard(connection)
            if not members:
                self._members.pop(group, None)
