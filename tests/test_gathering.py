"""Gathering: one call for all who ask in a moment."""

import asyncio
import threading
from collections.abc import Mapping
from typing import Any

import pytest

from scheduler_realtime.gathering import Gathering
from tests.harness.line import until


class Calls:
    """Remembers what each call was asked for; the first may be held up."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self.fault: Exception | None = None

    def __call__(self, keys: list[int]) -> Mapping[int, str]:
        self.asked.append(keys)
        assert self.may_go_on.wait(5)
        if self.fault is not None:
            raise self.fault
        return {key: f"{key}!" for key in keys if key > 0}


@pytest.fixture
def calls() -> Calls:
    return Calls()


async def test_while_one_call_runs_the_next_askers_gather(calls: Calls) -> None:
    gathering: Gathering[int, str] = Gathering(calls)
    calls.may_go_on.clear()

    first = asyncio.create_task(gathering.find(1))
    await until(lambda: calls.asked)
    others = [asyncio.create_task(gathering.find(key)) for key in (1, 2, 3, 2)]
    await asyncio.sleep(0)
    calls.may_go_on.set()
    found = await asyncio.gather(first, *others)

    assert found == ["1!", "1!", "2!", "3!", "2!"]
    assert calls.asked == [[1], [1, 2, 3]]


async def test_everybody_who_asked_is_told_of_a_failure_and_the_next_may_ask(calls: Calls) -> None:
    gathering: Gathering[int, str] = Gathering(calls)
    calls.fault = LookupError("out")

    answers: list[Any] = await asyncio.gather(
        *(gathering.find(key) for key in (1, 2)), return_exceptions=True
    )
    calls.fault = None

    assert [type(answer) for answer in answers] == [LookupError, LookupError]
    assert await gathering.find(3) == "3!"


async def test_what_was_not_found_is_a_key_error(calls: Calls) -> None:
    with pytest.raises(KeyError):
        await Gathering(calls).find(-1)


async def test_an_asker_who_leaves_takes_nothing_from_the_others(calls: Calls) -> None:
    gathering: Gathering[int, str] = Gathering(calls)
    one, two = (asyncio.create_task(gathering.find(1)) for _ in range(2))
    await asyncio.sleep(0)

    one.cancel()

    assert await two == "1!"
