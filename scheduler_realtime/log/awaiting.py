"""What in the log still awaits somebody's acknowledgement, whatever its age."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass

from django.db import models
from django.db.models import Exists

from scheduler_realtime import clock
from scheduler_realtime.models import Log, Message
from scheduler_realtime.paging import pages

from .reading import MOST, READ, Addressed, Row, database, row_of

_PAGE = 500


@dataclass(frozen=True, kw_only=True)
class Filed(Addressed):
    """A message with its position, without its payload: enough to say whose it is."""

    id: int
    position: int
    type: str
    actor: str | None
    ack_required: bool


def awaited() -> tuple[Filed, ...]:
    """The messages that must be acknowledged and have not expired, in order."""
    return filed(_messages().filter(ack_required=True, position__gt=0).filter(_unexpired()))


def at_positions(positions: Collection[int], *, epoch: str | None = None) -> dict[int, Filed]:
    """The messages at these positions, expired ones too, by position; none for what is not there.

    With `epoch`, none where the log is another one by now: its messages are not those meant.
    """
    messages = _messages()
    if epoch is not None:
        messages = messages.filter(Exists(Log.objects.filter(pk=1, epoch=epoch)))
    found: dict[int, Filed] = {}
    # Beyond what a column holds there is nothing, and SQLite would raise.
    asked = sorted(each for each in positions if 0 < each <= MOST)
    for page in pages(asked, _PAGE):
        rows = filed(messages.filter(position__in=page))
        found |= {each.position: each for each in rows}
    return found


def read_by_id(ids: Collection[int]) -> dict[int, Row]:
    """Whole messages by primary key; those that were trimmed meanwhile are left out."""
    found: dict[int, Row] = {}
    for page in pages(ids, _PAGE):
        for key, *columns in _messages().filter(pk__in=page).values_list("pk", *READ):
            found[key] = row_of(*columns)
    return found


def _messages() -> models.QuerySet[Message]:
    return Message.objects.using(database()).order_by("position")


def _unexpired() -> models.Q:
    return models.Q(expires_at=None) | models.Q(expires_at__gt=clock.now())


def filed(messages: models.QuerySet[Message]) -> tuple[Filed, ...]:
    """Messages that have a position, in the order of the query."""
    columns = messages.values_list(
        "pk",
        "position",
        "type",
        "actor",
        "ack_required",
        "groups",
        "left_groups",
        "needs",
        "subject",
    )
    return tuple(
        Filed(
            id=key,
            position=position or 0,
            type=type_,
            actor=actor,
            ack_required=ack_required,
            groups=frozenset(json.loads(groups)),
            left_groups=frozenset(json.loads(left_groups)),
            needs=frozenset(json.loads(needs)),
            subject=subject,
        )
        for key, position, type_, actor, ack_required, groups, left_groups, needs, subject in columns
    )
