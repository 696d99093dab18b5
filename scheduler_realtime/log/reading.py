"""Reading the log: where it stands, and what lies behind a position."""

from __future__ import annotations

import datetime as dt
import json
import time
import uuid
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from django.db import connections, router

from scheduler_realtime import clock
from scheduler_realtime.audience import addressed
from scheduler_realtime.exceptions import HistoryGap
from scheduler_realtime.messages import EmergencyAlert, protected_by_setting
from scheduler_realtime.models import Log, Message
from scheduler_realtime.wire import dumps

PAGE: Final = 500
"""Rows read at once: about a megabyte."""

MOST: Final = 2**63 - 1
"""The last position that there could be."""

STATE: Final = ("epoch", "head", "floor")
"""The columns of the log's own row that say where it stands, as `to_state` takes them."""

READ: Final = (
    "position",
    "key",
    "type",
    "actor",
    "ack_required",
    "expires_at",
    "created_at",
    "body",
    "groups",
    "left_groups",
    "protected",
    "scope",
    "needs",
    "subject",
)
"""The columns of a message that readers want, as `row_of` takes them."""


_NO_NEEDS: Final[frozenset[str]] = frozenset()

_FIND: Final = {"postgresql": "STRPOS"}
"""By vendor, the function that finds a text in another, case by case."""


@dataclass(frozen=True, kw_only=True)
class State:
    """Where the log stands. `waiting`: whether committed messages were seen without a position."""

    epoch: str
    head: int
    floor: int
    waiting: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class Addressed:
    """What every reading of a message knows: who hears it, and who only that the object left.

    Whoever does is in all the groups of `needs` besides, which are permissions. Where there is a
    `subject`, a binding's `may_see` has the last word: see `judging`.
    """

    groups: frozenset[str]
    left_groups: frozenset[str]
    needs: frozenset[str] = frozenset()
    subject: str = ""

    def is_for(self, groups: frozenset[str]) -> bool:
        """Whether somebody in these groups hears of it, be it only that the object left.

        Where there is a subject: whether `may_see` is to be asked.
        """
        if self.needs and not self.needs <= groups:
            return False
        return not (self.groups.isdisjoint(groups) and self.left_groups.isdisjoint(groups))


@dataclass(frozen=True, kw_only=True, eq=False)
class Row(Addressed):
    """A message with its position, as it is read from the log."""

    position: int
    key: str
    type: str
    actor: str | None
    ack_required: bool
    expires_at: dt.datetime | None
    created_at: dt.datetime
    body: str
    protected: frozenset[str]
    scope_text: str
    texts: dict[Any, str] = field(default_factory=dict, repr=False)
    verdicts: dict[Any, Any] = field(default_factory=dict, repr=False)
    """What `judging` found, by who asked: kept with the row, since it goes with it."""

    @property
    def size(self) -> int:
        """Characters it holds in memory, about, before anything is encoded of it."""
        return len(self.body) + len(self.subject)

    @cached_property
    def written_at(self) -> float:
        """When it was appended, in Unix seconds by the database's clock."""
        return self.created_at.timestamp()

    @cached_property
    def data(self) -> dict[str, Any]:
        """The payload. Shared by all readers of the row: not to be changed."""
        return json.loads(self.body)  # type: ignore[no-any-return]  # we wrote an object

    @cached_property
    def scope(self) -> dict[str, Any]:
        """What subscribers narrow by: `rooms`, `dates`, `surgeries`, `model`."""
        return json.loads(self.scope_text)  # type: ignore[no-any-return]  # we wrote an object


@dataclass(frozen=True, kw_only=True)
class Page:
    """Rows in order, all that there are between the position asked for and the last of them."""

    rows: tuple[Row, ...]
    state: State


def database() -> str:
    """The alias of the one database the log lives in: the write alias, always."""
    return router.db_for_write(Message)


def state() -> State:
    """Where the log stands now, in one statement."""
    connection = connections[database()]
    quote = connection.ops.quote_name
    message, table = quote(Message._meta.db_table), quote(Log._meta.db_table)
    now, asked_at = clock.SQL.get(connection.vendor, "NULL"), time.time()
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT epoch, head, floor, EXISTS (SELECT 1 FROM {message} WHERE position IS NULL)"  # noqa: S608
            f", {now} FROM {table} WHERE id = 1"
        )
        found = cursor.fetchone()
    if found is None:
        Log.objects.using(database()).bulk_create([Log(pk=1)], ignore_conflicts=True)
        return state()
    *facts, seconds = found
    clock.note(seconds, asked_at=asked_at)
    return to_state(*facts)


