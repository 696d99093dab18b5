"""Statistics: the samples of what nodes did, and when they are too old."""

from __future__ import annotations

import datetime as dt

from . import clock, log
from .models import Sample


def sweep() -> int:
    """Delete the samples older than 20 minutes. Returns how many."""
    old = clock.now() - dt.timedelta(minutes=20)
    return Sample.objects.using(log.database()).filter(taken_at__lt=old).delete()[0]
