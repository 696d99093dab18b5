"""A socket as the hub sees it: a position in the log, and either live or catching up."""

from __future__ import annotations

import asyncio
import datetime as dt
import uuid
from collections.abc import Mapping
from functools import partial
from typing import Any

from django.utils import timezone

from . import close_codes, frames
from .audience import user_group
from .identity import Identity
from .log import Row
from .mailbox import Item, Mailbox
from .messages import RESYNC, envelope
from .servers import Send
from .wire import dumps, plain


class Connection:
    """One socket of one user. Belongs to one event loop; every method only touches memory.

    `position`: everything for this user up to there was put into the mailbox, or, while the
    connection is live, up to where the hub has come.
    """

    def __init__(self, send: Send, identity: Identity, *, epoch: str) -> None:
        self.id = str(uuid.uuid4())
        self.identity = identity
        self.epoch = epoch
        self.position = 0
        self.is_live = False
        self.wanted: dict[str, frozenset[Any]] | None = None
        self.current_page: str | None = None
        self.active_schedule_date: str | None = None
        self.connected_at = timezone.now()
        self.heard_at = asyncio.get_running_loop().time()
        self.is_warned = False
        self.space = asyncio.Event()
        self.catching_up: asyncio.Task[None] | None = None
        self.mailbox = Mailbox(send, on_stuck=self._on_stuck, on_space=self.space.set)

    @property
    def expires_at(self) -> dt.datetime:
        """When the token expires."""
        return dt.datetime.fromtimestamp(self.identity.claims.expires_at, tz=dt.UTC)

    def hears(self, row: Row) -> bool:
        """Whether the message is for this user, as far as groups and subscription say now."""
        groups = self.identity.groups
        if row.groups.isdisjoint(groups) and row.left_groups.isdisjoint(groups):
            return False
        return frames.is_wanted(row, self.wanted, user_group(self.identity.user_id))

    def offer(self, row: Row) -> bool:
        """Hand over a message to a live connection. False: it has to catch up from now on."""
        if not self.is_live or row.position <= self.position:
            return True
        if not self.mailbox.has_room(len(row.body)):
            self.is_live = False
            self.position = row.position - 1  # everything before went out in order
            self.space.clear()
            return False
        self.hand_over(row)
        return True

    def hand_over(self, row: Row) -> None:
        """Put a message into the mailbox. What it says is decided when it leaves it."""
        self.position = max(self.position, row.position)
        self.mailbox.put(Item(text=partial(self._text, row), size=len(row.body)))

    def hand_over_early(self, row: Row) -> None:
        """Put an alert in ahead of its place, without a position: it comes again there."""
        self.mailbox.put(Item(text=partial(self._text, row, early=True), size=len(row.body)))

    def carry(self, item: Item) -> None:
        """Put an ephemeral frame into the mailbox."""
        self.mailbox.put(item)

    def say(self, type: str, data: Mapping[str, Any], ref: str | None = None) -> None:  # noqa: A002
        """Put a control frame into the mailbox."""
        more: dict[str, Any] = {} if ref is None else {"ref": ref}
        text = dumps(envelope(type, plain(data), timestamp=timezone.now(), **more))
        self.mailbox.put(Item(text=lambda: text, size=len(text)))

    def complain(
        self,
        code: str,
        detail: str,
        *,
        ref: str | None = None,
        fields: Mapping[str, str] | None = None,
    ) -> None:
        """Put an `error` frame into the mailbox."""
        more = {} if fields is None else {"fields": fields}
        self.say("error", {"code": code, "detail": detail, **more}, ref)

    def resync(self, reason: str, position: int) -> None:
        """Tell the client to read its data afresh, and go on from a position."""
        self.position = max(self.position, position)
        self.say(RESYNC, {"reason": reason, "epoch": self.epoch, "position": position})

    def close(self, code: int) -> None:
        """Close the socket behind what waits for it. Safe to call twice: the first code stands."""
        self.mailbox.close(code)

    def _on_stuck(self) -> None:
        self.mailbox.discard()
        self.close(close_codes.SLOW_READER)

    def _text(self, row: Row, **more: Any) -> str | None:
        if not self.hears(row):
            return None
        if row.type == RESYNC:
            data = {**row.data, "epoch": self.epoch, "position": row.position}
            return dumps(envelope(RESYNC, data, timestamp=row.created_at))
        return frames.text_for(
            row, groups=self.identity.groups, is_cleared=self.identity.is_cleared, **more
        )
