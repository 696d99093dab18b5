"""Fills a day with a plausible programme: the same one whenever it is asked for the same day."""

import random
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from itertools import pairwise

from django.db import transaction
from django.utils import timezone

from . import casebook, day, staff
from .models import OperatingRoom, Surgery

STEP = timedelta(minutes=5)
TURNOVER = timedelta(minutes=15)

# Between these the demo is worth looking at: something is done, something runs, something waits.
EARLIEST_CLOCK, LATEST_CLOCK = time(9, 30), time(15, 0)


def open_day(today: date) -> int:
    """Seeds `today` unless it has surgeries; returns how many it wrote.

    The logins are made sure of in any case. What already is in the database stays as it is.
    """
    with transaction.atomic():
        staff.engage()
        if Surgery.objects.filter(day.during(today)).exists():
            return 0
        return len(Surgery.objects.bulk_create(programme(today)))


def hospital_clock(today: date) -> datetime:
    """The present moment, kept within the hours in which the demo has something to show."""
    earliest, latest = day.at(today, EARLIEST_CLOCK), day.at(today, LATEST_CLOCK)
    return min(max(timezone.now(), earliest), latest)


def programme(today: date) -> list[Surgery]:
    """A whole day's surgeries, not saved yet; their rooms and people are.

    No room holds two surgeries at once, and nobody is wanted in two places.
    """
    rng = random.Random(today.toordinal())  # noqa: S311 - a plausible day, not a secret
    patients = iter(rng.sample(casebook.PATIENTS, len(casebook.PATIENTS)))
    return [surgery for team in casebook.TEAMS for surgery in team_day(team, today, rng, patients)]


def team_day(
    team: casebook.Team, today: date, rng: random.Random, patients: Iterator[str]
) -> Iterator[Surgery]:
    """One room's day. Its people work nowhere else, so that none can be wanted in two places."""
    room, _ = OperatingRoom.objects.get_or_create(
        name=team.room,
        defaults={
            "specialty": team.specialty,
            "turnover_minutes": TURNOVER // timedelta(minutes=1),
        },
    )
    surgeons = [staff.person(*surgeon) for surgeon in team.surgeons]
    anaesthetist = staff.person(*team.anaesthetist)
    procedures = rng.sample(team.procedures, len(team.procedures))
    starts = start_times([minutes for _, minutes in procedures], today, rng)
    for (procedure, minutes), start in zip(procedures, starts, strict=True):
        end = start + timedelta(minutes=minutes)
        patient = next(patients)
        yield Surgery(
            room=room,
            surgeon=rng.choice(surgeons),
            anaesthetist=anaesthetist,
            patient_name=patient,
            patient_number=f"P{casebook.PATIENTS.index(patient):05}",
            surgery_type=procedure,
            priority=priority(team, rng),
            status=status_at(hospital_clock(today), start, end),
            start_time=start,
            end_time=end,
            notes=rng.choice(casebook.NOTES) if rng.random() < 0.3 else "",
        )


def start_times(durations: list[int], today: date, rng: random.Random) -> list[datetime]:
    """Starts in order, with the slack of the day spread at random between the surgeries."""
    opens, closes = day.opening_hours(today)
    busy = timedelta(minutes=sum(durations)) + TURNOVER * (len(durations) - 1)
    slack = (closes - opens - busy) // STEP
    cuts = [0, *sorted(rng.randint(0, slack) for _ in durations)]
    starts, free_at = [], opens
    for minutes, (earlier, later) in zip(durations, pairwise(cuts), strict=True):
        start = free_at + STEP * (later - earlier)
        starts.append(start)
        free_at = start + timedelta(minutes=minutes) + TURNOVER
    return starts


def priority(team: casebook.Team, rng: random.Random) -> Surgery.Priority:
    if team.specialty != "Trauma":
        return Surgery.Priority.URGENT if rng.random() < 0.15 else Surgery.Priority.ELECTIVE
    return rng.choice([Surgery.Priority.EMERGENCY, Surgery.Priority.URGENT])


def status_at(moment: datetime, start: datetime, end: datetime) -> Surgery.Status:
    """How far a surgery is that keeps to its times."""
    stages = [
        (end, Surgery.Status.DONE),
        (end - timedelta(minutes=10), Surgery.Status.CLOSING),
        (start, Surgery.Status.IN_PROGRESS),
        (start - timedelta(minutes=30), Surgery.Status.PRE_OP),
    ]
    for since, status in stages:
        if moment >= since:
            return status
    return Surgery.Status.SCHEDULED
