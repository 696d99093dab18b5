"""The log backwards: what was told last, for people who look."""

from __future__ import annotations

from scheduler_realtime.models import Message

from .reading import PAGE, READ, Row, database, row_of


def read_before(position: int, *, limit: int = PAGE) -> tuple[Row, ...]:
    """The messages before a position, the newest first; those kept below the floor too."""
    messages = Message.objects.using(database()).filter(position__lt=position)
    return tuple(row_of(*row) for row in messages.order_by("-position").values_list(*READ)[:limit])
