"""Losing: runs whose process died, and a database that is out."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from scheduler_realtime import track_optimization
from scheduler_realtime.models import OptimizationRun
from scheduler_realtime.progress import holding, lapses

from .telling import Frames, closing, leave_behind, row, soon, told

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_run_is_lost_only_if_it_was_not_heard_of_between_two_looks() -> None:
    leave_behind("dead")

    first = holding.judge({})
    second = holding.judge(first)
    third = holding.judge(second)

    assert (set(first), set(second), third) == ({"dead"}, {"dead"}, {})
    assert [each["status"] for each in told()] == ["running", "failed"]
    assert told()[-1]["reason"] == holding.LOST
    assert row().actor == "7"


def test_one_that_is_heard_of_after_its_lease_goes_on(quick: None) -> None:
    with track_optimization() as run:
        OptimizationRun.objects.update(lease_until=timezone.now() - timedelta(hours=1))
        soon(lambda: not holding.lapsed(), "the beat")
        assert not run.cancelled

    assert row().status == "completed"


def test_nodes_that_judge_at_once_tell_it_once() -> None:
    leave_behind("dead")
    suspects = holding.lapsed()

    nodes = [
        threading.Thread(target=closing, args=[lambda: holding.judge(suspects)]) for _ in range(4)
    ]
    for node in nodes:
        node.start()
    for node in nodes:
        node.join()

    assert [each["status"] for each in told()] == ["running", "failed"]


def test_who_was_told_to_be_lost_stops_and_says_nothing_more(
    ticks: Frames, quick: None, caplog: pytest.LogCaptureFixture
) -> None:
    with track_optimization() as run:
        OptimizationRun.objects.update(status="failed", lease_until=None)
        soon(lambda: run.cancelled, "the word of the others")
        ticks.clear()
        run.update(iteration=5)

    assert ticks == []
    assert run.status == "failed"
    assert [each["status"] for each in told()] == ["running"]
    assert "told to be over by somebody else" in caplog.text


def test_a_process_that_dies_is_told_of_within_thirty_seconds() -> None:
    assert holding.LEASE + 2 * lapses.LOOK < 28


def test_a_beat_that_fails_is_made_again_and_the_end_is_tried_until_it_is_written(
    quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    def failing(real: Callable[..., Any], name: str) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            calls.append(name)
            if calls.count(name) <= 2:
                raise OperationalError("the database is out")
            return real(*args)

        return call

    monkeypatch.setattr(holding, "beat", failing(holding.beat, "beat"))
    monkeypatch.setattr(holding, "end", failing(holding.end, "end"))
    with track_optimization():
        soon(lambda: calls.count("beat") > 3, "beats")

    assert row().status == "completed"


def test_an_end_that_cannot_be_written_is_logged_and_costs_no_result(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(holding, "end", lambda *args: 1 / 0)

    with track_optimization():
        result = 42

    assert result == 42
    assert "could not be written" in caplog.text
    assert row().lease_until is not None
