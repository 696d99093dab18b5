"""Examining: a step along the log, whose changes are looked at once, whoever is killed meanwhile."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db import connections, transaction
from django.db.models import QuerySet

from scheduler_realtime import failpoints, log, registry
from scheduler_realtime.messages import ScheduleUpdate
from scheduler_realtime.models import Examination, Log, Message

from .keeping import Difference, keep
from .seeking import Found, Seeker

PAGE: Final = 200
"""Messages of one step; a `bulk` one may have 500 rows."""

ROWS: Final = 1000
"""Rows after which a step takes up no more messages."""

_GUARDS: Final = {
    "statement_timeout": "5000",
    "lock_timeout": "2000",
    "idle_in_transaction_session_timeout": "10000",
}
"""Milliseconds, of PostgreSQL: who is stopped in the middle of a step has it taken from them."""


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """A part of the log: its changed rows by model, and up to which position that is."""

    through: int
    keys: Mapping[str, Sequence[Any]]


def is_behind(seeker: Seeker) -> bool:
    """Whether the log goes further than it was examined. One statement."""
    position = _examinations(seeker).values_list("position", flat=True).first()
    return position is None or position != _head()


def step(seeker: Seeker) -> bool:
    """Examine the next stretch of the log; whether that was done, and not by another just now.

    The conflicts that begin and end, the messages of it and how far the log was examined are one
    transaction. On PostgreSQL whoever looks has the row locked, and others pass by. SQLite has
    but one lock for all writers, so there the looking is done before it is taken, and for
    nothing where another was faster.
    """
    alias = log.database()
    _make(seeker)
    if not connections[alias].features.has_select_for_update_skip_locked:
        position = _examinations(seeker).values_list("position", flat=True).get()
        stretch = _stretch(position)
        found = _sought(seeker, stretch)
        with transaction.atomic(using=alias):
            return _write(seeker, position, stretch, found)
    with transaction.atomic(using=alias):
        _guard(alias)
        locked = _examinations(seeker).select_for_update(skip_locked=True)
        mine = locked.values_list("position", flat=True).first()
        if mine is None:
            return False
        stretch = _stretch(mine)
        return _write(seeker, mine, stretch, _sought(seeker, stretch))


def pass_over(seeker: Seeker) -> None:
    """Leave the next stretch unexamined: what it has wrong would hold up all that follows."""
    position = _examinations(seeker).values_list("position", flat=True).get()
    _examinations(seeker).filter(position=position).update(position=_stretch(position).through)


def recompute(
    seeker: Seeker, keys: Mapping[str, Sequence[Any]], *, is_dry: bool = False
) -> Difference:
    """Look at some rows as if they had just changed, and wait for whoever is at it."""
    alias = log.database()
    _make(seeker)
    with transaction.atomic(using=alias):
        list(_examinations(seeker).select_for_update())
        found = _sought(seeker, Stretch(through=0, keys=keys))
        difference = _kept(seeker, found)
        transaction.set_rollback(is_dry, using=alias)
    return difference


def _write(seeker: Seeker, position: int, stretch: Stretch, found: Mapping[str, Found]) -> bool:
    moved = _examinations(seeker).filter(position=position).update(position=stretch.through)
    if not moved:
        return False
    _kept(seeker, found)
    failpoints.reach("conflicts.kept")
    return True


def _kept(seeker: Seeker, found: Mapping[str, Found]) -> Difference:
    total = Difference()
    for label, each in found.items():
        total += keep(label, seeker.kinds, each.keys, each.findings)
    return total


def _sought(seeker: Seeker, stretch: Stretch) -> dict[str, Found]:
    """By model what collides; of one whose binding says nothing any more, what stands is over."""
    able = {binding.label: binding for binding in seeker.bindings()}
    found = {}
    for label, keys in stretch.keys.items():
        if (binding := able.get(label)) is not None:
            found[label] = seeker.seek(binding, keys)
        elif registry.binding_labelled(label) is not None:
            found[label] = Found(keys=keys, findings=())
    return found


def _stretch(position: int) -> Stretch:
    """What follows a position. One that the log does not have any more begins at its floor."""
    alias = log.database()
    state = log.state()
    head, floor = state.head, state.floor
    if position > head or position < floor:
        position = floor
    rows = Message.objects.using(alias).filter(
        position__gt=position, position__lte=head, type=ScheduleUpdate.type
    )
    keys: dict[str, dict[Any, None]] = {}
    count = taken = 0
    through: int = head
    for place, text in _placed(rows):
        scope, taken, through = json.loads(text), taken + 1, place
        if isinstance(label := scope.get("model"), str):
            own = keys.setdefault(label.lower(), {})
            own.update(dict.fromkeys(scope.get("surgeries", ())))
            count += len(scope.get("surgeries", ()))
        if count >= ROWS:
            break
    if taken < PAGE and count < ROWS:
        through = head
    return Stretch(through=through, keys={label: list(own) for label, own in keys.items()})


def _placed(rows: QuerySet[Message]) -> Iterator[tuple[int, str]]:
    for place, text in rows.order_by("position").values_list("position", "scope")[:PAGE]:
        if place is not None:
            yield place, text


def _examinations(seeker: Seeker) -> Any:
    return Examination.objects.using(log.database()).filter(name=seeker.name).order_by()


def _make(seeker: Seeker) -> None:
    if not _examinations(seeker).exists():
        row = Examination(name=seeker.name)
        Examination.objects.using(log.database()).bulk_create([row], ignore_conflicts=True)


def _head() -> int:
    return (
        Log.objects.using(log.database()).values_list("head", flat=True).filter(pk=1).first() or 0
    )


def _guard(alias: str) -> None:
    with connections[alias].cursor() as cursor:
        cursor.execute(
            f"SELECT {', '.join(['set_config(%s, %s, true)'] * len(_GUARDS))}",
            [word for pair in _GUARDS.items() for word in pair],
        )
