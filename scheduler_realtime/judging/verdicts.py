"""Verdicts: what was found that somebody may know of a message, and for how long that counts."""

from __future__ import annotations

import enum
import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from scheduler_realtime.conf import conf
from scheduler_realtime.log import Row
from scheduler_realtime.receipts import Listener
from scheduler_realtime.values import Key

FAILED: Final = "judging_failed"
"""Why somebody is to read afresh whose right to know of a message could not be told."""

CHANGED: Final = "rights_changed"
"""Why somebody is, whose rights changed while a message waited for a slow client."""


class Sight(enum.IntEnum):
    """What somebody may know of one object of a message."""

    NOTHING = 0
    LEFT = 1
    WHOLE = 2


Sights = tuple[Sight, ...]
"""One for each object of a `bulk` message, or a single one for all that the message tells."""

SEEN: Final[Sights] = (Sight.WHOLE,)
GONE: Final[Sights] = (Sight.LEFT,)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What somebody may know, as the user was at `known_at`, by the monotonic clock.

    `sights` is None where `may_see` raised. One object for all of whom it is true.
    """

    sights: Sights | None
    known_at: float

    @property
    def is_nothing(self) -> bool:
        """Whether the message is none for them."""
        return self.sights is not None and all(each is Sight.NOTHING for each in self.sights)


_told: Final[dict[Key, float]] = {}
_everybody_told_at = float("-inf")


def forget(users: Collection[Key] | None) -> None:
    """These users, or everybody, may have other rights by now: what was judged of them is void."""
    global _everybody_told_at  # noqa: PLW0603 - every loop's rights are of the one database
    now = time.monotonic()
    if users is None:
        _everybody_told_at = now
        _told.clear()
        return
    for key in [key for key, at in tuple(_told.items()) if now - at > conf().REVALIDATE_INTERVAL]:
        _told.pop(key, None)
    _told.update(dict.fromkeys(users, now))


def still_holds(user_id: Key, known_at: float, seconds: float) -> bool:
    """Whether what was known of a user then still counts, for so many seconds at the most."""
    told_at = max(_everybody_told_at, _told.get(user_id, float("-inf")))
    return known_at > told_at and time.monotonic() - known_at < seconds


def verdict_on(row: Row, listener: Listener) -> Verdict | None:
    """What was judged, while it counts. None: it is to be asked for."""
    found: Verdict | None = row.verdicts.get(listener)
    if found is None or not still_holds(listener[0], found.known_at, conf().REVALIDATE_INTERVAL):
        return None
    return found


def sights_of(row: Row, listener: Listener) -> Sights | None:
    """What somebody may know of the message, as it was judged; None where nobody has to judge."""
    verdict = verdict_on(row, listener) if row.subject else None
    return None if verdict is None else verdict.sights
