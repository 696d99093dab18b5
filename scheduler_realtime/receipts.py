"""Receipts: who got a message, who acknowledged it, and what still waits for whom. All in batches."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Final

from django.db import connections

from . import clock, log
from .log import Filed, Row
from .models import Position, Receipt
from .paging import pages
from .values import Key

BATCH: Final = 200
"""Rows written by one statement: well within SQLite's limit of variables."""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """What one user says of messages, by their positions. `groups` are those the user is in."""

    user_id: Key
    groups: frozenset[str]
    positions: frozenset[int]


@dataclass(frozen=True, kw_only=True)
class Noted:
    """A receipt that was not there before."""

    user_id: Key
    message: Filed


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of claims: by claim the positions that were taken, and what is new of it."""

    taken: Mapping[Claim, frozenset[int]] = field(default_factory=dict)
    news: Sequence[Noted] = ()


Listener = tuple[Key, frozenset[str]]
"""Somebody: a user's primary key, and the groups the user is in."""

Sees = Callable[[Listener, Filed], bool]
"""Whether somebody may know of a message: `judging.Jury.sees`."""


def is_plainly_for(listener: Listener, message: Filed) -> bool:
    """The same where no binding's `may_see` is asked: what one decides about is nobody's."""
    return message.is_for(listener[1]) and not message.subject


def acknowledge(
    claims: Collection[Claim], *, epoch: str | None = None, sees: Sees = is_plainly_for
) -> Outcome:
    """Write down that users acknowledged messages they may see; whatever else is left out.

    The first time counts, on whichever device. Positions are of the log of that `epoch`: nothing
    is taken where there is another by now. None is whatever log there is. Blocks on the database, a few statements for all
    claims together: for the books thread, or a request's own.
    """
    return _write(claims, epoch, _ACKNOWLEDGED, sees, lambda message: True)


def deliver(
    claims: Collection[Claim], *, epoch: str | None = None, sees: Sees = is_plainly_for
) -> Outcome:
    """Write down that messages which must be acknowledged were handed to users. As `acknowledge`."""
    return _write(claims, epoch, _DELIVERED, sees, lambda message: message.ack_required)


_DELIVERED: Final = "DO NOTHING"

# RETURNING has only what was written, so a second acknowledgement is no news.
_ACKNOWLEDGED: Final = (
    "DO UPDATE SET acknowledged_at = excluded.acknowledged_at WHERE {table}.acknowledged_at IS NULL"
)


def _write(
    claims: Collection[Claim],
    epoch: str | None,
    on_conflict: str,
    sees: Sees,
    counts: Callable[[Filed], bool],
) -> Outcome:
    wanted = frozenset().union(*(claim.positions for claim in claims))
    messages = log.at_positions(wanted, epoch=epoch)
    taken = {
        claim: frozenset(
            position
            for position in claim.positions & messages.keys()
            if sees((claim.user_id, claim.groups), messages[position])
        )
        for claim in claims
    }
    marks: dict[tuple[Key, int], Filed] = {
        (claim.user_id, message.id): message
        for claim, positions in taken.items()
        for message in map(messages.__getitem__, sorted(positions))
        if counts(message)
    }
    news = _upsert(marks, on_conflict)
    return Outcome(taken=taken, news=news)


