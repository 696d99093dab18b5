"""Giving positions: contiguous, after the commit, under the lock of the log's one row."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from django.db import connections

from scheduler_realtime import folding
from scheduler_realtime.folding import Entry
from scheduler_realtime.models import Log, Message

from .numbering import number
from .reading import database, state

TURN: Final = 1000
"""Transactions that get their positions in one turn of a relay, which holds the lock so long."""

GUARDED_ROWS: Final = 1000
"""Rows that the guards as given leave time for, some twenty times over."""

_WAITING_COLUMNS: Final = (
    "id",
    "tx",
    "type",
    "body",
    "groups",
    "left_groups",
    "protected",
    "scope",
    "needs",
    "subject",
)


@dataclass(frozen=True, kw_only=True)
class Given:
    """What a turn gave: how many positions, and the log's head and epoch with them.

    `is_all`: nothing that was committed when the turn began is without a position after it.
    `types` says how many there were of each type.
    """

    count: int
    head: int
    epoch: str
    is_all: bool = True
    types: Mapping[str, int] = field(default_factory=dict)


def sequence(
    *,
    bulk_threshold: int,
    complete: Callable[[Sequence[Entry]], None] = lambda entries: None,
    guards: Mapping[str, str] = MappingProxyType({}),
) -> Given | None:
    """Give positions to what is committed and has none, inside the caller's transaction.

    Returns what was given, or None where another relay is at it. Positions are contiguous; a
    message whose append began after another's commit had returned comes behind it, and so do two
    changes of one row. All rows of one transaction get theirs together.
    `complete` may fill in what the writer had no time for; `guards` are settings of PostgreSQL
    for this transaction.
    """
    alias = database()
    locked = _locked(alias, guards)
    if locked is None:
        return None
    head, epoch = locked
    entries = _waiting(alias)
    if not entries:
        return Given(count=0, head=head, epoch=epoch)
    if len(entries) > GUARDED_ROWS:
        _relax(alias, guards, 1 + len(entries) // GUARDED_ROWS)
    kept, dropped = folding.fold(entries, bulk_threshold=bulk_threshold)
    complete([entry for entry in kept if entry.is_object])
    number(alias, kept, dropped, head)
    is_all = len({entry.tx for entry in entries}) < TURN
    types = Counter(entry.type for entry in kept)
    return Given(count=len(kept), head=head + len(kept), epoch=epoch, is_all=is_all, types=types)


def _relax(alias: str, guards: Mapping[str, str], factor: int) -> None:
    """Give a large transaction the time that folding it takes.

    It cannot be split, and one that is ended for taking too long would be begun again for ever.
    """
    with connections[alias].cursor() as cursor:
        for name, milliseconds in guards.items():
            cursor.execute(
                "SELECT set_config(%s, %s, true)", [name, str(factor * int(milliseconds))]
            )


def _locked(alias: str, guards: Mapping[str, str]) -> tuple[int, str] | None:
    """The log's head and epoch, with its row locked; None where another relay has it.

    Set in the same statement, since every one of them adds to everybody's latency.
    """
    connection = connections[alias]
    table = connection.ops.quote_name(Log._meta.db_table)
    settings = "".join(", set_config(%s, %s, true)" for _ in guards)
    lock = ""
    if connection.features.has_select_for_update_skip_locked:
        lock = connection.ops.for_update_sql(skip_locked=True)
    sql = f"SELECT head, epoch{settings} FROM {table} WHERE id = 1 {lock}"  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(sql, [word for pair in guards.items() for word in pair])
        found = cursor.fetchone()
        if found is None and not Log.objects.using(alias).filter(pk=1).exists():
            made = state()  # by us, or by another just now
            found = (made.head, made.epoch)
    return None if found is None else (found[0], str(uuid.UUID(str(found[1]))))


def _waiting(alias: str) -> list[Entry]:
    """What waits, ordered by the last row of its transaction, then by row.

    Of two transactions that changed one row, the second could only append there once the first
    had committed, so its last row is later than every row of the first. An order by first rows
    would not keep that.
    """
    quote = connections[alias].ops.quote_name
    table = quote(Message._meta.db_table)
    columns = ", ".join(f"m.{quote(name)}" for name in _WAITING_COLUMNS)
    with connections[alias].cursor() as cursor:
        cursor.execute(
            f"SELECT {columns} FROM {table} m JOIN ("  # noqa: S608
            f"SELECT tx, MAX(id) AS latest FROM {table} WHERE position IS NULL"
            " GROUP BY tx ORDER BY MAX(id) LIMIT %s"
            ") marked ON marked.tx = m.tx WHERE m.position IS NULL ORDER BY marked.latest, m.id",
            [TURN],
        )
        return [Entry(*row) for row in cursor.fetchall()]
