"""Progress: what is told of a run, how often, and how it ends, whatever its engine does."""

import asyncio
import json
import os
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError, connections, transaction
from django.utils import timezone

from scheduler_realtime import (
    OptimizationCancelled,
    OptimizationEnded,
    OptimizationFailed,
    OptimizationNotBegun,
    OptimizationRunning,
    broadcast_optimization_progress,
    doorbell,
    progress_callback,
    track_optimization,
)
from scheduler_realtime.exceptions import InvalidMessage
from scheduler_realtime.models import Message, OptimizationRun
from scheduler_realtime.progress import holding, lapses, pulse
from scheduler_realtime.progress.figures import Figures
from scheduler_realtime.progress.ticker import Ticker
from tests.harness.child import wait_for

pytestmark = pytest.mark.django_db(transaction=True)

Frames = list[dict[str, Any]]


@pytest.fixture
def ticks(monkeypatch: pytest.MonkeyPatch) -> Frames:
    """The data of what was sent straight to the groups."""
    heard: Frames = []
    monkeypatch.setattr(doorbell, "carry", lambda frame, groups: heard.append(frame["data"]))
    return heard


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beats that follow each other at once."""
    monkeypatch.setattr(pulse, "BEAT", 0.01)
    monkeypatch.setattr(pulse, "FLUSH", 0.01)


def told() -> Frames:
    """The data of what stands in the log, in order."""
    bodies = Message.objects.filter(type="optimization_progress").order_by("pk")
    return [json.loads(body) for body in bodies.values_list("body", flat=True)]


def row() -> OptimizationRun:
    return OptimizationRun.objects.get()


def leave_behind(name: str) -> None:
    """A run of a process that died an hour ago."""
    held = holding.Held(optimization_id=name, groups=frozenset({"everyone"}), actor=7)
    holding.begin(held, Figures(total=None, direction="minimize").payload(name))
    OptimizationRun.objects.update(lease_until=timezone.now() - timedelta(hours=1))


def closing(call: Callable[[], Any]) -> Any:
    """For a thread that ends with the call."""
    try:
        return call()
    finally:
        connections.close_all()


def soon(condition: Callable[[], bool], what: str) -> None:
    wait_for(condition, within=5, what=what)


# From the first word to the last.


def test_first_and_last_state_stand_in_the_log_and_in_the_list(ticks: Frames) -> None:
    with track_optimization(user=7, total_iterations=4, roles=["nurse"]) as run:
        first = row()
        run.update(iteration=1, score=9, metrics={"swaps": 2})

    beginning, end = told()
    assert (beginning["status"], beginning["progress_percentage"]) == ("running", 0)
    assert (first.status, first.actor) == ("running", "7")
    assert json.loads(first.groups) == ["role.nurse", "user.7"]
    assert first.lease_until is not None
    assert (end["status"], end["progress_percentage"], end["best_score"]) == ("completed", 100, 9)
    assert end["metrics"]["swaps"] == 2
    assert end["metrics"]["iterations_per_second"] > 0
    assert (row().status, row().lease_until) == ("completed", None)
    assert ticks[0]["current_iteration"] == 1


async def test_async_code_tracks_in_the_same_way(ticks: Frames) -> None:
    async with track_optimization(user=1) as run:
        run.update(iteration=1)
        assert not run.cancelled

    assert [each["status"] for each in await asyncio.to_thread(closing, told)] == [
        "running",
        "completed",
    ]


async def test_a_task_that_is_cancelled_ends_its_run() -> None:
    begun = asyncio.Event()

    async def work() -> None:
        async with track_optimization():
            begun.set()
            await asyncio.sleep(60)

    task = asyncio.create_task(work())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    end = (await asyncio.to_thread(closing, told))[-1]
    assert (end["status"], end["reason"]) == (
        "cancelled",
        "The process that ran it was told to end.",
    )


@pytest.mark.parametrize(
    ("error", "status", "reason"),
    [
        (ValueError("Rosa Secret bleeds"), "failed", "The optimisation stopped with an error; the server's log has it."),
        (OptimizationFailed("No plan fits into the day."), "failed", "No plan fits into the day."),
        (OptimizationCancelled("x"), "cancelled", None),
        (KeyboardInterrupt(), "cancelled", "The process that ran it was told to end."),
    ],
)  # fmt: skip
def test_an_error_ends_the_run_in_words_for_a_screen_and_goes_on(
    error: BaseException, status: str, reason: str | None
) -> None:
    def work() -> None:
        with track_optimization() as run:
            run.update(percentage=30)
            raise error

    with pytest.raises(type(error)) as raised:
        work()

    end = told()[-1]
    assert raised.value is error
    assert (end["status"], end["reason"], end["progress_percentage"]) == (status, reason, 30)
    assert row().reason == reason


def test_an_update_after_the_end_is_an_error_and_opens_nothing() -> None:
    with track_optimization() as run:
        pass

    with pytest.raises(OptimizationEnded, match="completed"):
        run.update(iteration=1)
    assert len(told()) == 2


def test_a_name_serves_one_run_at_a_time_and_none_after_its_end() -> None:
    with track_optimization(optimization_id="a"):
        with pytest.raises(OptimizationRunning), track_optimization(optimization_id="a"):
            pass
        assert row().status == "running"

    with pytest.raises(OptimizationEnded), track_optimization(optimization_id="a"):
        pass
    assert [each["status"] for each in told()] == ["running", "completed"]


def test_a_run_that_was_queued_by_hand_is_taken_over_with_the_wish_to_stop_it(quick: None) -> None:
    broadcast_optimization_progress(
        optimization_id="a", progress_percentage=0, status="queued", users=[3]
    )
    OptimizationRun.objects.update(cancel_asked_at=timezone.now())

    with track_optimization(optimization_id="a") as run:
        soon(lambda: run.cancelled, "the wish from before")

    assert [each["status"] for each in told()] == ["queued", "running", "cancelled"]


def test_inside_of_a_transaction_a_run_is_refused() -> None:
    with transaction.atomic(), pytest.raises(OptimizationNotBegun, match="ATOMIC_REQUESTS"):
        track_optimization().__enter__()

    assert not OptimizationRun.objects.exists()


@pytest.mark.parametrize(
    "wrong",
    [{"total_iterations": -1}, {"total_iterations": 1.5}, {"direction": "up"}, {"optimization_id": "x" * 256}],
)  # fmt: skip
def test_what_cannot_be_tracked_is_refused_before_anything_is_told(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidMessage):
        track_optimization(**wrong)


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_child_that_is_forked_tells_nothing_and_ends_nothing(ticks: Frames) -> None:
    with track_optimization() as run:
        child = os.fork()
        if child == 0:
            try:
                run.update(iteration=1)
            except OptimizationNotBegun:
                os._exit(7)
            os._exit(1)
        _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 7
    assert [each["status"] for each in told()] == ["running", "completed"]


# How often.


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


# Stopping.


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


# Death, and a database that is out.


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


# In a host's own tests.


@pytest.mark.django_db(transaction=False)
def test_inside_of_a_test_case_everything_happens_in_its_transaction(ticks: Frames) -> None:
    with track_optimization(user=User(pk=7), total_iterations=2) as run:
        run.update(iteration=1)
        before = run.cancelled
        OptimizationRun.objects.update(cancel_asked_at=timezone.now())
        after = run.cancelled

    assert (before, after) == (False, True)
    assert [each["status"] for each in told()] == ["running", "cancelled"]
