"""Rules of the host's: told like the built-in kinds, and a slow or failing one delays nobody."""

import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from project.scheduling.models import Surgery
from scheduler_realtime import Clash, InvalidBinding, conflict_rule, conflicts, log
from scheduler_realtime.conflicts import rules
from scheduler_realtime.relay import Relay
from tests.harness.child import wait_for
from tests.test_conflicts.conftest import Heard, Plan


def same_type(surgery: Surgery) -> Iterator[Clash]:
    """Two of one type on a day need the same instruments."""
    others = Surgery.objects.filter(surgery_type=surgery.surgery_type, status="scheduled")
    for other in others.exclude(pk=surgery.pk):
        yield Clash(other=other, description="Both need the same set.", severity="info")


@pytest.fixture
def rule() -> Iterator[Any]:
    made: list[str] = []

    def make(kind: str, find: Any) -> None:
        conflict_rule(kind, model=Surgery)(find)
        made.append(kind)

    yield make
    for kind in made:
        rules.forget(kind)


def said_by_rule(surgery: Surgery, **fields: Any) -> None:
    Surgery.objects.filter(pk=surgery.pk).update(**fields)


@pytest.mark.django_db
def test_a_rule_s_conflict_is_said_once_and_once_when_it_is_over(plan: Plan, rule: Any) -> None:
    rule("one_set", same_type)
    first, second = plan(0, 1, 2, status="scheduled"), plan(1, 5, 6)
    heard = Heard()

    said_by_rule(second, surgery_type="Knee")
    resolved = heard.said()
    said_by_rule(second, surgery_type="Hip")
    opened = heard.data()
    said_by_rule(first, notes="again")

    keys = [first.pk, second.pk]
    assert resolved == [("resolved", "one_set", keys)]
    assert [(each["status"], each["severity"]) for each in opened] == [("open", "info")]
    assert opened[0]["description"] == "Both need the same set."
    assert heard.said() == []


@pytest.mark.django_db
def test_a_rule_that_raises_is_logged_without_its_words_and_the_others_are_heard(
    plan: Plan, rule: Any, caplog: Any
) -> None:
    def failing(surgery: Surgery) -> Iterator[Clash]:
        raise ValueError(surgery.patient_name)

    rule("failing", failing)
    rule("one_set", same_type)
    heard = Heard()
    first, second = plan(0, 1, 2), plan(0, 1, 2)

    with caplog.at_level(logging.ERROR):
        said = heard.said()

    keys = [first.pk, second.pk]
    assert said == [("open", "one_set", keys), ("open", "room_overlap", keys)]
    assert "the rule failing" in caplog.text
    assert "Patient" not in caplog.text


@pytest.mark.django_db
def test_what_a_failing_rule_had_said_stands(plan: Plan, rule: Any) -> None:
    is_failing = False

    def moody(surgery: Surgery) -> Iterator[Clash]:
        if is_failing:
            raise ValueError
        return same_type(surgery)

    rule("moody", moody)
    plan(0, 1, 2)
    second = plan(1, 5, 6)
    heard = Heard()

    is_failing = True
    said_by_rule(second, surgery_type="Knee")

    assert heard.said() == []


@pytest.mark.usefixtures("committed")
def test_a_rule_that_does_not_come_back_delays_no_other_conflict(rule: Any, plan: Plan) -> None:
    entered, released = threading.Event(), threading.Event()

    def slow(surgery: Surgery) -> Iterator[Clash]:
        entered.set()
        released.wait(10)
        return same_type(surgery)

    rule("slow", slow)
    conflicts.start()
    try:
        plan(0, 1, 2)
        plan(0, 1, 2)
        relayed()
        conflicts.wake()
        assert entered.wait(10)

        wait_for(lambda: told("room_overlap"), within=10, what="the built-in conflict")
        plan(1, 8, 9)  # whoever saves is not held up either
        assert not told("slow")
        released.set()
        wait_for(lambda: told("slow"), within=10, what="the rule's conflict")
    finally:
        released.set()
        conflicts.stop(10)


def relayed() -> None:
    while log.state().waiting:
        Relay().turn(is_expected=True)


def told(kind: str) -> bool:
    relayed()
    rows = log.read_after(0).rows
    return any(row.data.get("conflict_type") == kind for row in rows)


def test_a_rule_by_a_name_that_is_taken_is_refused() -> None:
    with pytest.raises(InvalidBinding, match="are found already"):
        conflict_rule("turnover", model=Surgery)
