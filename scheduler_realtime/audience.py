"""Who hears a message: users, roles or everyone, and the group names they become."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from .exceptions import InvalidAudience, InvalidMessage
from .wire import plain

EVERYONE: Final = "everyone"

RECEIPT_WATCHERS: Final = "watchers.receipts"
"""The group of those who may watch receipts. No message of a host can be addressed to it."""

PRESENCE_WATCHERS: Final = "watchers.presence"
"""The group of those who hold the permission to see who is here, where one is asked for."""
STATISTICS_WATCHERS: Final = "watchers.statistics"
"""The group of those who may see the statistics, likewise."""

_PERMISSION: Final = "permission."

# What every channel layer takes as a group name, short of its limit of 100 characters by far
# enough for the prefix and a layer's own.
_PLAIN = re.compile(r"[a-zA-Z0-9\-_.]{1,80}")


def _group(kind: str, name: str) -> str:
    """`kind.name`, or `kind-hash.<hash>` for what a channel layer could not carry.

    The two forms cannot collide, since no plain name can put a hyphen before the first dot.
    """
    if _PLAIN.fullmatch(name):
        return f"{kind}.{name}"
    return f"{kind}-hash.{hashlib.sha256(name.encode()).hexdigest()[:40]}"


def user_group(user_id: object) -> str:
    """The group of one user, by primary key: `user.7`."""
    return _group("user", str(user_id))


def role_group(role: str) -> str:
    """The group of one role: `role.nurse`."""
    return _group("role", role)


def permission_group(permission: str) -> str:
    """The group of those who hold a permission. Nothing is sent to it: a message may demand it."""
    return f"{_PERMISSION}{permission}"


def permission_in(group: str) -> str:
    """The permission that the group is of."""
    return group.removeprefix(_PERMISSION)


def addressed(groups: Iterable[str]) -> frozenset[str]:
    """Those of the groups that a message can be addressed to: all but permissions'."""
    return frozenset(name for name in groups if not name.startswith(_PERMISSION))


def groups_of(user_id: object, roles: Iterable[str]) -> frozenset[str]:
    """Every group that somebody with this primary key and these roles is in."""
    return frozenset({EVERYONE, user_group(user_id), *map(role_group, roles)})


@dataclass(frozen=True, init=False)
class Audience:
    """The receivers of a message.

    `users` are users or their primary keys, `roles` role names. With neither argument given it
    is everyone; with both given and empty it is nobody, so that a list computed as empty never
    turns into a broadcast. `None` among the users (an empty foreign key) is nobody.

        Audience(roles=["scheduler"], users=[surgery.surgeon_id])
    """

    groups: frozenset[str]

    def __init__(
        self, *, users: Iterable[Any] | None = None, roles: Iterable[str] | None = None
    ) -> None:
        if users is None and roles is None:
            groups = frozenset({EVERYONE})
        else:
            groups = frozenset(
                {user_group(_user_id(user)) for user in _listed(users) if user is not None}
                | {role_group(_role(role)) for role in _listed(roles)}
            )
        object.__setattr__(self, "groups", groups)


def _listed(values: Iterable[Any] | None) -> Iterable[Any]:
    if values is None:
        return ()
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise InvalidAudience(f"users and roles are lists; {values!r} is one value. Write [it].")
    return values


def _user_id(user: Any) -> Any:
    key = getattr(user, "pk", user)
    if key is None:
        raise InvalidAudience("a user that was never saved cannot be addressed.")
    try:
        key = plain(key)
    except InvalidMessage as error:
        raise InvalidAudience(f"a user's primary key {error.reason}.") from None
    if type(key) is not int and not isinstance(key, str):
        raise InvalidAudience(f"{user!r} is neither a user nor a primary key.")
    return key


def _role(role: Any) -> str:
    if not isinstance(role, str) or not role:
        raise InvalidAudience(f"a role is a name, not {role!r}.")
    try:
        # An enum's member is told by its value, and formats as its name.
        return str(plain(role))
    except InvalidMessage as error:
        raise InvalidAudience(f"a role {error.reason}.") from None
