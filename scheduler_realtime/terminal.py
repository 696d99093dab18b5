"""A message as a terminal shows it: in one line, out of which no payload can break."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from django.utils import timezone

from . import frames
from .audience import permission_in
from .log import Row
from .messages import CONTROL, RESYNC
from .wire import dumps

Data = Mapping[str, Any]

_GROUPS: Final = 3
"""Groups named in a line; of more, how many."""


def escaped(text: str) -> str:
    """The text without what a terminal obeys instead of showing it, and still JSON if it was.

    Control characters, and those that turn the direction of writing or cannot be seen at all.
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else _escape(each) for each in text)


def _escape(character: str) -> str:
    # DEL is the one that JSON leaves as it is.
    return "\\u007f" if character == "\x7f" else json.dumps(character)[1:-1]


def json_line(row: Row, *, is_cleared: bool) -> str:
    """The message as a socket would have it, and to whom it goes as `groups`."""
    return escaped(dumps(frames.whole(row, is_cleared=is_cleared) | {"groups": sorted(row.groups)}))


def line(row: Row, *, is_cleared: bool) -> str:
    """Position, time in `TIME_ZONE`, type, who caused it, to whom it goes, and what it says."""
    moment = timezone.localtime(row.created_at)
    data = frames.whole(row, is_cleared=is_cleared)["data"]
    summary: Callable[[Data], str] = _SUMMARIES.get(row.type, dumps)
    mark = " (to be acknowledged)" if row.ack_required else ""
    return escaped(
        f"{row.position:>8}  {moment:%Y-%m-%d %H:%M:%S}  {row.type:<21}"
        f"  {row.actor or '-':>6} > {_receivers(row):<20}  {summary(data)}{mark}"
    )


def _receivers(row: Row) -> str:
    groups = sorted(row.groups)
    more = f" and {len(groups) - _GROUPS} more" if len(groups) > _GROUPS else ""
    holders = f" with {', '.join(map(permission_in, sorted(row.needs)))}" if row.needs else ""
    return (", ".join(groups[:_GROUPS]) or "nobody") + more + holders


def _said(value: object) -> str:
    return value if isinstance(value, str) else dumps(value)


def _words(data: Data, *names: str) -> str:
    return " ".join(_said(data[name]) for name in names if data.get(name) is not None)


def _schedule_update(data: Data) -> str:
    objects = data.get("objects")
    if isinstance(objects, list):
        return f"{_words(data, 'action', 'model')}: {len(objects)} objects"
    place = f" in room {_said(data['room_id'])}" if data.get("room_id") is not None else ""
    return f"{_words(data, 'action', 'model', 'surgery_id')}{place}{_changes(data)}"


def _changes(data: Data) -> str:
    changes, previous = data.get("changes"), data.get("previous")
    if not (isinstance(changes, dict) and changes):
        return ""
    before = previous if isinstance(previous, dict) else {}
    return ": " + ", ".join(
        f"{name} {_said(before[name])} -> {_said(value)}"
        if name in before
        else f"{name} {_said(value)}"
        for name, value in changes.items()
    )


_SUMMARIES: Final[Mapping[str, Callable[[Data], str]]] = {
    "schedule_update": _schedule_update,
    "conflict_notification": lambda data: _words(
        data, "severity", "status", "conflict_type", "description"
    ),
    "emergency_alert": lambda data: _words(data, "priority", "emergency_type", "description"),
    "system_notification": lambda data: f"{_words(data, 'title')}: {_words(data, 'message')}",
    "optimization_progress": lambda data: (
        f"{_words(data, 'optimization_id', 'status', 'progress_percentage')} %"
    ),
    RESYNC: lambda data: f"everybody reads afresh: {_words(data, 'reason')}",
    CONTROL: dumps,
}
