"""Stopping: an engine hears of the wish, wherever it was said."""

import time

import pytest
from django.utils import timezone

from scheduler_realtime import OptimizationCancelled, progress_callback, track_optimization
from scheduler_realtime.models import OptimizationRun

from .telling import Frames, row, soon

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_wish_in_the_row_is_heard_within_a_second_without_a_hub() -> None:
    with track_optimization() as run:
        asked_at = time.monotonic()
        OptimizationRun.objects.update(cancel_asked_at=timezone.now())
        soon(lambda: run.cancelled, "the wish")
        took = time.monotonic() - asked_at

    assert took < 1
    assert row().status == "cancelled"


def test_an_engine_that_did_not_look_has_completed(quick: None) -> None:
    with track_optimization() as run:
        run.cancel("Never heard.")

    assert (row().status, row().reason) == ("completed", None)


def test_what_is_to_be_done_on_a_wish_is_done_early_or_late_and_its_error_stops_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    done: list[str] = []
    with track_optimization() as run:
        run.on_cancel(lambda: 1 / 0)
        run.on_cancel(lambda: done.append("early"))
        run.cancel()
        run.on_cancel(lambda: done.append("late"))

    assert done == ["early", "late"]
    assert row().status == "cancelled"
    assert "could not be stopped" in caplog.text


def test_an_engine_may_be_left_by_an_exception() -> None:
    def work() -> None:
        with track_optimization() as run:
            run.raise_if_cancelled()
            run.cancel()
            run.raise_if_cancelled()

    with pytest.raises(OptimizationCancelled):
        work()

    assert row().status == "cancelled"


def test_a_plain_callable_says_when_to_stop(ticks: Frames) -> None:
    with track_optimization() as run:
        callback = progress_callback(run)
        first = callback(iteration=1, score=2.0)
        run.cancel()
        second = callback(iteration=2)

    assert (first, second) == (False, True)
