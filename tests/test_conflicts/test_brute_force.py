"""Random days against a check of every two surgeries: the same conflicts, opened and resolved."""

import datetime as dt
import os
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scheduler_realtime import log, standing
from scheduler_realtime.testing import muted
from tests.hosts.bound import binder
from tests.hosts.models import Operation, Room
from tests.test_conflicts.conftest import Heard

DAYS = int(os.environ.get("CONFLICT_DAYS", "150"))

BASE = dt.datetime(2031, 10, 25, 16, tzinfo=dt.UTC)
"""A night on which the clocks of Vienna are put back."""

STATUS = ["planned", "planned", "planned", "off"]
TURNOVER = 15

PEOPLE, ROOMS = range(3), range(2)

row = st.fixed_dictionaries(
    {
        "room": st.sampled_from([*ROOMS, None]),
        "start": st.integers(0, 120).map(lambda step: step * 10),
        "minutes": st.sampled_from([-20, 0, 10, 30, 60, 100, 24 * 60, 8 * 24 * 60, None]),
        "lead": st.sampled_from([*PEOPLE, None, None]),
        "deputy": st.sampled_from([*PEOPLE, None, None]),
        "team": st.sets(st.sampled_from(PEOPLE), max_size=1),
        "patient": st.sampled_from(["", "", "p", "q"]),
        "status": st.sampled_from(STATUS),
    }
)
change = st.tuples(st.integers(0, 7), st.one_of(row, st.none()))
"""A row by its number becomes another one, or is deleted."""

days = st.tuples(
    st.lists(row, min_size=2, max_size=8), st.lists(st.lists(change, max_size=3), max_size=3)
)

Facts = dict[str, Any]


def expected(rows: dict[int, Facts]) -> set[tuple[str, int, int]]:
    """Every two, kind by kind, as the README says it."""
    return {
        (kind, *sorted((one, other)))
        for one, other in combinations(rows, 2)
        for kind in kinds(rows[one], rows[other])
    }  # type: ignore[misc]


def kinds(one: Facts, other: Facts) -> Iterator[str]:
    if not (counts(one) and counts(other)):
        return
    first, second = sorted((one, other), key=lambda facts: facts["start"])
    gap = second["start"] - first["start"] - first["minutes"]
    if one["room"] is not None and one["room"] == other["room"]:
        if gap < 0:
            yield "room_overlap"
        elif gap < TURNOVER:
            yield "turnover"
    if gap < 0 and people(one) & people(other):
        yield "staff_overlap"
    if gap < 0 and one["patient"] and one["patient"] == other["patient"]:
        yield "patient_overlap"


def counts(facts: Facts) -> bool:
    minutes = facts["minutes"]
    return facts["status"] != "off" and minutes is not None and 0 < minutes <= 7 * 24 * 60


def people(facts: Facts) -> set[int]:
    return {facts["lead"], facts["deputy"], *facts["team"]} - {None}


class Hospital:
    """Writes facts as operations, by one way of writing or another."""

    def __init__(self) -> None:
        self.rooms = [Room.objects.create(name=str(number)) for number in ROOMS]
        self.people = [User.objects.create(username=f"p{number}") for number in PEOPLE]
        self.facts: dict[int, Facts] = {}

    def add(self, facts: Facts) -> None:
        operation = Operation.objects.create(**self._columns(facts))
        operation.team.set([self.people[number] for number in facts["team"]])
        self.facts[operation.pk] = facts

    def change(self, number: int, facts: Facts | None) -> None:
        if not self.facts:
            return
        key = list(self.facts)[number % len(self.facts)]
        if facts is None:
            Operation.objects.filter(pk=key).delete()
            del self.facts[key]
            return
        if number % 2:
            Operation.objects.filter(pk=key).update(**self._columns(facts))
        else:
            Operation(pk=key, **self._columns(facts)).save()
        Operation.plain.get(pk=key).team.set([self.people[each] for each in facts["team"]])
        self.facts[key] = facts

    def _columns(self, facts: Facts) -> Facts:
        start = BASE + dt.timedelta(minutes=facts["start"])
        minutes = facts["minutes"]
        return {
            "room": None if facts["room"] is None else self.rooms[facts["room"]],
            "start": start,
            "end": None if minutes is None else start + dt.timedelta(minutes=minutes),
            "lead": None if facts["lead"] is None else self.people[facts["lead"]],
            "deputy": None if facts["deputy"] is None else self.people[facts["deputy"]],
            "files": facts["patient"],
            "status": facts["status"],
        }


@pytest.mark.django_db
@settings(
    max_examples=DAYS,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
@given(day=days)
def test_the_same_conflicts_as_a_check_of_every_two(day: tuple[list[Facts], list[Any]]) -> None:
    with (
        muted(),
        binder() as bind,
        transaction.atomic(using=log.database()),
    ):
        bind(
            Operation,
            room="room",
            start="start",
            end="end",
            staff=["lead", "deputy", "team"],
            patient="files",
            turnover=TURNOVER,
            inactive={"status": ["off"]},
        )
        play(*day)
        transaction.set_rollback(True, using=log.database())


def play(rows: list[Facts], rounds: list[list[Any]]) -> None:
    hospital, heard = Hospital(), Heard()
    stood: set[Any] = set()
    for changes in [None, *rounds]:
        if changes is None:
            for facts in rows:
                hospital.add(facts)
        else:
            for number, facts in changes:
                hospital.change(number, facts)
        now = expected(hospital.facts)
        told = [(status, kind, *keys) for status, kind, keys in heard.said()]
        assert told == sorted(
            [("open", *each) for each in now - stood]
            + [("resolved", *each) for each in stood - now]
        )
        assert standing.conflicts().filter(status="open").count() == len(now)
        stood = now
