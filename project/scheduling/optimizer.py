"""Optimises a day's programme by OR-Tools' CP-SAT, and writes what it found as a user would."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from importlib.util import find_spec
from typing import Any

from django.db import transaction
from django.utils import timezone

from scheduler_realtime import OptimizationFailed, acting_as, cp_sat_solve

from . import day, programme, seed
from .models import Surgery
from .programme import Programme, Slot

STEP = 5
"""Minutes between two times at which a surgery may be put."""

SECONDS, MOST_SECONDS = 10.0, 120.0

WORKERS = 2
"""Threads of the solver: the server's sockets want some of the machine too."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a day. `left_alone`: moves that were not made, since somebody came first."""

    cost_before: int
    cost_after: int
    moved: int
    left_alone: int

    def figures(self) -> dict[str, int]:
        return vars(self).copy()


def is_available() -> bool:
    return find_spec("ortools") is not None


def now_on(today: date) -> datetime:
    """The moment up to which that day is past: the demo keeps to its own clock."""
    return seed.hospital_clock(today) if today == timezone.localdate() else timezone.now()


def optimize(run: Any, today: date, user: Any, seconds: float = SECONDS) -> Outcome | None:
    """Optimises the day inside of a tracked run; None where that was stopped, and nothing written.

    Surgeries that somebody changed meanwhile stay as they are, and so does what would collide
    with them.
    """
    before = programme.read(today, _surgeries(today), now_on(today))
    after = solve(run, before, seconds)
    if after is None or run.cancelled:
        return None
    with acting_as(user), transaction.atomic():
        outcome = write(before, after, today)
    run.update(score=outcome.cost_after, best=outcome.cost_after, metrics=outcome.figures())
    return outcome


def _surgeries(today: date, *, for_update: bool = False) -> list[Surgery]:
    found = Surgery.objects.filter(day.during(today)).order_by("pk")
    return list(found.select_for_update() if for_update else found)


def solve(run: Any, before: Programme, seconds: float) -> Programme | None:
    """The best programme that was found; None where the run was stopped before there was one."""
    from ortools.sat.python import cp_model

    if not before.movable:
        return before
    model = _Model(before)
    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds = seconds
    solver.parameters.num_workers = WORKERS
    status = cp_sat_solve(run, solver, model.model)
    if status in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return model.programme(solver)
    if run.cancelled:
        return None
    raise OptimizationFailed("No programme was found in which nobody is wanted twice.")


