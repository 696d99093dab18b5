"""Visibility: whose presence a user may know of."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from scheduler_realtime import log
from scheduler_realtime.models import Presence


def seen_by(identity: Any) -> QuerySet[Presence]:
    """The presences that this user may know of."""
    return Presence.objects.using(log.database())
