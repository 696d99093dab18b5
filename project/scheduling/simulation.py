"""Moves the day along, one plausible step at a time, as the people of a hospital would."""

import random
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from . import day, seed
from .models import Surgery

Status = Surgery.Status
Changes = dict[str, Any]

PROPOSALS = 30
"""How many moves are thought of before a step gives up: nearly always one of the first fits."""


@transaction.atomic
def step(rng: random.Random) -> Surgery | None:
    """Changes one of today's surgeries, and returns it; None when nothing plausible was found."""
    today = timezone.localdate()
    moment = seed.hospital_clock(today)
    surgeries: list[Surgery] = list(
        Surgery.objects.filter(day.during(today)).exclude(status=Status.CANCELLED)
    )
    rng.shuffle(surgeries)
    deeds = [advance, move] if rng.random() < 0.4 else [move, advance]
    for deed in deeds:
        for surgery in surgeries:
            if changes := deed(surgery, surgeries, moment, rng):
                for name, value in changes.items():
                    setattr(surgery, name, value)
                surgery.save(update_fields=list(changes))
                return surgery
    return None


def advance(
    surgery: Surgery, surgeries: Iterable[Surgery], moment: datetime, rng: random.Random
) -> Changes:
    """The next status, once its time has come and the room is free for it."""
    match surgery.status:
        case Status.SCHEDULED if surgery.start_time <= moment + timedelta(minutes=30):
            return {"status": Status.PRE_OP}
        case Status.PRE_OP if surgery.start_time <= moment and room_is_free(surgery, surgeries):
            return {"status": Status.IN_PROGRESS}
        case Status.IN_PROGRESS if surgery.end_time <= moment + timedelta(minutes=10):
            return {"status": Status.CLOSING}
        case Status.CLOSING if surgery.end_time <= moment:
            return {"status": Status.CLEANING}
        case Status.CLEANING:
            return {"status": Status.DONE}
        case _:
            return {}


def room_is_free(surgery: Surgery, surgeries: Iterable[Surgery]) -> bool:
    busy = {Status.IN_PROGRESS, Status.CLOSING, Status.CLEANING}
    return not any(other.room_id == surgery.room_id and other.status in busy for other in surgeries)


def move(
    surgery: Surgery, surgeries: Iterable[Surgery], moment: datetime, rng: random.Random
) -> Changes:
    """Another time or another room for what has not begun, a later or earlier end for what runs."""
    rooms = sorted({other.room_id for other in surgeries})
    others = [other for other in surgeries if other.pk != surgery.pk]
    for _ in range(PROPOSALS):
        changes = proposal(surgery, rooms, rng)
        if changes and is_plausible(surgery, changes, others, moment):
            return changes
    return {}


def proposal(surgery: Surgery, rooms: list[int], rng: random.Random) -> Changes:
    shift = seed.STEP * rng.choice([-9, -6, -4, -3, -2, -1, 1, 2, 3, 4, 6, 9])
    match surgery.status:
        case Status.SCHEDULED if rng.random() < 0.25:
            return {"room_id": rng.choice([room for room in rooms if room != surgery.room_id])}
        case Status.SCHEDULED:
            return {
                "start_time": surgery.start_time + shift,
                "end_time": surgery.end_time + shift,
            }
        case Status.IN_PROGRESS if abs(shift) <= timedelta(minutes=15):
            return {"end_time": surgery.end_time + shift}
        case _:
            return {}


def is_plausible(
    surgery: Surgery, changes: Changes, others: Iterable[Surgery], moment: datetime
) -> bool:
    """Whether it stays ahead of the clock, within the day, and out of everybody's way."""
    start = changes.get("start_time", surgery.start_time)
    end = changes.get("end_time", surgery.end_time)
    room_id = changes.get("room_id", surgery.room_id)
    opens, closes = day.opening_hours(timezone.localdate(moment))
    if "end_time" in changes and not moment < (start if "start_time" in changes else end):
        return False
    if start < opens or end > closes:
        return False
    team = {surgery.surgeon_id, surgery.anaesthetist_id} - {None}
    for other in others:
        if other.room_id == room_id and overlap(other, start, end, seed.TURNOVER):
            return False
        shared = team & {other.surgeon_id, other.anaesthetist_id}
        if shared and overlap(other, start, end, timedelta(0)):
            return False
    return True


def overlap(other: Surgery, start: datetime, end: datetime, pause: timedelta) -> bool:
    return other.start_time < end + pause and start < other.end_time + pause
