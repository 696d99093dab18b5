"""The database's clock: by it is judged what has expired, whatever this machine's own clock says.

A node whose clock is a minute ahead would hold back what expires within that minute: committed,
and not shown. One that has not looked at the log yet goes by its own clock.
"""

from __future__ import annotations

import datetime as dt
import time
from typing import Final

from django.utils import timezone

SQL: Final = {"postgresql": "EXTRACT(EPOCH FROM clock_timestamp())"}
"""By vendor, the expression for its own clock in Unix seconds; SQLite has that of this machine."""

_ahead = 0.0


def note(seconds: object, *, asked_at: float) -> None:
    """The database's clock said so many Unix seconds, at some time since `asked_at` by ours.

    Where that is no contradiction the two are taken to agree, however long the answer took. None
    where the database has no clock of its own.
    """
    global _ahead  # noqa: PLW0603 - one clock a process
    theirs = asked_at if seconds is None else float(str(seconds))
    _ahead = min(max(theirs, asked_at), time.time()) - theirs


def now() -> dt.datetime:
    """What the database's clock says, as well as is known here."""
    return timezone.now() - dt.timedelta(seconds=_ahead)


def seconds() -> float:
    """The same in Unix seconds."""
    return time.time() - _ahead
