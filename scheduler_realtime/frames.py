"""A row of the log as one user may read it: whole, without what is protected, or as it left."""

from __future__ import annotations

from typing import Any, Final, Literal

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError

from . import clock
from .judging import GONE, SEEN, Sight, Sights
from .log import Row
from .messages import RESYNC, WITHHELD, envelope, must_have
from .wire import dumps, dumps_clean, plain

_CHANGED = ("changes", "previous")


Mark = Literal["early", "redelivered"]
"""That a frame is not in its place: ahead of it, and so without its position, or again."""


def text_for(
    row: Row,
    *,
    groups: frozenset[str],
    is_cleared: bool,
    sights: Sights | None = None,
    mark: Mark | None = None,
) -> str | None:
    """The frame of a message for somebody in these groups, or None where there is none for them.

    `sights` are those of `judging`, of a message that has a subject: without them there is no
    frame of it. Encoded once for each clearance and sight, and kept with the row; a marked one
    is not kept.
    """
    if row.expires_at is not None and row.expires_at <= clock.now():
        return None
    if not row.is_for(groups):
        return None
    if not row.subject:
        sights = GONE if row.groups.isdisjoint(groups) else SEEN
    elif sights is None or not any(sights):
        return None
    if mark is not None:
        position = None if mark == "early" else row.position
        return dumps_clean(_frame(row, is_cleared, sights, position) | {mark: True})
    variant = (is_cleared or not row.protected, sights)
    text = row.texts.get(variant)
    if text is None:
        text = row.texts[variant] = dumps_clean(_frame(row, is_cleared, sights, row.position))
    return text


def whole(row: Row, *, is_cleared: bool) -> dict[str, Any]:
    """The frame for somebody who may see all of it, expired or not: for an operator."""
    return _frame(row, is_cleared, SEEN, row.position)


def _frame(row: Row, is_cleared: bool, sights: Sights, position: int | None) -> dict[str, Any]:
    data = _seen(row.data, sights)
    if not is_cleared:
        data = redacted(row.type, data, row.protected)
    return envelope(
        row.type,
        data,
        timestamp=row.created_at,
        position=position,
        key=row.key,
        user_id=user_id_of(row.actor),
    )


def redacted(type_: str, data: dict[str, Any], names: frozenset[str]) -> dict[str, Any]:
    """The payload without the protected names, wherever a schedule update puts them.

    A text that the type must have is replaced by `WITHHELD`, so that no client shows nothing.
    """
    if not names:
        return data
    kept = {name: WITHHELD for name in names & data.keys() if must_have(type_, name)}
    return {key: kept.get(key, value) for key, value in _without(data, names - kept.keys()).items()}


def _without(data: dict[str, Any], names: frozenset[str]) -> dict[str, Any]:
    result = {key: value for key, value in data.items() if key not in names}
    for key in _CHANGED:
        if isinstance(result.get(key), dict):
            result[key] = {name: v for name, v in result[key].items() if name not in names}
    if isinstance(result.get("objects"), list):
        # A host's own message may have anything there.
        result["objects"] = [
            _without(each, names) if isinstance(each, dict) else each for each in result["objects"]
        ]
    return result


def _seen(data: dict[str, Any], sights: Sights) -> dict[str, Any]:
    """The payload as far as it may be known of; a `bulk` one with those objects that may be."""
    if all(each is Sight.WHOLE for each in sights):
        return data
    if "objects" not in data:
        return _left(data)
    several = sights if len(sights) > 1 else sights * len(data["objects"])
    told = [
        one if sight is Sight.WHOLE else {"surgery_id": one["surgery_id"], **_GONE, **_NOWHERE}
        for one, sight in zip(data["objects"], several, strict=True)
        if sight is not Sight.NOTHING
    ]
    ids = [one["surgery_id"] for one in told]
    shared = {name: _shared(told, name) for name in _NOWHERE}
    reason = {"reason": "left"} if Sight.WHOLE not in several else {}
    return data | shared | reason | {"affected_surgeries": ids, "objects": told}


_GONE: Final = {"action": "delete", "reason": "left", "changes": {}, "previous": {}}
_NOWHERE: Final = {"room_id": None, "schedule_date": None}


def _shared(objects: list[dict[str, Any]], name: str) -> Any:
    first = objects[0][name]
    return first if all(dumps(one[name]) == dumps(first) for one in objects) else None


def _left(data: dict[str, Any]) -> dict[str, Any]:
    """What those hear who are only in the old audience: that it is gone, and nothing else."""
    return data | _GONE | _NOWHERE | {"affected_surgeries": []}


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
