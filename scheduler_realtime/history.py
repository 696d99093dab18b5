"""History: a page of the log as one user may read it, for those who poll instead of listening."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from django.db import connections

from . import frames, judging, log, news
from .exceptions import HistoryGap
from .identity import Identity
from .judging import Jury
from .log import Row
from .messages import RESYNC, envelope

SPAN: Final = 20_000
"""Positions looked through for one answer, in some 50 ms: who may see next to nothing comes again."""


@dataclass(frozen=True, kw_only=True)
class Excerpt:
    """What a reader may see behind a position. `position` is how far was looked.

    Where `reason` is given the reader cannot be brought up to date, and reads its data afresh.
    """

    epoch: str
    head: int
    position: int
    has_more: bool
    results: list[dict[str, Any]]
    reason: str | None = None

    @property
    def is_empty(self) -> bool:
        """Whether it is worth waiting for something to say."""
        return not (self.results or self.has_more or self.reason)


def excerpt(
    reader: Identity,
    *,
    after: int | None = None,
    epoch: str | None = None,
    limit: int,
    type: str | None = None,  # noqa: A002 - the wire's own word
) -> Excerpt:
    """Up to `limit` messages behind a position, in order; without one, from the oldest kept.

    All of them, or none and a reason: `trimmed`, `ahead`, or `epoch_changed` where `epoch` is not
    the log's. Blocks on the database.
    """
    state = log.state()
    if epoch is not None and epoch != state.epoch:
        return _refused(state, "epoch_changed")
    position = state.floor if after is None else after
    try:
        page = log.read_for(reader.groups, position, limit=limit, span=SPAN, type=type)
    except HistoryGap as gap:
        return _refused(log.state(), gap.reason)
    judge(reader, page.rows)
    shown = [frame_for(reader, row, page.state.epoch) for row in page.rows]
    head = page.state.head
    is_full = len(page.rows) == limit
    position = page.rows[-1].position if is_full else max(position, min(position + SPAN, head))
    return Excerpt(
        epoch=page.state.epoch,
        head=head,
        position=position,
        has_more=position < head,
        results=[frame for frame in shown if frame is not None],
    )


def wait_for_excerpt(reader: Identity, *, wait: float, **wishes: Any) -> Excerpt:
    """The same, held back up to `wait` seconds while there is nothing to say.

    Meanwhile this thread holds no database connection, unless a transaction is open.
    """
    until = time.monotonic() + wait
    found = excerpt(reader, **wishes)
    while found.is_empty and (left := until - time.monotonic()) > 0:
        _let_go_of_database()
        if not news.wait_beyond(found.epoch, found.position, left):
            break
        found = excerpt(reader, **{**wishes, "after": found.position, "epoch": found.epoch})
    return found


def _let_go_of_database() -> None:
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close()


def judge(reader: Identity, rows: Iterable[Row]) -> None:
    """Have it told what of these messages a binding's `may_see` lets the reader know."""
    asked = tuple(row for row in rows if row.subject and row.is_for(reader.groups))
    if asked:
        Jury().judge([(reader.listener, asked)])


def frame_for(reader: Identity, row: Row, epoch: str) -> dict[str, Any] | None:
    """The message as a socket of the reader would have it, or None where there is none."""
    if row.type == RESYNC:
        return _resync(row.data, row, epoch)
    sights = judging.sights_of(row, reader.listener)
    if row.subject and sights is None and row.is_for(reader.groups):
        return _resync({"reason": judging.FAILED}, row, epoch)
    text = frames.text_for(row, groups=reader.groups, is_cleared=reader.is_cleared, sights=sights)
    return None if text is None else json.loads(text)


def _resync(data: dict[str, Any], row: Row, epoch: str) -> dict[str, Any]:
    whole = {**data, "epoch": epoch, "position": row.position}
    return envelope(RESYNC, whole, timestamp=row.created_at)


def _refused(state: log.State, reason: str) -> Excerpt:
    return Excerpt(
        epoch=state.epoch,
        head=state.head,
        position=state.head,
        has_more=False,
        results=[],
        reason=reason,
    )
