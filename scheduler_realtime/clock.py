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


def note(seconds: object) -> None:
    """The database's clock says so many Unix seconds now; None where it has none of its own."""
    global _ahead  # noqa: PLW0603 - one clock a process
    _ahead = 0.0 if seconds is None else time.time() - float(str(seconds))


def now() -> dt.datetime:
    """What the database's clock says, as well as is known here."""
    return timezone.now() - dt.timedelta(seconds=_ahead)
