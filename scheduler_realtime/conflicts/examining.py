"""Examining: a step along the log, whose changes are looked at once, whoever is killed meanwhile."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from django.db import connections, transaction
from django.db.models import Q, QuerySet

from scheduler_realtime import failpoints, log, registry
from scheduler_realtime.messages import RESYNC, ScheduleUpdate
from scheduler_realtime.models import Examination, Log, Message
from scheduler_realtime.wire import dumps

from .keeping import Difference, keep
from .seeking import Found, Seeker
from .sweeping import BEGINNING, part

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

Outlook = Literal["level", "behind", "sweeping"]


@dataclass(frozen=True, kw_only=True)
class Place:
    """How far was examined: the position, and a sweep as it is written down, or None."""

    position: int
    sweep: str | None


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """A part of the log, or of a sweep: the rows by model, and how far was examined with them."""

    through: Place
    keys: Mapping[str, Sequence[Any]]


def outlook(seeker: Seeker) -> Outlook:
    """What there is to do: something of the log, or only a sweep, which is in no hurry."""
    place = _place(_examinations(seeker))
    if place is None or place.position != _head():
        return "behind"
    return "level" if place.sweep is None else "sweeping"


def is_behind(seeker: Seeker) -> bool:
    """Whether the log goes further than it was examined, or a sweep does."""
    return outlook(seeker) != "level"


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
        place = _place(_examinations(seeker))
        if place is None:
            return False
        stretch = _stretch(seeker, place)
        found = _sought(seeker, stretch)
        with transaction.atomic(using=alias):
            return _write(seeker, place, stretch, found)
    with transaction.atomic(using=alias):
        _guard(alias)
        mine = _place(_examinations(seeker).select_for_update(skip_locked=True))
        if mine is None:
            return False
        stretch = _stretch(seeker, mine)
        return _write(seeker, mine, stretch, _sought(seeker, stretch))


def pass_over(seeker: Seeker) -> None:
    """Leave the next stretch unexamined: what it has wrong would hold up all that follows."""
    place = _place(_examinations(seeker))
    if place is not None:
        _move(seeker, place, _stretch(seeker, place).through)


def recompute(
    seeker: Seeker, keys: Mapping[str, Sequence[Any]], *, is_dry: bool = False
) -> Difference:
    """Look at some rows as if they had just changed, and wait for whoever is at it."""
    alias = log.database()
    _make(seeker)
    with transaction.atomic(using=alias):
        list(_examinations(seeker).select_for_update())
        found = _sought(seeker, Stretch(through=Place(position=0, sweep=None), keys=keys))
        difference = _kept(seeker, found)
        transaction.set_rollback(is_dry, using=alias)
    return difference


def _move(seeker: Seeker, was: Place, through: Place) -> bool:
    """Stand further on; whether nobody else has been there since."""
    here = Q(position=was.position, sweep=was.sweep)
    if was.sweep is None:
        here = Q(position=was.position, sweep__isnull=True)
    rows = _examinations(seeker).filter(here)
    return bool(rows.update(position=through.position, sweep=through.sweep))


def _write(seeker: Seeker, was: Place, stretch: Stretch, found: Mapping[str, Found]) -> bool:
    if not _move(seeker, was, stretch.through):
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


def _stretch(seeker: Seeker, place: Place) -> Stretch:
    """What follows a place. One that the log does not have any more begins at its floor.

    Then, and where everyone was told to read afresh, nobody can say what has changed: all that
    has not ended is looked at, whenever nothing else is to be.
    """
    position, sweep = place.position, place.sweep
    state = log.state()
    head, floor = state.head, state.floor
    if position > head or position < floor:
        position, sweep = floor, dumps(BEGINNING)
    through, keys, is_unknown = _changed(position, head)
    if is_unknown:
        sweep = dumps(BEGINNING)
    elif sweep is not None and not any(keys.values()):
        keys, got_to = part(seeker, json.loads(sweep))
        sweep = None if got_to is None else dumps(got_to)
    return Stretch(through=Place(position=through, sweep=sweep), keys=keys)


def _changed(position: int, head: int) -> tuple[int, dict[str, list[Any]], bool]:
    """Up to where was read, which rows changed, by model, and whether others did that none names."""
    rows = Message.objects.using(log.database()).filter(
        position__gt=position, position__lte=head, type__in=(ScheduleUpdate.type, RESYNC)
    )
    keys: dict[str, dict[Any, None]] = {}
    count = taken = 0
    through, is_unknown = head, False
    for place, type_, text in _placed(rows):
        scope, taken, through = json.loads(text), taken + 1, place
        is_unknown |= type_ == RESYNC
        if isinstance(label := scope.get("model"), str):
            own = keys.setdefault(label.lower(), {})
            own.update(dict.fromkeys(scope.get("surgeries", ())))
            count += len(scope.get("surgeries", ()))
        if count >= ROWS:
            break
    if taken < PAGE and count < ROWS:
        through = head
    return through, {label: list(own) for label, own in keys.items()}, is_unknown


def _placed(rows: QuerySet[Message]) -> Iterator[tuple[int, str, str]]:
    read = rows.order_by("position").values_list("position", "type", "scope")
    for place, type_, text in read[:PAGE]:
        if place is not None:
            yield place, type_, text


def _place(rows: Any) -> Place | None:
    found = rows.values_list("position", "sweep").first()
    return None if found is None else Place(position=found[0], sweep=found[1])


def _examinations(seeker: Seeker) -> Any:
    return Examination.objects.using(log.database()).filter(name=seeker.name).order_by()


def _make(seeker: Seeker) -> None:
    if not _examinations(seeker).exists():
        row = Examination(name=seeker.name, sweep=dumps(BEGINNING))
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
