"""Told: a message as one administrator may read it."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from django.utils.text import Truncator
from django.utils.translation import gettext as _

from scheduler_realtime.audience import permission_in
from scheduler_realtime.frames import redacted
from scheduler_realtime.messages import protected_by_setting
from scheduler_realtime.models import Message

from .people import Directory, in_order
from .records import brief

NAMED: Final = 3
"""Receivers named in a list; the page of a message names more."""

SHORT: Final = 140
"""Characters of a message's text in a list."""


@dataclass(frozen=True, kw_only=True)
class Told:
    """A message, with the names in it; without what is protected where the reader lacks the clearance."""

    message: Message
    directory: Directory
    is_cleared: bool

    @cached_property
    def data(self) -> dict[str, Any]:
        """The payload, as far as it may be shown."""
        body = json.loads(self.message.body)
        return redacted(self.message.type, body, frozenset(self.withheld))

    @property
    def withheld(self) -> list[str]:
        """The names of what is left out."""
        own = {*json.loads(self.message.protected), *protected_by_setting(self.message.type)}
        return [] if self.is_cleared else sorted(own)

    @property
    def actor(self) -> str:
        """Who caused it."""
        return self.directory.person(self.message.actor)

    def audience(self, most: int = NAMED) -> str:
        """Who hears it."""
        return self.directory.audience(json.loads(self.message.groups), most=most)

    def left(self, most: int = NAMED) -> str:
        """Who hears only that the object left their sight."""
        return self.directory.audience(json.loads(self.message.left_groups), most=most)

    @property
    def needed(self) -> str:
        """The permissions that whoever hears it holds."""
        return ", ".join(map(permission_in, json.loads(self.message.needs)))

    @property
    def text(self) -> str:
        """A line of it."""
        return Truncator(_line(self.message.type, self.data)).chars(SHORT)


def tell(messages: Collection[Message], *, is_cleared: bool, most: int = NAMED) -> None:
    """Put a `told` on each message. Two queries for all."""
    groups = {
        name
        for message in messages
        for column in (message.groups, message.left_groups)
        for name in in_order(json.loads(column))[:most]
    }
    directory = Directory(groups, {each.actor for each in messages if each.actor is not None})
    for message in messages:
        told = Told(message=message, directory=directory, is_cleared=is_cleared)
        message.told = told  # type: ignore[attr-defined]  # for this request alone


def _line(type_: str, data: dict[str, Any]) -> str:
    words: tuple[Any, ...]
    match type_:
        case "schedule_update":
            return _update(data)
        case "conflict_notification":
            words = (data.get("severity"), data.get("status"), data.get("description"))
        case "emergency_alert":
            words = (data.get("priority"), data.get("emergency_type"), data.get("description"))
        case "system_notification":
            words = (data.get("title"), data.get("message"))
        case "optimization_progress":
            percentage = f"{data.get('progress_percentage')} %"
            words = (data.get("optimization_id"), data.get("status"), percentage)
        case _:
            return _pairs(data)
    return _joined(words)


def _update(data: dict[str, Any]) -> str:
    if isinstance(objects := data.get("objects"), list):
        return _joined((data.get("action"), data.get("model"), len(objects)))
    before = data.get("previous") or {}
    changes = {
        name: f"{_said(before[name])} → {_said(value)}" if name in before else _said(value)
        for name, value in (data.get("changes") or {}).items()
    }
    model = (data.get("model") or "").rpartition(".")[2]
    subject = f"{model} {data.get('surgery_id')}".strip()
    return _joined((data.get("action"), subject, _pairs(changes)))


def _said(value: Any) -> str:
    """A value as a person reads it; a moment where the administrator is."""
    if value in (None, ""):
        return _("nothing")
    try:
        found = dt.datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return str(value)
    return brief(found).removesuffix(":00") if found.tzinfo else str(value)


def _pairs(values: dict[str, Any]) -> str:
    return ", ".join(f"{name}: {value}" for name, value in values.items())


def _joined(words: Iterable[Any]) -> str:
    return " · ".join(str(word) for word in words if word not in (None, ""))
