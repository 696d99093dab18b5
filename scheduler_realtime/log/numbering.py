"""Numbering: positions, and what changed on the way to them, written into many rows at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from django.db import connections

from scheduler_realtime.folding import Entry
from scheduler_realtime.models import Log, Message
from scheduler_realtime.paging import pages
from scheduler_realtime.wire import dumps

DELETE_BATCH: Final = 500
"""Folded rows deleted by one statement."""

_PLAIN: Final = ("id", "position")
_TOUCHED: Final = (*_PLAIN, "body")
_REWRITTEN: Final = (*_TOUCHED, "groups", "left_groups", "scope", "subject")


def number(alias: str, kept: Sequence[Entry], dropped: Sequence[int], head: int) -> None:
    """Give the positions behind `head` to what is kept, and delete the rest."""
    plain, touched, rewritten = [], [], []
    for position, entry in enumerate(kept, start=head + 1):
        if entry.rewritten:
            texts = (entry.body, entry.groups, entry.left_groups, entry.scope_text, entry.subject)
            rewritten.append((entry.id, position, *texts))
        elif entry.touched:
            touched.append((entry.id, position, entry.body))
        else:
            plain.append((entry.id, position))
    log = connections[alias].ops.quote_name(Log._meta.db_table)
    with connections[alias].cursor() as cursor:
        cursor.execute(f"UPDATE {log} SET head = %s WHERE id = 1", [head + len(kept)])  # noqa: S608
    _update(alias, _PLAIN, plain)
    _update(alias, _TOUCHED, touched)
    _update(alias, _REWRITTEN, rewritten)
    for page in pages(dropped, DELETE_BATCH):
        Message.objects.using(alias).filter(pk__in=page).delete()


def _update(alias: str, names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    """Write the rows' values for these columns, of which the first is the primary key."""
    if not rows:
        return
    if len(rows) > 1 and connections[alias].vendor == "postgresql":
        _update_at_once(alias, names, rows)
        return
    quote = connections[alias].ops.quote_name
    sets = ", ".join(f"{quote(name)} = %s" for name in names[1:])
    sql = f"UPDATE {quote(Message._meta.db_table)} SET {sets} WHERE id = %s"  # noqa: S608
    values = [(*row[1:], row[0]) for row in rows]
    with connections[alias].cursor() as cursor:
        if len(values) == 1:
            cursor.execute(sql, values[0])
        else:
            cursor.executemany(sql, values)


def _update_at_once(alias: str, names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    """The same by one statement, where psycopg would send a pipeline of as many as there are rows.

    Behind a pipeline PostgreSQL does not watch how long the transaction is idle: a relay that was
    stopped there would keep the lock, and everybody would wait for it. The values go as one text:
    a list of texts is quoted element by element, in Python.
    """
    quote = connections[alias].ops.quote_name
    columns = ", ".join(f"{quote(name)} {'bigint' if name in _PLAIN else 'text'}" for name in names)
    sets = ", ".join(f"{quote(name)} = given.{quote(name)}" for name in names[1:])
    with connections[alias].cursor() as cursor:
        cursor.execute(
            f"UPDATE {quote(Message._meta.db_table)} m SET {sets}"  # noqa: S608
            f" FROM json_to_recordset(%s::json) AS given ({columns}) WHERE m.id = given.id",
            [dumps([dict(zip(names, row, strict=True)) for row in rows])],
        )
