"""Conditions: what a message that a program composes demands of whoever hears it, by its model.

A captured change has them from its binding. One that is told by a verb is about the same objects,
and its hearers must hold no less.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from . import log, registry, subjects
from .binding import ScheduleBinding, snapshot
from .exceptions import InvalidMessage
from .identity import value_in
from .messages import ConflictNotification, Payload, ScheduleUpdate

_ABOUT_OBJECTS: Final = (ScheduleUpdate, ConflictNotification)


@dataclass(frozen=True, kw_only=True)
class Condition:
    """The groups of permissions, and the objects that `may_see` is asked about, as the log has them."""

    needs: frozenset[str] = frozenset()
    subject: str = ""


NONE: Final = Condition()


def of(payload: Payload, data: Mapping[str, Any]) -> Condition:
    """What the binding of its `model` demands; without a `model`, what all bindings do together.

    Where a `may_see` is to be asked, the objects are read now, in one query; about one that is not
    there nobody can be asked, and whoever would have been reads afresh instead. Raises
    `InvalidMessage` where there is no `model`, and several bindings, of which one would ask.
    """
    if not isinstance(payload, _ABOUT_OBJECTS):
        return NONE
    label = data.get("model")
    found = [each for each in registry.bindings() if label is None or each.label == label.lower()]
    needs = frozenset().union(*(binding.needs for binding in found))
    judges = [binding for binding in found if binding.is_judge]
    keys = _keys(data)
    if not (judges and keys):
        return Condition(needs=needs)
    if len(found) > 1:
        raise InvalidMessage("data.model", f"is needed, since may_see of {judges[0].label} decides")
    return Condition(needs=needs, subject=_subject(judges[0], keys))


def _keys(data: Mapping[str, Any]) -> list[Any]:
    """The objects it is about: of an update the one that changed, of a conflict all."""
    if (changed := data.get("surgery_id")) is not None:
        return [changed]
    return list(data.get("affected_surgeries") or ())


def _subject(binding: ScheduleBinding, keys: Iterable[Any]) -> str:
    listed = list(keys)
    column: Any = binding.model._meta.pk
    values = {key: value_in(column, key) for key in listed}
    wanted = [value for value in values.values() if value is not None]
    rows = {row.pk: row for row in binding.rows(log.database()).filter(pk__in=wanted)}
    now = [rows.get(values[key]) for key in listed]
    taken = [{"of": binding.label, "now": row and snapshot(row)} for row in now]
    return subjects.text_of({"of": binding.label, "all": taken})
