"""Who is at this process: its sockets by group, and its users, each joining and leaving once."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection, Iterable
from typing import Any, Final

from django.utils import timezone

from . import doorbell
from .audience import EVERYONE
from .connection import Connection
from .messages import UserPresence, envelope
from .wire import plain

GRACE: Final = 10.0
"""Seconds after a user's last socket until `leave` is said: a reload of the page is no leaving."""


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
        """Put a socket into groups."""
        for group in groups:
            self._members.setdefault(group, set()).add(connection)

    def leave(self, connection: Connection, groups: Iterable[str]) -> None:
        """Take a socket out of groups, in which it need not be."""
        for group in groups:
            members = self._members.get(group, set())
            members.discard(connection)
            if not members:
                self._members.pop(group, None)


class Roster:
    """The users of this process's sockets. Belongs to one event loop."""

    def __init__(self) -> None:
        self._sockets: dict[Any, dict[str, Connection]] = {}
        self._leaving: dict[Any, asyncio.TimerHandle] = {}

    def join(self, connection: Connection) -> None:
        """Count a socket in, and say so where it is its user's first."""
        user = connection.identity.user_id
        sockets = self._sockets.setdefault(user, {})
        sockets[connection.id] = connection
        timer = self._leaving.pop(user, None)
        if timer is not None:
            timer.cancel()
        elif len(sockets) == 1:
            self._say("join", connection)

    def leave(self, connection: Connection) -> None:
        """Count a socket out, and say so, after a grace, where it was its user's last."""
        user = connection.identity.user_id
        sockets = self._sockets.get(user, {})
        if sockets.pop(connection.id, None) is None or sockets:
            return
        loop = asyncio.get_running_loop()
        self._leaving[user] = loop.call_later(GRACE, self._left, connection)

    def note(self, connection: Connection, page: str | None, date: str | None) -> None:
        """Remember what a user looks at, and say so where it is something else than before.

        A page is cut at its query and its fragment, where names of patients and tokens stand.
        """
        page = re.split("[?#]", page)[0][:200] if page is not None else None
        if (page, date) != (connection.current_page, connection.active_schedule_date):
            connection.current_page, connection.active_schedule_date = page, date
            self._say("update", connection)

    def users(self) -> list[dict[str, Any]]:
        """Who is here, one entry a user, of the socket that was opened last."""
        return [_shown(list(sockets.values())[-1]) for sockets in self._sockets.values() if sockets]

    def stop(self) -> None:
        """Forget who was about to leave."""
        for timer in self._leaving.values():
            timer.cancel()
        self._leaving.clear()

    def _left(self, connection: Connection) -> None:
        user = connection.identity.user_id
        self._leaving.pop(user, None)
        self._sockets.pop(user, None)
        self._say("leave", connection)

    def _say(self, action: str, connection: Connection) -> None:
        data = _shown(connection) | {"action": action}
        frame = envelope(UserPresence.type, plain(data), timestamp=timezone.now())
        doorbell.carry(frame, [EVERYONE])


def _shown(connection: Connection) -> dict[str, Any]:
    identity = connection.identity
    return {
        "user_id": identity.user_id,
        "username": identity.username,
        "role": identity.roles[0] if identity.roles else None,
        "current_page": connection.current_page,
        "active_schedule_date": connection.active_schedule_date,
        "connection_id": connection.id,
    }
