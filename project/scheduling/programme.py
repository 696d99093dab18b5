"""A day's programme as an optimiser sees it: who is where from which minute to which, and its cost."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import combinations

from . import day, seed
from .models import OperatingRoom, Surgery

Status, Priority = Surgery.Status, Surgery.Priority

TURNOVER = seed.TURNOVER // timedelta(minutes=1)

WEIGHTS = {Priority.EMERGENCY: 20, Priority.URGENT: 5, Priority.ELECTIVE: 1}
"""What a minute of waiting costs, by how urgent a surgery is."""

LAST_MINUTE = 10
"""What each minute costs until the last surgery is over."""

OVERTIME = 30
"""What each minute of a surgery costs that lies behind closing time."""

OTHER_ROOM = 60
"""What it costs to operate in another room than was planned: the tables have to be carried."""

OVERLAP = 10_000
"""What each minute costs in which a room or a person is wanted twice: more than any waiting."""


@dataclass(frozen=True, kw_only=True)
class Slot:
    """A surgery's place. `start` and `end` are minutes since the day began."""

    pk: int
    room: int
    start: int
    end: int
    staff: frozenset[int]
    priority: str
    is_fixed: bool

    @property
    def minutes(self) -> int:
        return self.end - self.start


@dataclass(frozen=True, kw_only=True)
class Programme:
    """The slots of a day, with its rooms and when they open and close, in minutes likewise."""

    begins: datetime
    rooms: tuple[int, ...]
    opens: int
    closes: int
    earliest: int
    slots: tuple[Slot, ...]

    @property
    def movable(self) -> list[Slot]:
        return [slot for slot in self.slots if not slot.is_fixed]

    def moment(self, minute: int) -> datetime:
        return self.begins + timedelta(minutes=minute)

    def minute(self, moment: datetime) -> int:
        return (moment - self.begins) // timedelta(minutes=1)

    def with_slots(self, slots: Iterable[Slot]) -> "Programme":
        """The same day with these in place of the slots of the same surgeries."""
        changed = {slot.pk: slot for slot in slots}
        return replace(self, slots=tuple(changed.get(slot.pk, slot) for slot in self.slots))

    def cost(self, planned: "Programme | None" = None) -> int:
        """What the day costs; `planned` is what the rooms are compared with, by default this."""
        rooms = {slot.pk: slot.room for slot in (planned or self).slots}
        movable = self.movable
        waiting = sum(WEIGHTS[Priority(slot.priority)] * slot.start for slot in movable)
        late = sum(max(0, slot.end - self.closes) for slot in movable)
        carried = sum(slot.room != rooms[slot.pk] for slot in movable)
        last = max((slot.end for slot in self.slots), default=0)
        doubled = sum(overlap_of(*pair) for pair in self.collisions())
        return (
            waiting + OVERTIME * late + OTHER_ROOM * carried + LAST_MINUTE * last
        ) + OVERLAP * doubled

    def collisions(self) -> Iterator[tuple[Slot, Slot]]:
        """Every two surgeries that want a room or a person at once, turnover included."""
        return (pair for pair in combinations(self.slots, 2) if overlap_of(*pair))


def overlap_of(one: Slot, other: Slot) -> int:
    """So many minutes two surgeries are in each other's way."""
    pause = TURNOVER if one.room == other.room else 0
    if one.room != other.room and not one.staff & other.staff:
        return 0
    return max(0, min(one.end, other.end) + pause - max(one.start, other.start))


def read(today: date, surgeries: Sequence[Surgery], now: datetime) -> Programme:
    """The day's programme. What has begun by `now`, or is under way or done, is fixed."""
    begins = day.at(today, time.min).astimezone(UTC)
    opens, closes = day.opening_hours(today)
    minute = timedelta(minutes=1)
    slots = [
        Slot(
            pk=surgery.pk,
            room=surgery.room_id,
            start=(surgery.start_time - begins) // minute,
            end=-((begins - surgery.end_time) // minute),
            staff=staff_of(surgery),
            priority=surgery.priority,
            is_fixed=surgery.status != Status.SCHEDULED or surgery.start_time <= now,
        )
        for surgery in surgeries
        if surgery.status != Status.CANCELLED
    ]
    slots.sort(key=lambda slot: slot.pk)
    return Programme(
        begins=begins,
        rooms=tuple(OperatingRoom.objects.order_by("pk").values_list("pk", flat=True)),
        opens=(opens - begins) // minute,
        closes=(closes - begins) // minute,
        earliest=max((opens - begins) // minute, -((begins - now) // minute)),
        slots=tuple(slots),
    )


def staff_of(surgery: Surgery) -> frozenset[int]:
    return frozenset(
        key for key in (surgery.surgeon_id, surgery.anaesthetist_id) if key is not None
    )
