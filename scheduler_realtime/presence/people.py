"""What is known of somebody who is here, of a socket, and of where a socket was opened."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from scheduler_realtime.clean_text import clean

ADDRESS_LENGTH: Final = 64
USER_AGENT_LENGTH: Final = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Device:
    """From where a socket was opened: for administrators, never for peers."""

    address: str = ""
    user_agent: str = ""

    @classmethod
    def of(cls, scope: Mapping[str, Any]) -> Self:
        """As the ASGI server has it, which knows of proxies what it was told; cut, in one line."""
        address = (scope.get("client") or ("",))[0]
        headers: Iterable[tuple[bytes, bytes]] = scope.get("headers") or ()
        agent = next((value for name, value in headers if name == b"user-agent"), b"")
        return cls(
            address=_printable(str(address or ""))[:ADDRESS_LENGTH],
            user_agent=clean(_printable(agent.decode("latin-1")))[:USER_AGENT_LENGTH],
        )


def _printable(text: str) -> str:
    return "".join(character for character in text if character.isprintable())


@dataclass(frozen=True, kw_only=True, slots=True)
class Socket:
    """A socket as its node has it now. `visit` names its user's stay, should one begin with it."""

    id: str
    visit: uuid.UUID
    user_id: int | str
    username: str
    roles: tuple[str, ...]
    connected_at: dt.datetime
    last_seen_at: dt.datetime
    current_page: str | None
    active_schedule_date: str | None
    device: Device

    @property
    def person(self) -> Person:
        """Its user, should a stay begin with it."""
        return Person(
            user_id=self.user_id,
            visit=str(self.visit),
            username=self.username,
            roles=self.roles,
            current_page=self.current_page,
            active_schedule_date=self.active_schedule_date,
            connection_id=self.id,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """A user who is here, all sockets folded, on all nodes: what peers may be told."""

    user_id: int | str
    visit: str
    username: str
    roles: tuple[str, ...]
    current_page: str | None
    active_schedule_date: str | None
    connection_id: str

    @classmethod
    def read(cls, told: Mapping[str, Any]) -> Self:
        """What `told` was made of. Raises `TypeError` for anything else."""
        roles = tuple(told["roles"])
        person = cls(**{**told, "roles": roles})
        texts = (person.visit, person.username, person.connection_id, *roles)
        if not all(isinstance(text, str) for text in texts):
            raise TypeError("it names somebody by what is no text")
        return person

    def told(self) -> dict[str, Any]:
        """As one node tells it to the others."""
        return {name: getattr(self, name) for name in self.__slots__}

    @property
    def shown(self) -> dict[str, Any]:
        """As the wire has it, in `presence_state` and in `user_presence`."""
        return {
            "user_id": self.user_id,
            "username": self.username,
            "role": self.roles[0] if self.roles else None,
            "current_page": self.current_page,
            "active_schedule_date": self.active_schedule_date,
            "connection_id": self.connection_id,
        }
