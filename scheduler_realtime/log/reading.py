"""Reading the log: where it stands, and what lies behind a position."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from django.db import connections, router
from django.db.models import QuerySet

from scheduler_realtime.exceptions import HistoryGap
from scheduler_realtime.messages import EmergencyAlert
from scheduler_realtime.models import Log, Message

PAGE: Final = 500
"""Rows read at once: about a megabyte."""

_READ: Final = (
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
)


@dataclass(frozen=True, kw_only=True)
class State:
    """Where the log stands. `waiting`: whether committed messages still lack a position."""

    epoch: str
    head: int
    floor: int
    waiting: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class Row:
    """A message with its position, as it is read from the log."""

    position: int
    key: str
    type: str
    actor: str | None
    ack_required: bool
    expires_at: dt.datetime | None
    created_at: dt.datetime
    body: str
    groups: frozenset[str]
    left_groups: frozenset[str]
    protected: frozenset[str]
    scope_text: str
    texts: dict[tuple[bool, bool], str] = field(default_factory=dict, repr=False)

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
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT epoch, head, floor, EXISTS (SELECT 1 FROM {message} WHERE position IS NULL)"  # noqa: S608
            f" FROM {table} WHERE id = 1"
        )
        found = cursor.fetchone()
    if found is None:
        Log.objects.using(database()).bulk_create([Log(pk=1)], ignore_conflicts=True)
        return state()
    epoch, head, floor, waiting = found
    return State(epoch=str(uuid.UUID(str(epoch))), head=head, floor=floor, waiting=bool(waiting))


def read_after(position: int, *, limit: int = PAGE) -> Page:
    """The messages behind a position, in order. Raises `HistoryGap` where some are gone.

    Rows first, then the floor: a floor beyond the position means that between the two some may
    have been trimmed which were not read.
    """
    rows = _rows(Message.objects.filter(position__gt=position).order_by("position")[:limit])
    now = state()
    if now.floor > position:
        raise HistoryGap("trimmed")
    if now.head < position:
        raise HistoryGap("ahead")
    return Page(rows=rows, state=now)


def read_alerts_after(position: int) -> tuple[Row, ...]:
    """The emergency alerts behind a position: for a hub that has a long way to go there."""
    found = Message.objects.filter(position__gt=position, type=EmergencyAlert.type)
    return _rows(found.order_by("position")[:PAGE])


def _rows(messages: QuerySet[Message]) -> tuple[Row, ...]:
    return tuple(
        Row(
            position=position,
            key=str(key),
            type=type_,
            actor=actor,
            ack_required=ack_required,
            expires_at=expires_at,
            created_at=created_at,
            body=body,
            groups=frozenset(json.loads(groups)),
            left_groups=frozenset(json.loads(left_groups)),
            protected=frozenset(json.loads(protected)),
            scope_text=scope,
        )
        for (
            position,
            key,
            type_,
            actor,
            ack_required,
            expires_at,
            created_at,
            body,
            groups,
            left_groups,
            protected,
            scope,
        ) in messages.using(database()).values_list(*_READ)
    )
