"""What a person writes on a command line, and what is meant by it: users, moments, links."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from typing import Any, Final

from django.core.management.base import CommandError

from scheduler_realtime import clock
from scheduler_realtime.members import meant_by, unknown_roles
from scheduler_realtime.wire import moment_in

WRONG_USAGE: Final = 2
"""The exit code of a command that was called wrongly: calling it again will not help."""

_UNITS: Final = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_DURATION: Final = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")


def misused(reason: str) -> CommandError:
    """A command was called wrongly: in these words, with the exit code for it."""
    return CommandError(reason, returncode=WRONG_USAGE)


def people(words: Iterable[str]) -> list[Any]:
    """The users named by primary key or by user name. Raises `CommandError` naming the unknown."""
    found = {word: meant_by(word) for word in words}
    if unknown := [word for word, users in found.items() if not users]:
        raise misused(f"There is no user {_named(unknown)}: give a user name or a primary key.")
    for word, users in found.items():
        if len(users) > 1:
            keys = ", ".join(f"{user.get_username()} ({user.pk})" for user in users)
            raise misused(f"By {word!r} more than one user may be meant: {keys}.")
    return [users[0] for users in found.values()]


def known_roles(roles: list[str]) -> list[str]:
    """These roles. Raises `CommandError` naming those that nobody has."""
    if unknown := unknown_roles(roles):
        raise misused(f"There is no role {_named(unknown)}.")
    return roles


def moment(text: str) -> dt.datetime:
    """A moment to come: `2026-01-15T10:30`, or how long from now, as in `2h`, `30m`, `1d12h`.

    One without an offset is in `TIME_ZONE`; how long is counted by the database's clock. Raises
    `CommandError` for what is neither, and for what lies in the past.
    """
    found = _after(text) or moment_in(text)
    if found is None:
        raise misused(f"{text!r} is neither a date and time in ISO 8601 nor a time such as 2h.")
    if found <= clock.now():
        raise misused(f"{text!r} lies in the past: nobody would see the message.")
    return found


def link(text: str) -> dict[str, str]:
    """`Label=url` as the action item it means."""
    label, separator, url = text.partition("=")
    if not (label.strip() and separator and url.strip()):
        raise misused(f"{text!r} is no action: write 'Label=url', as in 'Show the day=/'.")
    return {"label": label.strip(), "url": url.strip()}


def _named(words: Iterable[str]) -> str:
    return ", ".join(map(repr, words))


def _after(text: str) -> dt.datetime | None:
    parts = _DURATION.fullmatch(text.strip().lower())
    if parts is None or not any(parts.groups()):
        return None
    numbers = zip(_UNITS.values(), parts.groups(default="0"), strict=True)
    try:
        return clock.now() + dt.timedelta(**{unit: int(number) for unit, number in numbers})
    except OverflowError:
        return None
