"""Cancelling: each wish is answered once, when the run has ended, or with what stands in its way."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError

from scheduler_realtime import cancelling
from scheduler_realtime.exceptions import OptimizationEnded
from tests.harness.house import House, Seat, row
from tests.harness.line import until

pytestmark = pytest.mark.sqlite_only

Order = Callable[..., Any]


@pytest.fixture
def ordered(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was ordered to stop, by somebody who may."""
    names: list[str] = []
    monkeypatch.setattr(cancelling, "order", lambda name, identity: names.append(name))
    return names


def fail(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def order(name: str, identity: object) -> None:
        raise error

    monkeypatch.setattr(cancelling, "order", order)


async def ask(house: House, seat: Seat, run: str = "run", ref: str = "r") -> None:
    house.hub.cancelling.ask(seat.connection, run, ref)
    await asyncio.sleep(0)


def end(house: House, position: int, status: str, run: str = "run") -> None:
    facts = {"optimization_id": run, "status": status, "progress_percentage": 3}
    house.publish(row(position, "optimization_progress", **facts))


def answers(seat: Seat) -> list[dict[str, Any]]:
    return [frame for frame in seat.frames if "ref" in frame]


async def test_the_answer_comes_when_the_engine_has_stopped_and_once(
    house: House, ordered: list[str]
) -> None:
    nurse, other = await house.join(), await house.join()
    await ask(house, nurse)
    await ask(house, nurse, ref="again")
    await until(lambda: ordered == ["run", "run"])
    early = answers(nurse)

    end(house, 1, "completed", run="another")
    end(house, 2, "cancelled")
    end(house, 3, "cancelled")
    await house.told()

    assert early == []
    assert [(each["ref"], each["data"]["status"]) for each in answers(nurse)] == [
        ("r", "cancelled"),
        ("again", "cancelled"),
    ]
    assert answers(other) == []


@pytest.mark.parametrize("status", ["completed", "failed"])
async def test_a_run_that_ends_by_itself_is_an_error_to_who_wished_it_stopped(
    house: House, ordered: list[str], status: str
) -> None:
    nurse = await house.join()
    await ask(house, nurse)

    end(house, 1, status)
    await house.told()

    (answer,) = answers(nurse)
    assert (answer["type"], answer["data"]["code"]) == ("error", "bad_data")
    assert status in answer["data"]["detail"]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (cancelling.NotPermitted(), "not_permitted"),
        (OptimizationEnded("run", "failed"), "bad_data"),
        (OperationalError("the database is out"), "rate_limited"),
        (ValueError("a host's own fault"), "rate_limited"),
    ],
)
async def test_what_stands_in_the_way_is_told_at_once_and_nothing_after_it(
    house: House, monkeypatch: pytest.MonkeyPatch, error: Exception, code: str
) -> None:
    fail(monkeypatch, error)
    nurse = await house.join()

    await ask(house, nurse)
    await until(lambda: answers(nurse))
    end(house, 1, "cancelled")
    await house.told()

    (answer,) = answers(nurse)
    assert (answer["type"], answer["data"]["code"]) == ("error", code)


async def test_no_more_answers_are_owed_than_there_is_room_for(
    house: House, ordered: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cancelling, "WAITING", 1)
    gone, nurse = await house.join(), await house.join()
    await ask(house, gone)
    await ask(house, nurse, ref="one too many")
    await until(lambda: answers(nurse))
    gone.connection.close(1000)
    await ask(house, nurse, ref="fits")

    end(house, 1, "cancelled")
    await house.told()

    assert [each["type"] for each in answers(nurse)] == ["error", "optimization_progress"]
