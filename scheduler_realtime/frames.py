"""A row of the log as one user may read it: whole, without what is protected, or as it left."""

from __future__ import annotations

from typing import Any, Literal

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError

from . import clock
from .log import Row
from .messages import RESYNC, envelope
from .wire import dumps_clean, plain

_CHANGED = ("changes", "previous")


Mark = Literal["early", "redelivered"]
"""That a frame is not in its place: ahead of it, and so without its position, or again."""


def text_for(
    row: Row, *, groups: frozenset[str], is_cleared: bool, mark: Mark | None = None
) -> str | None:
    """The frame of a message for somebody in these groups, or None where there is none for them.

    Encoded once for each clearance and kept with the row; a marked one is not kept.
    """
    if row.expires_at is not None and row.expires_at <= clock.now():
        return None
    entitled = not row.groups.isdisjoint(groups)
    if not entitled and row.left_groups.isdisjoint(groups):
        return None
    if mark is not None:
        position = None if mark == "early" else row.position
        return dumps_clean(_frame(row, is_cleared, entitled, position) | {mark: True})
    variant = (is_cleared or not row.protected, entitled)
    text = row.texts.get(variant)
    if text is None:
        text = row.texts[variant] = dumps_clean(_frame(row, is_cleared, entitled, row.position))
    return text


def whole(row: Row, *, is_cleared: bool) -> dict[str, Any]:
    """The frame for somebody who may see all of it, expired or not: for an operator."""
    return _frame(row, is_cleared, True, row.position)


def _frame(row: Row, is_cleared: bool, entitled: bool, position: int | None) -> dict[str, Any]:
    data = row.data if entitled else _left(row.data)
    if not is_cleared:
        data = redacted(data, row.protected)
    return envelope(
        row.type,
        data,
        timestamp=row.created_at,
        position=position,
        key=row.key,
        user_id=user_id_of(row.actor),
    )


def redacted(data: dict[str, Any], names: frozenset[str]) -> dict[str, Any]:
    """The payload without the protected names, wherever a schedule update puts them."""
    if not names:
        return data
    result = {key: value for key, value in data.items() if key not in names}
    for key in _CHANGED:
        if isinstance(result.get(key), dict):
            result[key] = {name: v for name, v in result[key].items() if name not in names}
    if isinstance(result.get("objects"), list):
        # A host's own message may have anything there.
        result["objects"] = [
            redacted(each, names) if isinstance(each, dict) else each for each in result["objects"]
        ]
    return result


def _left(data: dict[str, Any]) -> dict[str, Any]:
    """What those hear who are only in the old audience: that it is gone, and nothing else."""
    gone = {"action": "delete", "reason": "left", "changes": {}, "previous": {}}
    result = data | gone | {"room_id": None, "schedule_date": None, "affected_surgeries": []}
    if "objects" in data:
        places = {"room_id": None, "schedule_date": None}
        result["action"] = "bulk"
        result["affected_surgeries"] = data["affected_surgeries"]
        result["objects"] = [
            {"surgery_id": each["surgery_id"], **gone, **places} for each in data["objects"]
        ]
    return result


def user_id_of(actor: str | None) -> int | str | None:
    """The actor's primary key as the user model has it: a number stays a number."""
    if actor is None:
        return None
    try:
        return plain(get_user_model()._meta.pk.to_python(actor))  # type: ignore[no-any-return]
    # Whoever wrote the message may have named a service, which is no user.
    except (ValidationError, ValueError, TypeError, LookupError):
        return actor


def is_wanted(row: Row, wanted: dict[str, frozenset[Any]] | None, own_group: str) -> bool:
    """Whether a subscription lets the message through.

    Emergency alerts and what is addressed to this very user are never narrowed away; a move
    matches by its old and by its new room and date.
    """
    if not wanted or row.type in _NEVER_NARROWED or own_group in row.groups:
        return True
    return _fits(wanted, "types", [row.type]) and all(
        _fits(wanted, name, values)
        for name, values in (
            ("models", [row.scope.get("model")]),
            ("rooms", row.scope.get("rooms", [])),
            ("dates", row.scope.get("dates", [])),
            ("surgeries", row.scope.get("surgeries", [])),
        )
    )


_NEVER_NARROWED = frozenset({"emergency_alert", RESYNC})


def _fits(wanted: dict[str, frozenset[Any]], name: str, values: list[Any]) -> bool:
    """Whether any value is wanted; what has none, as a notification has no room, is let through.

    Keys match as texts: a client may write 7 or "7".
    """
    told = [str(value) for value in values if value is not None]
    return name not in wanted or not told or any(value in wanted[name] for value in told)
