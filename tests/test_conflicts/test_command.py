"""The command that looks a day over, and what the system check says of a model."""

from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db.models import QuerySet

from project.scheduling.models import Surgery
from scheduler_realtime import checks, standing
from scheduler_realtime.testing import pump
from tests.hosts.bound import binder
from tests.hosts.models import Operation
from tests.test_conflicts.conftest import Heard, Plan, at

pytestmark = pytest.mark.django_db


def run(capsys: Any, *arguments: str) -> str:
    call_command("realtime_conflicts", *arguments)
    return str(capsys.readouterr().out).strip()


def write_past_everything(surgery: Surgery, **fields: Any) -> None:
    QuerySet(Surgery).filter(pk=surgery.pk).update(**fields)


def test_the_command_finds_what_was_written_past_everything_and_a_dry_run_tells_nothing(
    plan: Plan, capsys: Any
) -> None:
    first, second = plan(0, 1, 2), plan(0, 5, 6)
    heard = Heard()
    write_past_everything(second, start_time=at(1.5), end_time=at(2.5))

    dry = run(capsys, "--date", "2031-03-10", "--dry-run")
    nothing = heard.said()
    real = run(capsys, "--date", "2031-03-10")

    assert dry == "2031-03-10: 1 would be opened, 0 would be resolved, 0 open as before."
    assert nothing == []
    assert real == "2031-03-10: 1 opened, 0 resolved, 0 open as before."
    assert heard.said() == [("open", "room_overlap", [first.pk, second.pk])]


def test_the_command_resolves_what_is_over_since_nobody_saw_it(plan: Plan, capsys: Any) -> None:
    first, second = plan(0, 1, 2), plan(0, 1.5, 2.5)
    pump()
    heard = Heard()
    write_past_everything(second, start_time=at(100), end_time=at(101))

    said = run(capsys, "--date", "2031-03-10")

    assert said == "2031-03-10: 0 opened, 1 resolved, 0 open as before."
    assert heard.said() == [("resolved", "room_overlap", [first.pk, second.pk])]
    assert not standing.conflicts().filter(status="open").exists()


def test_the_command_says_that_nothing_is_looked_for(settings: Any) -> None:
    settings.SCHEDULER_REALTIME = {"CONFLICTS": False}

    with pytest.raises(CommandError, match="Nothing is looked for"):
        call_command("realtime_conflicts")


def test_a_day_that_is_none_is_refused() -> None:
    with pytest.raises(CommandError, match=r"'10\.3\.' is not a day"):
        call_command("realtime_conflicts", "--date", "10.3.")


def test_the_check_asks_for_the_index_that_is_missing() -> None:
    with binder() as bind:
        bind(Operation, room="room", start="start", end="end", staff=["lead"])

        found = [each for each in checks.check_conflicts() if each.obj is Operation]

    assert [each.id for each in found] == ["scheduler_realtime.W015"]
    assert "models.Index(fields=['start', 'end'])" in str(found[0].hint)


def test_the_check_names_what_decides_and_is_not_told() -> None:
    with binder() as bind:
        bind(Operation, room="room", start="start", end="end", tracked=["start", "room"])

        found = [each.msg for each in checks.check_conflicts() if each.id.endswith("W016")]

    assert len(found) == 1
    assert "Operation.end" in found[0]


def test_the_demo_has_the_indexes_it_needs() -> None:
    assert list(checks.check_conflicts()) == []
