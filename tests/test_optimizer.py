"""The demo's optimiser: what it may move, what it must not, and what it finds changed meanwhile."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.utils import timezone

from project.scheduling import day, optimizer, programme
from project.scheduling.models import OperatingRoom, Surgery
from scheduler_realtime import track_optimization

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_only]

TOMORROW = timezone.localdate() + timedelta(days=1)
SCHEDULED, RUNS, GONE = "scheduled", "in_progress", "cancelled"

Book = Callable[..., Surgery]


@pytest.fixture
def rooms() -> list[OperatingRoom]:
    return [OperatingRoom.objects.create(name=f"OR {number}") for number in (1, 2)]


@pytest.fixture
def people() -> list[User]:
    return [User.objects.create(username=f"dr{number}") for number in range(4)]


@pytest.fixture
def book(rooms: list[OperatingRoom], people: list[User]) -> Book:
    """`book(60, 45, room=1, surgeon=2)`: minutes after opening, and how many."""

    def booked(
        start: int, minutes: int, *, room: int = 0, surgeon: int = 0, **facts: Any
    ) -> Surgery:
        begin = opens() + timedelta(minutes=start)
        given: dict[str, Any] = {
            "room": rooms[room],
            "surgeon": people[surgeon],
            "start_time": begin,
            "end_time": begin + timedelta(minutes=minutes),
        }
        return Surgery.objects.create(**given | facts)

    return booked


def opens() -> datetime:
    return day.opening_hours(TOMORROW)[0]


def read(today: date = TOMORROW) -> programme.Programme:
    surgeries = list(Surgery.objects.order_by("pk"))
    return programme.read(today, surgeries, optimizer.now_on(today))


def optimize(seconds: float = 5) -> optimizer.Outcome:
    with track_optimization() as run:
        outcome = optimizer.optimize(run, TOMORROW, None, seconds)
    assert outcome is not None
    return outcome


def place(surgery: Surgery) -> tuple[int, datetime, datetime]:
    surgery.refresh_from_db()
    return surgery.room_id, surgery.start_time, surgery.end_time


def clashes() -> list[tuple[int, int]]:
    """By the rules themselves."""
    rows = list(Surgery.objects.exclude(status=GONE).order_by("pk"))
    return [
        (one.pk, other.pk)
        for number, one in enumerate(rows)
        for other in rows[number + 1 :]
        for pause in [timedelta(minutes=15 if one.room_id == other.room_id else 0)]
        if (pause or programme.staff_of(one) & programme.staff_of(other))
        and one.start_time < other.end_time + pause
        and other.start_time < one.end_time + pause
    ]


def test_what_collides_is_parted_and_the_day_costs_less(book: Book) -> None:
    for start, room, surgeon in [(0, 0, 0), (30, 0, 1), (40, 1, 0), (45, 1, 2), (400, 1, 3)]:
        book(start, 60, room=room, surgeon=surgeon)

    outcome = optimize()

    assert clashes() == []
    assert outcome.cost_after < outcome.cost_before
    assert outcome.moved > 0


def test_what_runs_is_done_or_cancelled_stays_and_only_the_latter_is_in_nobodys_way(
    book: Book,
) -> None:
    running = [book(0, 60, status=RUNS), book(30, 60, status=RUNS), book(100, 60, status="done")]
    cancelled = book(0, 600, room=1, status=GONE)
    before = [place(each) for each in (*running, cancelled)]
    waiting = book(20, 60, surgeon=1)

    optimize()

    assert [place(each) for each in (*running, cancelled)] == before
    assert not [pair for pair in clashes() if waiting.pk in pair]


def test_an_emergency_comes_before_what_can_wait(book: Book, rooms: list[OperatingRoom]) -> None:
    rooms[1].delete()
    elective = book(0, 60)
    emergency = book(75, 60, surgeon=1, priority="emergency")

    optimize()

    assert place(emergency)[1] == opens()
    assert place(elective)[1] == opens() + timedelta(minutes=75)


def test_a_day_that_is_as_good_as_can_be_is_left_as_it_is(book: Book) -> None:
    surgery = book(0, 60)
    before = place(surgery)

    outcome = optimize()

    assert (outcome.moved, outcome.cost_after) == (0, outcome.cost_before)
    assert place(surgery) == before


def test_a_day_on_which_nothing_can_be_moved_ends_at_once(book: Book) -> None:
    book(0, 60, status=RUNS)

    assert optimize(60).moved == 0


def test_seconds_and_lengths_survive_a_move(book: Book) -> None:
    book(0, 60, status=RUNS)
    surgery = book(10, 45)
    Surgery.objects.filter(pk=surgery.pk).update(
        start_time=surgery.start_time + timedelta(seconds=20),
        end_time=surgery.end_time + timedelta(seconds=50),
    )

    optimize()

    _, start, end = place(surgery)
    assert end - start == timedelta(minutes=45, seconds=30)
    assert clashes() == []


def test_what_somebody_changed_meanwhile_is_left_alone_and_so_is_what_would_collide(
    book: Book,
) -> None:
    changed, other, free = (
        book(0, 60),
        book(30, 60, surgeon=1),
        book(300, 60, room=1, surgeon=2),
    )
    before = read()
    starts = {changed.pk: 400, other.pk: 0, free.pk: 0}
    opened = before.opens
    after = before.with_slots(
        programme.Slot(
            **vars(slot)
            | {"start": opened + starts[slot.pk], "end": opened + starts[slot.pk] + slot.minutes}
        )
        for slot in before.slots
    )
    Surgery.objects.filter(pk=changed.pk).update(end_time=changed.end_time + timedelta(minutes=5))
    kept, stood = place(changed), place(other)

    outcome = optimizer.write(before, after, TOMORROW)

    assert (outcome.moved, outcome.left_alone) == (1, 2)
    assert place(changed) == kept
    assert place(other) == stood
    assert place(free)[1] == opens()


def test_a_run_that_is_stopped_writes_nothing(book: Book) -> None:
    surgery = book(300, 60)
    before = place(surgery)

    with track_optimization() as run:
        run.cancel()
        outcome = optimizer.optimize(run, TOMORROW, None, 30)

    assert outcome is None
    assert place(surgery) == before
    assert run.status == "cancelled"


@pytest.mark.django_db(transaction=True)
def test_the_command_says_what_it_did_and_what_it_cannot(book: Book) -> None:
    book(0, 60)
    book(30, 60, surgeon=1)
    words = ["--user", "dr0", "--seconds", "5", "--date"]
    out = StringIO()

    call_command("optimize", *words, str(TOMORROW), stdout=out)

    assert f"Optimising as day-{TOMORROW}-1." in out.getvalue()
    assert "1 surgeries moved, 0 left alone" in out.getvalue()
    assert clashes() == []
    for wrong in (
        ["--user", "nobody"],
        ["--user", "dr0", "--seconds", "0"],
        [*words, "2020-01-01"],
    ):
        with pytest.raises(CommandError):
            call_command("optimize", *wrong)
