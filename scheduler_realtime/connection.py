"""A socket as the hub sees it: a position in the log, and either live or catching up."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Final

from django.utils import timezone

from . import close_codes, frames, judging
from .audience import addressed, user_group
from .backlog import Item
from .conf import conf
from .discretion import told_of
from .frames import Mark
from .identity import Identity
from .log import Row
from .mailbox import Mailbox
from .messages import RESYNC, EmergencyAlert, envelope
from .servers import Send
from .wire import dumps, dumps_clean, plain

logger = logging.getLogger(__name__)

UNCONFIRMED: Final = 1000
"""Messages to be acknowledged of which a client may not have said yet that it has them; of more,
the oldest are counted as delivered only once they are acknowledged."""

_LATEST: Final = dt.datetime(9999, 12, 31, tzinfo=dt.UTC)


class Connection:
    """One socket of one user. Belongs to one event loop; every method only touches memory.

    `position`: everything for this user up to there was put into the mailbox, or, while the
    connection is live, up to where the hub has come. `reached`: how far the client has handled
    what it got, as it says itself. Whose rights are in doubt is not `known` until they were looked up,
    and gets nothing meanwhile. `on_abort` is called when the line is cut.
    """

    def __init__(
        self,
        send: Send,
        identity: Identity,
        *,
        epoch: str,
        on_abort: Callable[[], None] = lambda: None,
    ) -> None:
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
        self.reached = 0
        self._beats = 0
        self._unconfirmed: deque[tuple[int, int]] = deque(maxlen=UNCONFIRMED)
        self.space = asyncio.Event()
        self.known = asyncio.Event()
        self.known.set()
        self.catching_up: asyncio.Task[None] | None = None
        self._on_abort = on_abort
        self.mailbox = Mailbox(
            send, on_stuck=self._on_stuck, on_space=self.space.set, on_abort=self._on_cut
        )

    @property
    def expires_at(self) -> dt.datetime:
        """When the token expires; the end of the calendar where it says later than that."""
        seconds = min(self.identity.claims.expires_at, _LATEST.timestamp())
        return dt.datetime.fromtimestamp(seconds, tz=dt.UTC)

    @property
    def is_closing(self) -> bool:
        """Whether the socket is about to end, so that nothing said to it counts any more."""
        return self.mailbox.is_closing

    def hears(self, row: Row) -> bool:
        """Whether the message is for this user, as far as rights and subscription say now."""
        if not row.is_for(self.identity.groups):
            return False
        if row.subject:
            verdict = judging.verdict_on(row, self.identity.listener)
            if verdict is not None and verdict.is_nothing:
                return False
        return frames.is_wanted(row, self.wanted, user_group(self.identity.user_id))

    def must_judge(self, row: Row) -> bool:
        """Whether a binding's `may_see` is to be asked before this user may have the message."""
        return (
            row.subject != ""
            and row.is_for(self.identity.groups)
            and judging.verdict_on(row, self.identity.listener) is None
        )

    def wants(self, type: str, groups: Iterable[str]) -> bool:  # noqa: A002 - the wire's own word
        """Whether the subscription lets through an ephemeral frame that went to these groups."""
        types = (self.wanted or {}).get("types")
        if types is None or type in types or type == EmergencyAlert.type:
            return True
        return user_group(self.identity.user_id) in groups

    def offer(self, row: Row) -> bool:
        """Hand over a message to a live connection. False: it has to catch up from now on."""
        if row.position <= self.position:
            return True
        if not self.is_live:
            if row.type == EmergencyAlert.type:
                self.hand_over_early(row)
            return True
        must_wait = row.subject and self.must_judge(row)
        if must_wait or not self.mailbox.has_room(len(row.body)):
            self.is_live = False
            self.position = row.position - 1  # everything before went out in order
            return False
        self.hand_over(row)
        return True

    def hand_over(self, row: Row, mark: Mark | None = None) -> None:
        """Put a message into the mailbox. What it says is decided when it leaves it."""
        self.position = max(self.position, row.position)
        self.mailbox.put(self._item(row, mark, is_replay=not self.is_live))

    def hand_over_early(self, row: Row) -> None:
        """Put an alert in ahead of all that waits, without a position: it comes again in its place.

        Where too many alerts wait already, that place has to do.
        """
        self.mailbox.put_ahead(self._item(row, "early", is_replay=False))

    def _item(self, row: Row, mark: Mark | None, *, is_replay: bool) -> Item:
        return Item(
            text=partial(self._text, row, self.epoch, mark),
            size=len(row.body),
            is_urgent=row.type == EmergencyAlert.type,
            kind=None if row.type == RESYNC else row.type,
            is_replay=is_replay,
            since=row.written_at if mark is None else None,
        )

    async def room_for(self, row: Row) -> None:
        """Wait until the mailbox takes the message: the pace at which a client catches up."""
        while not self.mailbox.has_room(len(row.body)):
            self.space.clear()
            await self.space.wait()

    def beat(self) -> None:
        """Count a heartbeat of the client."""
        self._beats += 1

    def confirm(self, position: int) -> set[int]:
        """The client has handled everything up to there: which messages it thereby has for sure.

        Only those that must be acknowledged, and each once. A redelivered one lies behind the
        position of the client's first heartbeat whether it has come or not: the second one tells.
        """
        has = {each for each in self._unconfirmed if each[0] <= position and each[1] <= self._beats}
        for each in has:
            self._unconfirmed.remove(each)
        return {each[0] for each in has}

    def carry(self, item: Item) -> None:
        """Put an ephemeral frame into the mailbox."""
        self.mailbox.put(item)

    def say(self, type: str, data: Mapping[str, Any], ref: str | None = None) -> None:  # noqa: A002
        """Put a control frame into the mailbox."""
        if not self.is_closing:
            self.say_encoded(type, dumps_clean(plain(data)), ref)

    def say_encoded(self, type: str, data: str, ref: str | None = None) -> None:  # noqa: A002
        """Put a control frame into the mailbox whose data is JSON text already."""
        if self.is_closing:
            return
        more: dict[str, Any] = {} if ref is None else {"ref": ref}
        empty = dumps(envelope(type, {}, timestamp=timezone.now(), **more))
        # In no string of JSON a quotation mark stands by itself: this is the key.
        text = empty.replace('"data":{}', f'"data":{data}', 1)
        self.mailbox.put(Item(text=lambda: text, size=len(text)))

    def welcome(self, position: int, *, recovered: bool | None, reason: str | None) -> None:
        """Say the first frame, which tells a client who it is and where it stands."""
        facts = {
            "connection_id": self.id,
            "user_id": self.identity.user_id,
            "username": self.identity.username,
            "roles": self.identity.roles,
            "groups": sorted(addressed(self.identity.groups)),
            "heartbeat_interval": conf().HEARTBEAT_INTERVAL,
            "connection_timeout": conf().CONNECTION_TIMEOUT,
            "epoch": self.epoch,
            "position": position,
            "recovered": recovered,
            "reason": reason,
            "token_expires_at": self.expires_at,
            "server_time": self.connected_at,
        }
        self.say("welcome", facts)

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

    def start_over(self, epoch: str, position: int) -> None:
        """The log is another one, or lost what was not read yet: go on, live, from its head."""
        self.stop_catching_up()
        self.epoch, self.position, self.reached = epoch, position, 0
        self._unconfirmed.clear()
        self.is_live = True

    def resync(self, reason: str, position: int) -> None:
        """Tell the client to read its data afresh, and go on from a position."""
        self.position = max(self.position, position)
        self.say(RESYNC, {"reason": reason, "epoch": self.epoch, "position": position})

    def stop_catching_up(self) -> None:
        """End the task that brings this connection level, if there is one."""
        if self.catching_up is not None:
            self.catching_up.cancel()

    def close(self, code: int, *, is_heard: bool = True) -> None:
        """Close the socket behind what waits for it. Safe to call twice: the first code stands.

        One that is not heard any more is not read from this moment on.
        """
        self.mailbox.close(code, is_heard=is_heard)

    def _on_stuck(self) -> None:
        self.mailbox.discard()
        self.close(close_codes.SLOW_READER)

    def _on_cut(self) -> None:
        if (code := self.mailbox.close_code) is not None:
            said = (
                "Socket %s of user %r was cut off: its client did not read that it closes with %s."
            )
            logger.warning(said, self.id, self.identity.user_id, code)
        self._on_abort()

    def _text(self, row: Row, epoch: str, mark: Mark | None) -> str | None:
        """The frame for this user now. Outlives a message that cannot be read: the rest goes on.

        `epoch` is the one the message was handed over in: until it is written there may be another.
        """
        if not self.hears(row):
            return None
        if row.subject and (doubt := self._doubt(row)) is not None:
            return _resync_text({"reason": doubt}, row, epoch)
        try:
            text = self._frame(row, epoch, mark)
        except Exception as error:  # noqa: BLE001 - it is told, but for its words
            said = "Message %s cannot be written, so its readers resync: %s"
            logger.error(said, row.position, told_of(error))  # noqa: TRY400 - nor its values
            return _resync_text({"reason": "capture_failed"}, row, epoch)
        if text is not None and row.ack_required and mark != "early" and epoch == self.epoch:
            self._unconfirmed.append((row.position, 0 if mark is None else self._beats + 2))
        return text

    def _doubt(self, row: Row) -> str | None:
        """Why it cannot be told whether this user may have the message, where it cannot."""
        verdict = judging.verdict_on(row, self.identity.listener)
        if verdict is None:
            return judging.CHANGED
        return judging.FAILED if verdict.sights is None else None

    def _frame(self, row: Row, epoch: str, mark: Mark | None) -> str | None:
        if row.type == RESYNC:
            return _resync_text(row.data, row, epoch)
        return frames.text_for(
            row,
            groups=self.identity.groups,
            is_cleared=self.identity.is_cleared,
            sights=judging.sights_of(row, self.identity.listener) if row.subject else None,
            mark=mark,
        )


def _resync_text(data: Mapping[str, Any], row: Row, epoch: str) -> str:
    whole = {**data, "epoch": epoch, "position": row.position}
    return dumps(envelope(RESYNC, whole, timestamp=row.created_at))