def read_after(position: int, *, limit: int = PAGE, key: str | None = None) -> Page:
    """The messages behind a position, in order. Raises `HistoryGap` where some are gone.

    Rows and floor come from one statement, and so from one moment: a floor beyond the position
    means that between the two some may have been trimmed. Where the `key` of the message at the
    position is given, and another one stands there, the log was restored behind it: what follows
    belongs to a history that the reader does not know.
    """
    found = _read("position > %s", [position], limit, known=position if key else None)
    if not found:
        state()  # makes the log
        return read_after(position, limit=limit, key=key)
    now = _state_behind(position, found)
    if key is not None and to_key(found[0][-1]) not in (None, key):
        raise HistoryGap("epoch_changed")
    return Page(rows=_rows(found), state=now)


def read_for(
    groups: Collection[str],
    position: int,
    *,
    limit: int,
    span: int,
    type: str | None = None,  # noqa: A002
) -> Page:
    """The messages for somebody in these groups among the next `span` positions, in order.

    Chosen by the database, so that a reader who may see one in a thousand costs one statement.
    Raises `HistoryGap` as `read_after` does.
    """
    find = _FIND.get(connections[database()].vendor, "INSTR")
    quoted = [dumps(name) for name in addressed(groups)]
    marks = [f"{find}({name}, %s) > 0" for name in ("groups", "left_groups") for _ in quoted]
    condition = f"position > %s AND position <= %s AND ({' OR '.join(marks)})"
    values: list[str | int] = [position, min(position + span, MOST), *quoted, *quoted]
    if type is not None:
        condition, values = f"{condition} AND type = %s", [*values, type]
    found = _read(condition, values, limit)
    if not found:
        state()  # makes the log
        return read_for(groups, position, limit=limit, span=span, type=type)
    return Page(rows=_rows(found), state=_state_behind(position, found))


def _state_behind(position: int, found: Sequence[tuple[Any, ...]]) -> State:
    now = to_state(*found[0][: len(STATE)])
    if now.floor > position:
        raise HistoryGap("trimmed")
    if now.head < position:
        raise HistoryGap("ahead")
    return now


def read_alerts_after(position: int) -> tuple[Row, ...]:
    """The emergency alerts behind a position: for a hub that has a long way to go there."""
    return _rows(_read("position > %s AND type = %s", [position, EmergencyAlert.type], PAGE))


def _read(
    condition: str, values: Sequence[str | int], limit: int, known: int | None = None
) -> list[tuple[Any, ...]]:
    """The log's own row beside each message that fits; beside nothing where none does.

    The limit stands inside: outside it, PostgreSQL would sort the whole backlog for each page.
    The last column is the key of the message at the known position.
    """
    connection = connections[database()]
    quote = connection.ops.quote_name
    message = quote(Message._meta.db_table)
    columns = ", ".join([f"l.{name}" for name in STATE] + [f"m.{quote(name)}" for name in READ])
    key = "NULL" if known is None else f"(SELECT k.key FROM {message} k WHERE k.position = %s)"  # noqa: S608
    sql = (
        f"SELECT {columns}, {key} FROM {quote(Log._meta.db_table)} l LEFT JOIN ("  # noqa: S608
        f"SELECT * FROM {message} WHERE {condition}"
        " ORDER BY position LIMIT %s) m ON true WHERE l.id = 1 ORDER BY m.position"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [*([] if known is None else [known]), *values, limit])
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


def _rows(found: Iterable[tuple[Any, ...]]) -> tuple[Row, ...]:
    return tuple(
        row_of(*columns) for line in found if (columns := line[len(STATE) : -1])[0] is not None
    )


def row_of(
    position: int,
    key: uuid.UUID | str,
    type_: str,
    actor: str | None,
    ack_required: bool | int,
    expires_at: dt.datetime | str | None,
    created_at: dt.datetime | str,
    *texts: str,
) -> Row:
    """A message as readers have it, of the columns named in `READ`."""
    body, groups, left_groups, protected, scope_text, needs, subject = texts
    return Row(
        position=position,
        key=str(uuid.UUID(str(key))),
        type=type_,
        actor=actor,
        ack_required=bool(ack_required),
        expires_at=None if expires_at is None else _moment(expires_at),
        created_at=_moment(created_at),
        body=body,
        groups=frozenset(json.loads(groups)),
        left_groups=frozenset(json.loads(left_groups)),
        protected=frozenset(json.loads(protected)) | protected_by_setting(type_),
        scope_text=scope_text,
        needs=_NO_NEEDS if needs == "[]" else frozenset(json.loads(needs)),
        subject=subject,
    )


def _moment(value: dt.datetime | str) -> dt.datetime:
    """SQLite has datetimes as texts, and neither database says that they are UTC."""
    moment = dt.datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=dt.UTC)


def to_state(epoch: uuid.UUID | str, head: int, floor: int, waiting: object = False) -> State:
    """The log's own row as a state."""
    return State(epoch=str(uuid.UUID(str(epoch))), head=head, floor=floor, waiting=bool(waiting))


def to_key(found: uuid.UUID | str | None) -> str | None:
    """A message's key as it goes on the wire; SQLite has it without hyphens."""
    return None if found is None else str(uuid.UUID(str(found)))
