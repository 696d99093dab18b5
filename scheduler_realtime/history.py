"""History: a page of the log as one user may read it, for those who poll instead of listening."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from django.db import connections

from . import frames, log, news
from .exceptions import HistoryGap
from .identity import Identity
from .log import Page, Row
from .messages import RESYNC, envelope

PAGES: Final = 10
"""Pages of the log looked through for one answer: whoever may see next to nothing comes again."""


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
    found: list[dict[str, Any]] = []
    position = state.floor if after is None else after
    try:
        for _ in range(PAGES):
            page = log.read_after(position)
            state = page.state
            position = _look_through(page, position, found, limit, partial(_frame, reader, type))
            if len(found) == limit or position >= state.head:
                break
    except HistoryGap as gap:
        return _refused(log.state(), gap.reason)
    return Excerpt(
        epoch=state.epoch,
        head=state.head,
        position=position,
        has_more=position < state.head,
        results=found,
    )


def _look_through(
    page: Page,
    position: int,
    found: list[dict[str, Any]],
    limit: int,
    frame_of: Callable[[Row, str], dict[str, Any] | None],
) -> int:
    """Add the frames of a page to those found, up to the limit. Returns how far that was."""
    for row in page.rows:
        if len(found) == limit:
            return position
        position = row.position
        if (frame := frame_of(row, page.state.epoch)) is not None:
            found.append(frame)
    # At the end of the log there is nothing more, even where its last rows were deleted by hand.
    return position if len(page.rows) == log.PAGE else max(position, page.state.head)


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


def _frame(reader: Identity, wanted: str | None, row: Row, epoch: str) -> dict[str, Any] | None:
    if wanted is not None and row.type != wanted:
        return None
    if row.type == RESYNC:
        whole = {**row.data, "epoch": epoch, "position": row.position}
        return envelope(RESYNC, whole, timestamp=row.created_at)
    text = frames.text_for(row, groups=reader.groups, is_cleared=reader.is_cleared)
    return None if text is None else json.loads(text)


def _refused(state: log.State, reason: str) -> Excerpt:
    return Excerpt(
        epoch=state.epoch,
        head=state.head,
        position=state.head,
        has_more=False,
        results=[],
        reason=reason,
    )
