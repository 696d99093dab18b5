"""Receipts of a message as an administrator asks for them: who has it, and who has not answered."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

from django.core.paginator import Page, Paginator
from django.utils.translation import gettext as _

from scheduler_realtime import log
from scheduler_realtime.judging import audience_of
from scheduler_realtime.log import Filed
from scheduler_realtime.models import Position, Receipt

from .people import names_of

PAGE: Final = 50
"""People shown at once."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How one user stands to a message. `has_it` may be known where no time is."""

    user_id: Any
    has_it: bool
    delivered_at: dt.datetime | None = None
    acknowledged_at: dt.datetime | None = None
    name: str = ""

    @property
    def state(self) -> str:
        """In a word."""
        if self.acknowledged_at is not None:
            return _("acknowledged")
        return _("delivered") if self.has_it else _("not delivered yet")


@dataclass(frozen=True, kw_only=True)
class Standings:
    """Everybody who should have a message or has it: those who have not answered come first."""

    everybody: Collection[Standing]
    ack_required: bool

    @property
    def summary(self) -> str:
        """How many of how many."""
        facts = {
            "all": len(self.everybody),
            "got": sum(each.has_it for each in self.everybody),
            "done": sum(each.acknowledged_at is not None for each in self.everybody),
        }
        if not self.ack_required:
            return _("%(got)d of %(all)d people have it.") % facts
        facts["left"] = facts["all"] - facts["done"]
        return (
            _(
                "%(done)d of %(all)d people have acknowledged it, %(left)d have not;"
                " %(got)d have got it."
            )
            % facts
        )

    def page(self, number: Any) -> Page:
        """Some of them, with their names. One query."""
        page = Paginator(list(self.everybody), PAGE).get_page(number)
        names = names_of({str(each.user_id) for each in page.object_list})
        page.object_list = [
            Standing(**vars(each) | {"name": names.get(str(each.user_id), str(each.user_id))})
            for each in page.object_list
        ]
        return page


def standings_of(message: Filed) -> Standings:
    """How all stand to a message, in a fixed number of queries and in memory: never in an IN list."""
    alias = log.database()
    receipts = Receipt.objects.using(alias).filter(message_id=message.id)
    rows = receipts.values_list("user_id", "delivered_at", "acknowledged_at")
    found = {
        user_id: Standing(
            user_id=user_id, has_it=True, delivered_at=delivered, acknowledged_at=acknowledged
        )
        for user_id, delivered, acknowledged in rows
    }
    beyond = frozenset() if message.ack_required else _beyond(message)
    for user_id in audience_of(message) - found.keys():
        found[user_id] = Standing(user_id=user_id, has_it=user_id in beyond)
    everybody = sorted(
        found.values(),
        key=lambda each: (each.acknowledged_at is not None, each.has_it, str(each.user_id)),
    )
    return Standings(everybody=everybody, ack_required=message.ack_required)


def _beyond(message: Filed) -> frozenset[Any]:
    """Who has read on beyond a message, and so has it; when is not known."""
    positions = Position.objects.using(log.database()).filter(
        epoch=log.state().epoch, position__gte=message.position
    )
    return frozenset(positions.values_list("user_id", flat=True))
