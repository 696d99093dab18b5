"""Surgeries of one day that may collide, and what is told of it."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from project.scheduling.models import OperatingRoom, Surgery
from scheduler_realtime import log
from scheduler_realtime.testing import pump

DAY = dt.datetime(2031, 3, 10, 8, tzinfo=dt.UTC)

Plan = Callable[..., Surgery]


def at(hours: float) -> dt.datetime:
    return DAY + dt.timedelta(hours=hours)


class Heard:
    """The conflict notifications since the last look, as `(status, type, keys)`."""

    def __init__(self, *, since_ever: bool = False) -> None:
        self._position = 0
        if not since_ever:
            self.data()

    def data(self) -> list[dict[str, Any]]:
        pump()
        found = []
        while rows := log.read_after(self._position).rows:
            self._position = rows[-1].position
            found += [row.data for row in rows if row.type == "conflict_notification"]
        return found

    def said(self) -> list[tuple[str, str, list[int]]]:
        return sorted(
            (each["status"], each["conflict_type"], sorted(each["affected_surgeries"]))
            for each in self.data()
        )


@pytest.fixture(autouse=True)
def _conflicts_are_found(settings: Any) -> None:
    settings.SCHEDULER_REALTIME = {"CONFLICTS": True}


@pytest.fixture
def rooms(db: None) -> list[OperatingRoom]:
    return [OperatingRoom.objects.create(name=f"OR {n}", turnover_minutes=15) for n in (1, 2)]


@pytest.fixture
def plan(rooms: list[OperatingRoom]) -> Plan:
    """`plan(0, 8, 9)`: a surgery in the first room from 8 to 9 h after the day began; of its own people."""
    count = iter(range(1, 1000))

    def make(room: int, start: float, end: float, **fields: Any) -> Surgery:
        number = next(count)
        if "surgeon" not in fields:
            fields["surgeon"] = User.objects.create(username=f"surgeon-{number}")
        return Surgery.objects.create(
            room=rooms[room],
            start_time=at(start),
            end_time=at(end),
            patient_name=f"Patient {number}",
            surgery_type="Hip",
            **fields,
        )

    return make
