"""Writing into the log: one lean INSERT in the transaction that caused the message."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from django.db import connections, transaction

from scheduler_realtime import clock, doorbell, marks
from scheduler_realtime.audience import EVERYONE
from scheduler_realtime.messages import RESYNC
from scheduler_realtime.models import Message
from scheduler_realtime.paging import pages
from scheduler_realtime.wire import dumps, dumps_clean

from .reading import READ, database

_COLUMNS: Final = ("tx", *(name for name in READ if name != "position"))

BATCH: Final = 500
"""Messages written by one statement: well within SQLite's limit of variables."""


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A message that is about to be written. `data` and `scope` are plain JSON values already."""

    type: str
    data: dict[str, Any]
    groups: frozenset[str]
    left_groups: frozenset[str] = frozenset()
    protected: frozenset[str] = frozenset()
    scope: dict[str, Any] = field(default_factory=dict)
    actor: object = None
    ack_required: bool = False
    expires_at: dt.datetime | None = None
    needs: frozenset[str] = frozenset()
    subject: str = ""
    key: uuid.UUID = field(default_factory=uuid.uuid4)


def resync(reason: str) -> Draft:
    """A message that has everyone read their data afresh, and says why in a word."""
    return Draft(type=RESYNC, data={"reason": reason}, groups=frozenset({EVERYONE}))


def append(drafts: Iterable[Draft], *, using: str | None = None) -> None:
    """Write messages into the transaction in progress on `using`, or into one of their own.

    They are committed or rolled back with it. After the commit the local relay is woken, without
    waiting for anything. Raises `django.db.Error` where the database refuses them, which takes
    the transaction down with it: a change that could not be told of must not be committed.
    """
    alias = using or database()
    connection = connections[alias]
    if not connection.in_atomic_block and connection.get_autocommit():
        with transaction.atomic(using=alias):
            append(drafts, using=alias)
        return
    mark = marks.mark_of(connection, on_commit=doorbell.wake)
    rows = [_columns(draft, mark, connection) for draft in drafts]
    with connection.cursor() as cursor:
        for batch in pages(rows, BATCH):
            cursor.execute(_insert_sql(connection, len(batch)), [v for row in batch for v in row])


def _insert_sql(connection: Any, count: int) -> str:
    quote = connection.ops.quote_name
    names = ", ".join(map(quote, _COLUMNS))
    tx = marks.SQL.get(connection.vendor, "%s")
    row = ", ".join(tx if name == "tx" else "%s" for name in _COLUMNS)
    rows = ", ".join([f"({row})"] * count)
    return f"INSERT INTO {quote(Message._meta.db_table)} ({names}) VALUES {rows}"  # noqa: S608


def _columns(draft: Draft, mark: str, connection: Any) -> list[Any]:
    prepared = {
        "key": draft.key,
        "expires_at": draft.expires_at,
        "created_at": clock.now(),
        "ack_required": draft.ack_required,
    }
    values: dict[str, Any] = {
        column.name: column.get_db_prep_save(prepared[column.name], connection)
        for column in Message._meta.concrete_fields
        if column.name in prepared
    }
    values |= {
        "tx": mark,
        "type": draft.type,
        "actor": None if draft.actor is None else str(draft.actor),
        "body": dumps_clean(draft.data),
        "groups": dumps(sorted(draft.groups)),
        "left_groups": dumps(sorted(draft.left_groups)),
        "protected": dumps(sorted(draft.protected)),
        "scope": dumps(draft.scope),
        "needs": dumps(sorted(draft.needs)),
        "subject": draft.subject,
    }
    own = connection.vendor in marks.SQL
    return [values[name] for name in _COLUMNS if not (own and name == "tx")]
