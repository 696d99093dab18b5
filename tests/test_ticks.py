"""Ticks of an optimisation: few of many are sent, the first and the last among them."""

from typing import Any

import pytest

from scheduler_realtime.ticks import Ticks
from tests.harness.house import House
from tests.harness.line import until
from tests.test_ephemeral import frame_to, settled

pytestmark = pytest.mark.sqlite_only


def tick(percentage: float, status: str = "running", run: str = "run") -> dict[str, Any]:
    data = {"optimization_id": run, "status": status, "progress_percentage": percentage}
    return frame_to("everyone", type="optimization_progress", data=data)


def percentages(seat: Any, run: str = "run") -> list[float]:
    told = [each["data"] for each in seat.frames if each["type"] == "optimization_progress"]
    return [each["progress_percentage"] for each in told if each["optimization_id"] == run]


async def test_of_many_ticks_of_a_run_the_first_and_the_last_come_and_few_between(
    house: House, settings: Any
) -> None:
    settings.SCHEDULER_REALTIME = {"PROGRESS_PER_SECOND": 20}
    seat = await house.join()

    for number in range(100):
        house.hub.hear(tick(number))
    house.hub.hear(tick(7, run="another"))
    await until(lambda: percentages(seat)[-1:] == [99])

    assert percentages(seat)[0] == 0
    assert len(percentages(seat)) <= 5
    assert percentages(seat, "another") == [7]


async def test_a_final_state_is_never_held_back_and_nothing_follows_it(
    house: House, settings: Any
) -> None:
    settings.SCHEDULER_REALTIME = {"PROGRESS_PER_SECOND": 20}
    seat = await house.join()

    for number in range(3):
        house.hub.hear(tick(number))
    house.hub.hear(tick(100, "completed"))
    await settled(house)
    assert percentages(seat) == [0, 100]
    house.hub.hear(tick(5, run="later"))
    house.hub.hear(tick(6, run="later"))
    await until(lambda: percentages(seat, "later") == [5, 6])

    assert percentages(seat) == [0, 100]


async def test_a_run_that_rests_is_forgotten(settings: Any) -> None:
    settings.SCHEDULER_REALTIME = {"PROGRESS_PER_SECOND": 1000}
    ticks = Ticks()
    sent: list[int] = []

    for number in range(100):
        ticks.put(number % 10, lambda number=number: sent.append(number))

    await until(lambda: ticks.is_quiet)
    assert sorted(sent) == [*range(10), *range(90, 100)]
