"""Where in the log a message has come to stand, for whoever has only its key."""

from __future__ import annotations

import time
import uuid
from typing import Final

from scheduler_realtime.models import Message

from .reading import database

PAUSES: Final = (0.005, 0.05)
"""Seconds after the first look, and at the most, each twice the one before: nobody tells a writer
in another process that its message got a place."""


def position_of(key: uuid.UUID) -> int | None:
    """The position of a message; None while it has none, or where there is no such message."""
    found = Message.objects.using(database()).filter(key=key)
    return found.values_list("position", flat=True).first()


def wait_for_position(key: uuid.UUID, within: float) -> int | None:
    """The same, waiting so many seconds for a relay to give one. Blocks."""
    until, (pause, longest) = time.monotonic() + within, PAUSES
    while (position := position_of(key)) is None and (left := until - time.monotonic()) > 0:
        time.sleep(min(pause, left))
        pause = min(2 * pause, longest)
    return position