class _Model:
    """The day in CP-SAT's words: an interval for each surgery in each room, and for its people."""

    def __init__(self, before: Programme) -> None:
        from ortools.sat.python import cp_model

        self._before = before
        self._cp = cp_model
        self.model = cp_model.CpModel()
        self._starts: dict[int, Any] = {}
        self._chosen: dict[tuple[int, int], Any] = {}
        self._in_room: dict[int, list[Any]] = defaultdict(list)
        self._of_person: dict[int, list[Any]] = defaultdict(list)
        self._terms: list[Any] = []
        # Whatever is in its way, everything fits one behind the other.
        self._horizon = max(before.closes, *(slot.end for slot in before.slots)) + sum(
            slot.minutes + programme.TURNOVER for slot in before.movable
        )
        for slot in before.movable:
            self._add(slot)
        self._add_fixed()
        for intervals in (*self._in_room.values(), *self._of_person.values()):
            self.model.add_no_overlap(intervals)
        self._add_cost()

    def _add(self, slot: Slot) -> None:
        model, before = self.model, self._before
        first = -(-before.earliest // STEP) * STEP
        times = {*range(first, self._horizon - slot.minutes, STEP), slot.start}
        start = model.new_int_var_from_domain(
            self._cp.Domain.from_values(sorted(times)), f"start {slot.pk}"
        )
        model.add_hint(start, slot.start)
        self._starts[slot.pk] = start
        for room in before.rooms:
            here = model.new_bool_var(f"{slot.pk} in {room}")
            model.add_hint(here, room == slot.room)
            self._chosen[slot.pk, room] = here
            self._in_room[room].append(
                model.new_optional_fixed_size_interval_var(
                    start, slot.minutes + programme.TURNOVER, here, f"{slot.pk} takes {room}"
                )
            )
        model.add_exactly_one(self._chosen[slot.pk, room] for room in before.rooms)
        for person in slot.staff:
            self._of_person[person].append(
                model.new_fixed_size_interval_var(start, slot.minutes, f"{slot.pk} takes {person}")
            )
        self._terms.append(programme.WEIGHTS[Surgery.Priority(slot.priority)] * start)
        self._terms.append(programme.OTHER_ROOM * (1 - self._chosen[slot.pk, slot.room]))

    def _add_fixed(self) -> None:
        rooms: dict[int, list[tuple[int, int]]] = defaultdict(list)
        people: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for slot in self._before.slots:
            if slot.is_fixed:
                rooms[slot.room].append((slot.start, slot.end + programme.TURNOVER))
                for person in slot.staff:
                    people[person].append((slot.start, slot.end))
        for taken, intervals in ((rooms, self._in_room), (people, self._of_person)):
            for key, times in taken.items():
                intervals[key] += [
                    self.model.new_fixed_size_interval_var(start, end - start, f"fixed {key}")
                    for start, end in merged(times)
                ]

    def _add_cost(self) -> None:
        model, before = self.model, self._before
        fixed = max((slot.end for slot in before.slots if slot.is_fixed), default=0)
        last = model.new_int_var(fixed, self._horizon, "last")
        for slot in before.movable:
            end = self._starts[slot.pk] + slot.minutes
            late = model.new_int_var(0, self._horizon, f"late {slot.pk}")
            model.add(late >= end - before.closes)
            model.add(last >= end)
            self._terms.append(programme.OVERTIME * late)
        model.minimize(sum(self._terms) + programme.LAST_MINUTE * last)

    def programme(self, solver: Any) -> Programme:
        """What the solver found."""
        return self._before.with_slots(
            Slot(
                **vars(slot)
                | {
                    "room": next(
                        room
                        for room in self._before.rooms
                        if solver.boolean_value(self._chosen[slot.pk, room])
                    ),
                    "start": (start := int(solver.value(self._starts[slot.pk]))),
                    "end": start + slot.minutes,
                }
            )
            for slot in self._before.movable
        )


def merged(times: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The times as they are taken, however many take them: what runs cannot be unwound."""
    result: list[tuple[int, int]] = []
    for start, end in sorted(times):
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(end, result[-1][1]))
        else:
            result.append((start, end))
    return result


def write(before: Programme, after: Programme, today: date) -> Outcome:
    """Moves what is still as it was read, where nothing is in its way now. In a transaction."""
    rows = {surgery.pk: surgery for surgery in _surgeries(today, for_update=True)}
    present = programme.read(today, list(rows.values()), now_on(today))
    as_read = {slot.pk: slot for slot in before.slots}
    untouched = {slot.pk for slot in present.slots if slot == as_read.get(slot.pk)}
    wanted = [slot for slot in after.slots if slot != as_read[slot.pk]]
    moves = settled(present, [slot for slot in wanted if slot.pk in untouched])
    for slot in moves:
        surgery = rows[slot.pk]
        length = surgery.end_time - surgery.start_time
        surgery.room_id = slot.room
        surgery.start_time = present.moment(slot.start)
        surgery.end_time = surgery.start_time + length
        surgery.save(update_fields=["room", "start_time", "end_time"])
    return Outcome(
        cost_before=present.cost(),
        cost_after=present.with_slots(moves).cost(present),
        moved=len(moves),
        left_alone=len(wanted) - len(moves),
    )


def settled(present: Programme, moves: list[Slot]) -> list[Slot]:
    """Those of the moves that are in nobody's way, as the day is now: one that is is not made."""
    while True:
        moving = {slot.pk for slot in moves}
        collisions = present.with_slots(moves).collisions()
        bad = moving & {slot.pk for pair in collisions for slot in pair}
        if not bad:
            return moves
        moves = [slot for slot in moves if slot.pk not in bad]
