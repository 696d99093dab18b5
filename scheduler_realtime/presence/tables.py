"""Tables of presence in the log's database, for statements about many rows at once."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import uuid
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, Final

from django.db import connections, models, transaction

from scheduler_realtime import clock, log, paging
from scheduler_realtime.models import Connection, Node, Presence
from scheduler_realtime.wire import plain

from .people import Person

ROWS: Final = 500
"""Rows of one statement: with a dozen columns each well within the limits of variables."""

SHOWN: Final = (
    "user_id",
    "visit",
    "username",
    "roles",
    "connection_id",
    "current_page",
    "active_schedule_date",
)
"""The columns of a presence that make a `Person`."""

WAIT_MS: Final = 2000
"""Milliseconds that presence waits for a row that another transaction holds."""


@contextlib.contextmanager
def together() -> Iterator[None]:
    """One transaction, which gives up where it would have to wait for long: it is made again.

    A host that has deleted a user and has not committed yet holds that user's rows here. Whoever
    waits for those would hold up the books thread, and so every handshake of the process.
    """
    alias = log.database()
    with transaction.atomic(using=alias):
        if connections[alias].vendor == "postgresql":
            with connections[alias].cursor() as cursor:
                cursor.execute(f"SET LOCAL lock_timeout = {WAIT_MS}")
        yield


class Table:
    """The table of a model, in the database of this thread. Every value is prepared by its field."""

    def __init__(self, model: type[models.Model]) -> None:
        self.connection: Any = connections[log.database()]
        self.name = self.connection.ops.quote_name(model._meta.db_table)
        self._fields: dict[str, Any] = {field.attname: field for field in model._meta.local_fields}

    def value(self, column: str, value: Any) -> Any:
        """The value as the database's own driver takes it."""
        return self._fields[column].get_db_prep_save(value, self.connection)

    def rows(self, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[list[Any]]:
        """Rows of prepared values, in the order that every writer keeps, so that none wait in a ring."""
        prepared = (
            [self.value(column, value) for column, value in zip(columns, row, strict=True)]
            for row in rows
        )
        return sorted(prepared, key=lambda row: row[0])

    def values(self, columns: Sequence[str], count: int) -> str:
        """So many rows of placeholders, each of its column's own type where nothing else says it."""
        row = ", ".join(self._placeholder(self._fields[column]) for column in columns)
        return ", ".join([f"({row})"] * count)

    def _placeholder(self, field: Any) -> str:
        if self.connection.vendor != "postgresql":
            return "%s"
        return f"CAST(%s AS {field.db_type(self.connection)})"

    def ask(self, sql: str, parameters: Iterable[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows a statement returns; none where it returns nothing."""
        with self.connection.cursor() as cursor:
            cursor.execute(sql, list(parameters))
            return list(cursor.fetchall()) if cursor.description else []

    def change(self, sql: str, parameters: Iterable[Any] = ()) -> int:
        """How many rows a statement changed."""
        with self.connection.cursor() as cursor:
            cursor.execute(sql, list(parameters))
            return int(cursor.rowcount)

    def now(self, plus: float = 0) -> tuple[str, list[Any]]:
        """So many seconds from now by the database's clock: an expression, and its parameters.

        The database's own, where it has one: a lease must not end since a node's clock was set.
        """
        if self.connection.vendor == "postgresql":
            return "(clock_timestamp() + %s * interval '1 second')", [float(plus)]
        moment = clock.now() + dt.timedelta(seconds=plus)
        return "%s", [self.connection.ops.adapt_datetimefield_value(moment)]


def nodes() -> Table:
    """The processes that hold sockets."""
    return Table(Node)


def sockets() -> Table:
    """The sockets."""
    return Table(Connection)


def users() -> Table:
    """The users who are here."""
    return Table(Presence)


def marks(values: Sequence[Any]) -> str:
    """A placeholder for each value."""
    return ", ".join(["%s"] * len(values))


def pages(rows: Iterable[Any]) -> Iterator[list[Any]]:
    """The rows, as many at a time as one statement takes."""
    return paging.pages(rows, ROWS)


def flat(rows: Iterable[Iterable[Any]]) -> list[Any]:
    """The values of all rows, one after the other."""
    return list(chain.from_iterable(rows))


def person_of(row: Sequence[Any]) -> Person:
    """The person in a row of the columns `SHOWN`, as the database's driver returns it."""
    user_id, visit, username, roles, connection_id, page, date = row
    return Person(
        user_id=user_key(user_id),
        visit=text_of(visit),
        username=username,
        roles=tuple(json.loads(roles)),
        current_page=page,
        active_schedule_date=date,
        connection_id=text_of(connection_id),
    )


def text_of(key: Any) -> str:
    """A UUID as a text: SQLite has it without hyphens."""
    return str(key if isinstance(key, uuid.UUID) else uuid.UUID(key))


def user_key(value: Any) -> int | str:
    """A user's primary key as the wire has it, from what the driver returns."""
    column: Any = Presence._meta.pk
    key: int | str = plain(column.target_field.to_python(value))
    return key
