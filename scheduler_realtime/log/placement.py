"""Where in the log a message has come to stand, for whoever has only its key."""

from __future__ import annotations

import time
import uuid
from typing import Final

from scheduler_realtime.models import Message

from .reading import database

LOOK_AGAIN: Final = 0.05
"""Seconds between two looks: nothing tells another process's writer that its message got a place."""


def position_of(key: uuid.UUID) -> int | None:
    """The position of a message; None while it has none, or where there is no such message."""
    found = Message.objects.using(database()).filter(key=key)
    return found.values_list("position", flat=True).first()


def wait_for_position(key: uuid.UUID, within: float) -> int | None:
    """The same, waiting so many seconds for a relay to give one. Blocks."""
    until = time.monotonic() + within
    while (position := position_of(key)) is None and time.monotonic() < until:
        time.sleep(LOOK_AGAIN)
    return position
