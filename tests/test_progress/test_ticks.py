"""Ticks: how often a run is told of, and at what cost."""

import json
import threading
import time
from typing import Any

import pytest

from scheduler_realtime import track_optimization
from scheduler_realtime.progress.ticker import Ticker

from .telling import Frames, row, soon

pytestmark = pytest.mark.django_db(transaction=True)


def test_of_many_updates_few_are_told_and_the_newest_in_any_case(ticks: Frames) -> None:
    began = time.monotonic()
    with track_optimization(total_iterations=20_000) as run:
        for number in range(1, 20_001):
            run.update(iteration=number, score=float(number))
        took = time.monotonic() - began
        soon(lambda: ticks[-1]["current_iteration"] == 20_000, "the newest")

    assert ticks[0]["current_iteration"] == 1
    assert len(ticks) <= 3 + 5 * took
    assert ticks[-1]["best_score"] == 1


def test_a_held_back_state_is_called_once_its_time_comes_and_none_after_the_end(
    settings: Any,
) -> None:
    settings.SCHEDULER_REALTIME = {"PROGRESS_PER_SECOND": 20}
    called: list[int] = []
    ticker = Ticker()

    for number in range(3):
        ticker.put(lambda number=number: called.append(number))  # type: ignore[misc]  # mypy has no such default
    soon(lambda: len(called) == 2, "the trailing one")
    ticker.put(lambda: called.append(3))
    ticker.close()
    ticker.put(lambda: called.append(4))

    assert called == [0, 2]


def test_threads_tell_of_one_run_in_one_order(ticks: Frames) -> None:
    with track_optimization(total_iterations=400) as run:
        threads = [
            threading.Thread(
                target=lambda start=start: [  # type: ignore[misc]  # mypy has no such default
                    run.update(iteration=number) for number in range(start, 400, 4)
                ]
            )
            for start in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        soon(lambda: ticks[-1]["current_iteration"] == 399, "the newest")

    iterations = [each["current_iteration"] for each in ticks]
    assert iterations == sorted(iterations)


def test_a_tick_asks_the_database_for_nothing(
    ticks: Frames, django_assert_num_queries: Any
) -> None:
    with track_optimization() as run, django_assert_num_queries(0):
        for number in range(100):
            run.update(iteration=number)


def test_the_list_has_the_figures_of_the_last_second(ticks: Frames, quick: None) -> None:
    with track_optimization(total_iterations=8) as run:
        run.update(iteration=2, score=3.5, metrics={"a": float("nan")})
        soon(lambda: row().current_iteration == 2, "the figures in the row")
        found = row()

    assert (found.progress_percentage, found.best_score) == (25, 3.5)
    assert json.loads(found.metrics)["a"] is None
