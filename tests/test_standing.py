"""What stands: conflicts and runs as the tables have them, and as those may read them who may know."""

import json
from collections import OrderedDict
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F
from pytest_django import DjangoAssertNumQueries

from scheduler_realtime import (
    broadcast_conflict_notification,
    broadcast_optimization_progress,
    publish,
)
from scheduler_realtime.exceptions import InvalidMessage
from scheduler_realtime.messages import ConflictNotification
from scheduler_realtime.models import Conflict, Message, OptimizationRun
from tests.harness.desk import ask, person, read

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("unthrottled")]


def collide(conflict_id: str, status: str = "open", **facts: Any) -> None:
    given = {"conflict_type": "room", "severity": "error", "description": "d"} | facts
    broadcast_conflict_notification(conflict_id=conflict_id, status=status, **given)


def collide_at(conflict_id: str, **place: Any) -> None:
    """As a program may say it that knows where."""
    data = {"conflict_id": conflict_id, "conflict_type": "t", "severity": "info"}
    publish(ConflictNotification.checked(data | {"description": "d"} | place))


def run(optimization_id: str, status: str = "running", **facts: Any) -> None:
    given = {"progress_percentage": 5} | facts
    broadcast_optimization_progress(optimization_id=optimization_id, status=status, **given)


@pytest.fixture
def nurse() -> User:
    return person("nurse", "cancel_optimization", roles=["nurse"])


def ids(who: User, path: str) -> list[str]:
    answer = ask("GET", path, who=who)
    assert answer.status_code == 200, answer.content
    name = "conflict_id" if path.startswith("conflicts") else "optimization_id"
    return [each[name] for each in read(answer)["results"]]


# Conflicts.


def test_a_conflict_stands_from_open_to_resolved() -> None:
    collide("c", affected_surgeries=[1, "b"], suggested_actions=[{"move": 1}])
    opened = Conflict.objects.get()
    collide("c", "resolved", severity="info")
    closed = Conflict.objects.get()

    assert (opened.status, opened.resolved_at) == ("open", None)
    assert json.loads(opened.affected_surgeries) == [1, "b"]
    assert json.loads(opened.suggested_actions) == [{"move": 1}]
    assert (closed.status, closed.severity) == ("resolved", "info")
    assert closed.resolved_at is not None
    assert (closed.pk, closed.opened_at) == (opened.pk, opened.opened_at)


def test_a_conflict_told_of_again_is_the_same_with_what_is_new() -> None:
    collide("c", description="before")
    first = Conflict.objects.get()
    collide("c", description="after", roles=["nurse"])

    second = Conflict.objects.get()

    assert (second.description, second.groups) == ("after", '["role.nurse"]')
    assert second.opened_at == first.opened_at


def test_a_conflict_that_comes_back_is_open_since_then() -> None:
    collide("c")
    collide("c", "resolved")
    before = Conflict.objects.get()
    collide("c")

    after = Conflict.objects.get()

    assert (after.status, after.resolved_at) == ("open", None)
    assert after.opened_at > before.opened_at


@pytest.mark.django_db(transaction=True)
def test_a_conflict_that_is_rolled_back_never_stood() -> None:
    with transaction.atomic():
        collide("c")
        run("r")
        transaction.set_rollback(True)

    assert not Conflict.objects.exists()
    assert not OptimizationRun.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_message_and_table_are_written_together_or_not_at_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("scheduler_realtime.standing.dumps", lambda value: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        collide("c")

    assert not Message.objects.exists()


def test_what_the_tables_cannot_hold_is_refused_before() -> None:
    for call in (lambda: collide("c" * 256), lambda: run("r" * 256)):
        with pytest.raises(InvalidMessage):
            call()
    with pytest.raises(InvalidMessage):
        run("r", current_iteration=2**63)
    assert not Message.objects.exists()


def test_open_conflicts_are_read_by_those_they_are_for(nurse: User) -> None:
    collide("everybody's")
    collide("the role's", roles=["nurse"])
    collide("hers", users=[nurse])
    collide("another role's", roles=["Nurse"])
    collide("over", "resolved")
    viewer = person("viewer")

    assert ids(nurse, "conflicts") == ["hers", "the role's", "everybody's"]
    assert ids(viewer, "conflicts/") == ["everybody's"]


def test_a_conflict_is_shown_as_it_was_told(nurse: User) -> None:
    collide("c", affected_surgeries=[1, "b"], suggested_actions=["wait"], model="a.b")

    (found,) = read(ask("GET", "conflicts", who=nurse))["results"]

    assert found.pop("opened_at").endswith("Z")
    assert found == {
        "conflict_id": "c",
        "model": "a.b",
        "conflict_type": "room",
        "severity": "error",
        "description": "d",
        "affected_surgeries": [1, "b"],
        "suggested_actions": ["wait"],
        "status": "open",
    }


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["nowhere", "text", "number"]),
        ("room=7", ["nowhere", "number"]),
        ("room=OR-7", ["nowhere", "text"]),
        ("room=or-7", ["nowhere"]),
        ("date=2026-01-15", ["nowhere", "number"]),
        ("date=2026-01-16", ["nowhere", "text"]),
        ("date=2026-01-16&room=7", ["nowhere"]),
        ("date=&room=", ["nowhere", "text", "number"]),
    ],
)
def test_what_is_not_known_to_be_elsewhere_is_not_filtered_away(
    nurse: User, query: str, expected: list[str]
) -> None:
    collide_at("number", room_id=7, schedule_date="2026-01-15")
    collide_at("text", room_id="OR-7", schedule_date="2026-01-16")
    collide_at("nowhere")

    assert ids(nurse, f"conflicts?{query}") == expected


