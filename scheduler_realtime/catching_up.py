"""Catching up: from a position to the hub's, out of the ring or the log, at the client's pace."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Final, Protocol
from urllib.parse import parse_qs

from . import books, log
from .conf import conf
from .connection import Connection
from .exceptions import HistoryGap
from .identity import Identity
from .log import Row
from .ring import Ring

logger = logging.getLogger(__name__)

PAGE: Final = 200
"""Rows looked at before asking again whether the mailbox has space."""

_LARGEST: Final = 2**63 - 1


class Leader(Protocol):
    """What those who catch up need of the hub they follow."""

    ring: Ring
    position: int
    epoch: str

    def promised(self, connection: Connection) -> int: ...


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What becomes of a wish to resume: `since` where it can be, `reason` where it cannot."""

    recovered: bool | None = None
    reason: str | None = None
    since: int | None = None


def _refused(reason: str) -> Verdict:
    return Verdict(recovered=False, reason=reason)


@dataclass(frozen=True, kw_only=True)
class Resumption:
    """What a client asked for with `since` and `epoch`, as it stood in the query."""

    since: str | None = None
    epoch: str | None = None

    @classmethod
    def of(cls, query: bytes) -> Resumption:
        """Read it off a handshake's query string."""
        given = parse_qs(query.decode("latin-1"), keep_blank_values=True)
        return cls(since=given.get("since", [None])[0], epoch=given.get("epoch", [None])[0])

    async def judge(self, hub: Leader, identity: Identity) -> Verdict:
        """Whether everything this user missed can be sent again: all of it, or nothing."""
        if self.since is None:
            return Verdict()
        if not (self.since.isascii() and self.since.isdigit()) or len(self.since) > 19:
            return _refused("bad_since")
        since = int(self.since)
        if since > _LARGEST:
            return _refused("bad_since")
        if self.epoch != hub.epoch:
            return _refused("epoch_changed")
        if since > hub.position:
            return _refused("ahead")
        try:
            missed = await _missed(hub, identity, since)
        except HistoryGap as gap:
            return _refused(gap.reason)
        if missed > conf().REPLAY_LIMIT:
            return _refused("too_many")
        return Verdict(recovered=True, since=since)


async def _missed(hub: Leader, identity: Identity, since: int) -> int:
    """How many messages for this user lie behind a position, counted no further than needed."""
    count, position = 0, since
    while position < hub.position and count <= conf().REPLAY_LIMIT:
        rows = await rows_after(hub, position)
        if not rows:
            break
        count += sum(not row.groups.isdisjoint(identity.groups) for row in rows)
        position = rows[-1].position
    return count


async def rows_after(hub: Leader, position: int) -> tuple[Row, ...]:
    """The next rows behind a position, from memory where they are there. Raises `HistoryGap`."""
    rows = hub.ring.after(position, PAGE)
    if rows is None:
        page = await books.run(log.read_after, position, limit=PAGE)
        rows = page.rows
    return rows


async def catch_up(hub: Leader, connection: Connection, *, says_so: bool) -> None:
    """Bring a connection level with the hub, and turn it live in the same step of the loop."""
    try:
        while connection.position < hub.position:
            await _space(connection)
            rows = await rows_after(hub, connection.position)
            for row in rows:
                if connection.hears(row):
                    connection.hand_over(row)
                connection.position = row.position
            if not rows:
                connection.position = hub.position  # deleted by hand: there is nothing to send
    except HistoryGap as gap:
        connection.resync(gap.reason, hub.position)
    connection.is_live = True
    if says_so:
        connection.say("caught_up", {"position": hub.promised(connection)})


async def _space(connection: Connection) -> None:
    while not connection.mailbox.has_space:
        connection.space.clear()
        await connection.space.wait()
