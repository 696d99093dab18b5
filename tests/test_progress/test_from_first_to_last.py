"""From the first word to the last: what is told of a run, however its block is left."""

import asyncio
import json
import os
import threading
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from scheduler_realtime import (
    OptimizationCancelled,
    OptimizationEnded,
    OptimizationFailed,
    OptimizationNotBegun,
    OptimizationRunning,
    broadcast_optimization_progress,
    track_optimization,
)
from scheduler_realtime.exceptions import InvalidMessage
from scheduler_realtime.messages import OptimizationProgress
from scheduler_realtime.models import OptimizationRun
from scheduler_realtime.progress import holding

from .telling import Frames, closing, row, soon, told

pytestmark = pytest.mark.django_db(transaction=True)


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


async def test_whoever_is_interrupted_at_the_beginning_leaves_nothing_running(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slow, real = threading.Event(), holding.begin

    def begin(held: holding.Held, payload: OptimizationProgress) -> None:
        slow.wait(5)
        real(held, payload)

    monkeypatch.setattr(holding, "begin", begin)
    task = asyncio.create_task(track_optimization().__aenter__())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    slow.set()

    await asyncio.to_thread(closing, lambda: soon(lambda: len(told()) == 2, "the end"))
    assert (await asyncio.to_thread(closing, told))[-1]["status"] == "cancelled"


@pytest.mark.parametrize(
    ("error", "status", "reason"),
    [
        (ValueError("Rosa Secret bleeds"), "failed", "The optimisation stopped with an error; the server's log has it."),
        (OptimizationFailed("No plan fits into the day."), "failed", "No plan fits into the day."),
        (OptimizationFailed("No\x00 \ud800plan" + "." * 3000), "failed", "No ?plan" + "." * 1992),
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


@pytest.mark.django_db(transaction=False)
def test_inside_of_a_test_case_everything_happens_in_its_transaction(ticks: Frames) -> None:
    with track_optimization(user=User(pk=7), total_iterations=2) as run:
        run.update(iteration=1)
        before = run.cancelled
        OptimizationRun.objects.update(cancel_asked_at=timezone.now())
        after = run.cancelled

    assert (before, after) == (False, True)
    assert [each["status"] for each in told()] == ["running", "cancelled"]
