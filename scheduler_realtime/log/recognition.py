"""Recognising the log on a new connection: by a message in it, and by the database it lives in."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from django.db import NotSupportedError, ProgrammingError, connections, transaction

from scheduler_realtime import files
from scheduler_realtime.models import Log, Message

from .reading import STATE, Row, State, database, state, to_key, to_state
from .upkeep import renew_epoch

_UNTOLD: Final = "''"

HOME: Final = {
    # The cluster, its timeline (as it is now: what pg_control_checkpoint() says lags behind a
    # promotion), the database and the table. A standby refuses, and shall: it may be promoted
    # under an open connection.
    "postgresql": (
        "(SELECT 'postgresql:' || system_identifier FROM pg_control_system())"
        " || ':' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)"
        " || ':' || (SELECT oid FROM pg_database WHERE datname = current_database())"
        " || ':' || l.tableoid"
    ),
}
"""By vendor, the expression by which a database tells its own identity."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a reader stands: an epoch, a position in it, and the key of the message there.

    `key` is None where nobody knows of one, as at the very beginning.
    """

    epoch: str
    position: int
    key: str | None

    def after(self, row: Row) -> Place:
        """The place of who has read that row, too."""
        return Place(epoch=self.epoch, position=row.position, key=row.key)


@dataclass(frozen=True, kw_only=True)
class Sighting:
    """The log as it was found: where it stands, and its last message as a place.

    `key` is that of the message asked for, `last` the highest position there is. `home` is the
    database the log is in, as far as that can be told, and `last_home` the one in which it was
    seen last; either may be empty.
    """

    state: State
    head: Place
    key: str | None
    last: int
    home: str
    last_home: str

    @property
    def is_moved(self) -> bool:
        """Whether this is another database than the one the log was in."""
        return bool(self.home and self.last_home) and self.home != self.last_home

    @property
    def is_torn(self) -> bool:
        """Whether messages are there that the log's own row is too old to know of."""
        return self.last > self.state.head

    def continues(self, known: Place | None) -> bool:
        """Whether what was read up to a place may be followed by what is here.

        A head that has passed the place proves nothing: after a restore its positions were given
        anew. A message that is absent there proves nothing either: it was trimmed, or deleted.
        """
        if known is None or known.epoch != self.state.epoch:
            return True  # it is another log already, and says so
        is_same = self.key is None or known.key is None or self.key == known.key
        return is_same and self.state.head >= known.position


def recognise(known: Place | None = None, *, is_broken: bool = False) -> Sighting:
    """Find the log as it stands, under a new epoch where it is not what it was.

    That is where the message at the known place is another one, where the head fell behind it or
    behind its own messages, where the log was last seen in another database, or where the caller
    has seen it broken at the known place. One statement where nothing is new. Not for
    use inside transactions of others: a renewal is visible to all at once.
    """
    seen = look(known)
    is_broken = is_broken and known is not None and known.epoch == seen.state.epoch
    if is_broken or seen.is_moved or seen.is_torn or not seen.continues(known):
        renew_epoch(known=seen.state.epoch, home=seen.home)
        return look()
    if seen.home and not seen.last_home:
        Log.objects.using(database()).filter(pk=1, home="").update(home=seen.home)
    return seen


def look(known: Place | None = None) -> Sighting:
    """The log, its database and the message at the known place, in one statement."""
    connection = connections[database()]
    expression = HOME.get(connection.vendor, _UNTOLD)
    try:
        with _undoing(connection):
            return _look(known, expression)
    except (ProgrammingError, NotSupportedError):
        if expression is _UNTOLD:
            raise
        # Some managed services keep their servers' identity to themselves.
        return _look(known, _UNTOLD)


@contextlib.contextmanager
def _undoing(connection: Any) -> Iterator[None]:
    """Keep a statement that fails from spoiling the transaction it is in, where it is in one."""
    if connection.in_atomic_block:
        with transaction.atomic(using=connection.alias):
            yield
    else:
        yield


def _look(known: Place | None, home_expression: str) -> Sighting:
    connection = connections[database()]
    quote = connection.ops.quote_name
    columns = ", ".join(f"l.{name}" for name in STATE)
    message = quote(Message._meta.db_table)
    key = f"(SELECT m.key FROM {message} m WHERE m.position = "  # noqa: S608
    last = f"(SELECT MAX(m.position) FROM {message} m)"  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {columns}, {key}l.head), {key}%s), {last}, l.home, {home_expression}"  # noqa: S608
            f" FROM {quote(Log._meta.db_table)} l WHERE l.id = 1",
            [None if known is None else known.position],
        )
        found = cursor.fetchone()
    if found is None:
        state()  # makes it
        return _look(known, home_expression)
    *facts, head_key, known_key, last, last_home, home = found
    now = to_state(*facts)
    return Sighting(
        state=now,
        head=Place(epoch=now.epoch, position=now.head, key=to_key(head_key)),
        key=to_key(known_key),
        last=last or 0,
        home=home or _home_of_file(connection),
        last_home=last_home,
    )


def _home_of_file(connection: Any) -> str:
    """A file that was copied has another inode, on the same disk or not; its device may be renumbered."""
    identity = files.identity_of(connection)
    return "" if identity is None else f"file:{identity[1]}"
