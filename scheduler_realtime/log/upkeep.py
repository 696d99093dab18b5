"""Upkeep of the log: trimming its tail, and giving it a new name after a restore."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Final

from django.db import transaction
from django.db.models import Max, Q
from django.utils import timezone

from scheduler_realtime.models import Log, Message

from .reading import database, state

BATCH: Final = 500
"""Rows trimmed by one statement: it never blocks an append for long."""


def renew_epoch(*, known: str | None = None) -> None:
    """Say that this is another log than anybody knew: after a restore from a dump.

    With `known`, only where that is still its epoch: of many who notice, one renews it.
    """
    alias = database()
    with transaction.atomic(using=alias):
        last = Message.objects.using(alias).aggregate(last=Max("position"))["last"] or 0
        log = Log.objects.using(alias).select_for_update().get(pk=1)
        if known is None or str(log.epoch) == known:
            log.epoch, log.head = uuid.uuid4(), max(log.head, last)
            log.save(using=alias)


def trim(*, keep: int, min_age: float, batch: int = BATCH) -> int:
    """Delete up to `batch` messages that history need not keep. Returns how many.

    Kept are the last `keep`, whatever is younger than `min_age` seconds, and, until it expires,
    whatever must be acknowledged. The floor rises first, in its own short transaction.
    """
    alias = database()
    messages = Message.objects.using(alias)
    head = state().head
    old = timezone.now() - dt.timedelta(seconds=min_age)
    gone = Q(position__lte=head - keep, created_at__lt=old)
    kept = Q(ack_required=True) & (Q(expires_at=None) | Q(expires_at__gt=timezone.now()))
    doomed = list(
        messages.filter(gone)
        .exclude(kept)
        .order_by("position")
        .values_list("pk", "position")[:batch]
    )
    if not doomed:
        return 0
    floor = max(position for _, position in doomed if position is not None)
    Log.objects.using(alias).filter(pk=1, floor__lt=floor).update(floor=floor)
    messages.filter(pk__in=[pk for pk, _ in doomed]).delete()
    return len(doomed)