@pytest.mark.parametrize("query", ["date=tomorrow", "date=2026-02-30", "date=15.01.2026"])
def test_a_day_that_is_none_is_refused(nurse: User, query: str) -> None:
    answer = ask("GET", f"conflicts?{query}", who=nurse)

    assert (answer.status_code, set(read(answer))) == (400, {"date"})


# Runs.


def test_of_a_run_its_first_and_its_final_state_stand(
    django_assert_num_queries: DjangoAssertNumQueries, nurse: User
) -> None:
    run("r1", user_id=nurse, metrics={"swaps": 1})
    with django_assert_num_queries(0):
        run("r1", progress_percentage=50)
    first = OptimizationRun.objects.get()
    run("r1", "completed", progress_percentage=100, best_score=0.5, user_id=7)

    last = OptimizationRun.objects.get()

    assert (first.status, first.progress_percentage, first.metrics) == ("running", 5, '{"swaps":1}')
    assert (last.status, last.progress_percentage, last.best_score) == ("completed", 100, 0.5)
    assert (last.actor, last.started_at) == (str(nurse.pk), first.started_at)


def test_a_run_that_has_ended_goes_on_having_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    run("r2", "failed")
    monkeypatch.setattr("scheduler_realtime.publishing._told", OrderedDict())
    run("r2")  # the first that another process says of it, and late

    assert OptimizationRun.objects.get().status == "failed"


def test_two_processes_may_tell_of_one_run(monkeypatch: pytest.MonkeyPatch) -> None:
    run("r3", "queued")
    monkeypatch.setattr("scheduler_realtime.publishing._told", OrderedDict())
    run("r3", progress_percentage=10)

    found = OptimizationRun.objects.get()

    assert (found.status, found.progress_percentage) == ("running", 10)


def test_runs_are_read_by_those_they_are_for_the_last_one_first(nurse: User) -> None:
    run("first")
    run("second", "completed", roles=["nurse"])
    run("third", roles=["surgeon"])

    (found, _) = read(ask("GET", "optimizations", who=nurse))["results"]

    assert ids(nurse, "optimizations/") == ["second", "first"]
    assert ids(person("viewer"), "optimizations") == ["first"]
    assert found["started_at"].endswith("Z")
    assert (found["status"], found["metrics"], found["cancel_asked_at"]) == ("completed", {}, None)


@pytest.mark.parametrize("actor", [7, "engine", None])
def test_a_run_says_who_caused_it(nurse: User, actor: Any) -> None:
    run(f"by {actor}", user_id=actor)

    (found,) = read(ask("GET", "optimizations", who=nurse))["results"]

    assert found["user_id"] == actor


def cancel(who: User, optimization_id: str) -> Any:
    return ask("POST", f"optimizations/{optimization_id}/cancel", who=who)


def orders() -> list[dict[str, Any]]:
    bodies = Message.objects.filter(type="control").order_by("pk").values_list("body", flat=True)
    return [json.loads(body) for body in bodies]


def test_cancelling_is_written_down_and_ordered(nurse: User) -> None:
    run("r5")

    answer = cancel(nurse, "r5")

    asked = OptimizationRun.objects.get().cancel_asked_at
    assert answer.status_code == 202
    assert asked is not None
    assert read(answer)["cancel_asked_at"].endswith("Z")
    assert read(answer)["status"] == "running"
    assert orders() == [{"order": "cancel", "optimization_id": "r5", "user_id": nurse.pk}]


def test_cancelling_again_orders_again_and_keeps_when_it_was_asked_first(nurse: User) -> None:
    run("r6")
    first, second = cancel(nurse, "r6"), cancel(nurse, "r6")

    assert read(first)["cancel_asked_at"] == read(second)["cancel_asked_at"]
    assert len(orders()) == 2


@pytest.mark.parametrize("status", ["completed", "failed", "cancelled"])
def test_what_has_ended_cannot_be_cancelled(nurse: User, status: str) -> None:
    run("r7", status)

    answer = cancel(nurse, "r7")

    assert (answer.status_code, set(read(answer))) == (409, {"detail"})
    assert orders() == []
    assert not OptimizationRun.objects.exclude(cancel_asked_at=None).exists()


def test_anothers_run_cannot_be_told_from_none(nurse: User) -> None:
    run("r8", roles=["surgeon"])

    theirs, none = cancel(nurse, "r8"), cancel(nurse, "r9")

    assert (theirs.status_code, theirs.content) == (none.status_code, none.content)
    assert theirs.status_code == 404
    assert not OptimizationRun.objects.filter(cancel_asked_at__gte=F("started_at")).exists()