def _upsert(marks: Mapping[tuple[Key, int], Filed], on_conflict: str) -> list[Noted]:
    connection = connections[log.database()]
    quote = connection.ops.quote_name
    table = quote(Receipt._meta.db_table)
    user, now = Receipt._meta.get_field("user"), _moment(connection)
    acknowledged = now if on_conflict == _ACKNOWLEDGED else None
    rows = {
        (user.get_db_prep_save(user_id, connection), message_id): user_id
        for user_id, message_id in marks
    }
    news: list[Noted] = []
    with connection.cursor() as cursor:
        # In one order everywhere, so that two processes never wait for each other's rows.
        for page in pages(sorted(rows, key=str), BATCH):
            values = ", ".join(["(%s, %s, %s, %s)"] * len(page))
            cursor.execute(
                f"INSERT INTO {table} (user_id, message_id, delivered_at, acknowledged_at)"  # noqa: S608
                f" VALUES {values} ON CONFLICT (message_id, user_id)"
                f" {on_conflict.format(table=table)} RETURNING user_id, message_id",
                [value for mark in page for value in (*mark, now, acknowledged)],
            )
            for mark in cursor.fetchall():
                user_id = rows[mark]
                news.append(Noted(user_id=user_id, message=marks[user_id, mark[1]]))
    return news


def reach(positions: Mapping[Key, int], *, epoch: str) -> None:
    """Write down how far users have read in the log of that epoch. In one log positions only grow."""
    connection = connections[log.database()]
    quote = connection.ops.quote_name
    table, columns = quote(Position._meta.db_table), ("user", "epoch", "position", "reached_at")
    fields: list[Any] = [Position._meta.get_field(name) for name in columns]
    rows = [
        [
            column.get_db_prep_save(value, connection)
            for column, value in zip(fields, (user_id, epoch, position, clock.now()), strict=True)
        ]
        for user_id, position in positions.items()
    ]
    with connection.cursor() as cursor:
        for page in pages(sorted(rows, key=str), BATCH):
            values = ", ".join(["(%s, %s, %s, %s)"] * len(page))
            cursor.execute(
                f"INSERT INTO {table} (user_id, epoch, position, reached_at) VALUES {values}"  # noqa: S608
                " ON CONFLICT (user_id) DO UPDATE SET epoch = excluded.epoch,"
                " position = excluded.position, reached_at = excluded.reached_at"
                f" WHERE {table}.epoch <> excluded.epoch OR {table}.position < excluded.position",
                list(chain.from_iterable(page)),
            )


def _moment(connection: Any) -> Any:
    field_ = Receipt._meta.get_field("delivered_at")
    return field_.get_db_prep_save(clock.now(), connection)


def awaiting(listeners: Collection[Listener]) -> dict[Listener, tuple[Row, ...]]:
    """The messages that still await each listener's acknowledgement, in order.

    One statement where nothing awaits anybody, and three at the most for each some hundred
    listeners: for the books thread, for all who join in a moment.
    """
    filed = log.awaited()
    asked = {
        listener: [
            each
            for each in filed
            if each.is_for(listener[1]) and not each.groups.isdisjoint(listener[1])
        ]
        for listener in listeners
    }
    done = _acknowledged(user_id for (user_id, _), messages in asked.items() if messages)
    left = {
        listener: [each for each in messages if (str(listener[0]), each.id) not in done]
        for listener, messages in asked.items()
    }
    rows = log.read_by_id({each.id for messages in left.values() for each in messages})
    return {
        listener: tuple(rows[each.id] for each in messages if each.id in rows)
        for listener, messages in left.items()
    }


def _acknowledged(users: Iterable[Key]) -> set[tuple[str, int]]:
    """Which of the messages that must be acknowledged these users have: as texts, and ids."""
    receipts = Receipt.objects.using(log.database()).order_by().exclude(acknowledged_at=None)
    found: set[tuple[str, int]] = set()
    keys: Iterable[Any] = dict.fromkeys(users)  # of whatever type the host's are
    for page in pages(keys, BATCH):
        rows = receipts.filter(user__in=page, message__ack_required=True)
        found.update(
            (str(user), message) for user, message in rows.values_list("user_id", "message_id")
        )
    return found


def acknowledged_by(message: Filed) -> frozenset[Any]:
    """The primary keys of the users who have acknowledged a message."""
    receipts = Receipt.objects.using(log.database()).filter(message_id=message.id)
    return frozenset(receipts.exclude(acknowledged_at=None).values_list("user_id", flat=True))
