"""Upkeep of the log: trimming its tail, and giving it a new name after a restore."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Max, Q, QuerySet
from django.db.models.functions import Greatest

from scheduler_realtime import clock
from scheduler_realtime.models import Log, Message, Receipt

from .awaiting import Filed, filed
from .reading import database, state

BATCH: Final = 500
"""Rows trimmed by one statement: it never blocks an append for long."""


def renew_epoch(*, known: str | None = None, home: str = "") -> None:
    """Say that this is another log than anybody knew: after a restore.

    With `known`, only where that is still its epoch: of many who notice, one renews it. `home` is
    the database it is in now, where that can be told.
    """
    state()  # there is one
    alias = database()
    last = Message.objects.using(alias).aggregate(last=Max("position"))["last"] or 0
    # A restore in parts may have left the head behind the messages; nobody may be given their
    # positions again.
    facts: dict[str, Any] = {"epoch": uuid.uuid4(), "head": Greatest("head", last)}
    if home:
        facts["home"] = home
    asked = Log.objects.using(alias).filter(pk=1)
    # One statement: nobody who is stopped in between holds up those who give positions.
    (asked if known is None else asked.filter(epoch=known)).update(**facts)


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """How much of the log is kept: `keep` messages, and whatever is younger than `min_age` seconds.

    `retention`: seconds after which a message goes even so; None for never.
    """

    keep: int
    min_age: float
    retention: float | None = None

    def outside(self, head: int) -> Q:
        """What the log need not keep, whether or not somebody must acknowledge it."""
        now = clock.now()
        old = now - dt.timedelta(seconds=self.min_age)
        gone = Q(position__lte=head - self.keep)
        if self.retention is not None:
            gone |= Q(created_at__lt=now - dt.timedelta(seconds=self.retention))
        return gone & Q(created_at__lt=old, position__gt=0)


def trim(bounds: Bounds, *, batch: int = BATCH) -> int:
    """Delete up to `batch` messages outside the bounds. Returns how many.

    Kept is, until it expires, whatever must be acknowledged.
    """
    outside = _outside(bounds).exclude(_awaited())
    return _delete(list(outside.values_list("pk", "position")[:batch]))


def drop_expired(bounds: Bounds, *, batch: int = BATCH) -> int:
    """Delete up to `batch` of those that were kept to be acknowledged, until they expired."""
    expired = _outside(bounds).filter(ack_required=True, expires_at__lte=clock.now())
    return _delete(list(expired.values_list("pk", "position")[:batch]))


def awaited_outside(bounds: Bounds, *, after: int, batch: int) -> tuple[Filed, ...]:
    """The next messages behind a position that are kept only since somebody must acknowledge them."""
    return filed(_outside(bounds).filter(_awaited(), position__gt=after)[:batch])


def discard(messages: Iterable[Filed]) -> int:
    """Delete messages that nobody needs to acknowledge any more. Returns how many."""
    return _delete([(each.id, each.position) for each in messages])


def _outside(bounds: Bounds) -> QuerySet[Message]:
    alias = database()
    return Message.objects.using(alias).filter(bounds.outside(state().head)).order_by("position")


def _awaited() -> Q:
    return Q(ack_required=True) & (Q(expires_at=None) | Q(expires_at__gt=clock.now()))


def _delete(doomed: Sequence[tuple[int, int | None]]) -> int:
    """The floor rises first, in its own short transaction: who reads meanwhile sees a gap."""
    if not doomed:
        return 0
    alias = database()
    floor = max(position for _, position in doomed if position is not None)
    Log.objects.using(alias).filter(pk=1, floor__lt=floor).update(floor=floor)
    ids = [pk for pk, _ in doomed]
    Receipt.objects.using(alias).filter(message_id__in=ids).delete()
    Message.objects.using(alias).filter(pk__in=ids).delete()
    return len(doomed)
