"""Pacing: a crowd goes through a few at a time, in order, and somebody else's work in between."""

import asyncio
import contextlib
import itertools

import pytest

from scheduler_realtime import pacing

pytestmark = pytest.mark.sqlite_only

CROWD = 40


async def test_a_crowd_goes_through_a_few_a_round_in_the_order_it_came() -> None:
    passed: list[int] = []

    async def pass_(number: int) -> None:
        await pacing.turn()
        passed.append(number)

    crowd = [asyncio.create_task(pass_(number)) for number in range(CROWD)]
    rounds = [0]
    while len(passed) < CROWD:
        await asyncio.sleep(0)
        rounds.append(len(passed))

    assert passed == list(range(CROWD))
    assert max(after - before for before, after in itertools.pairwise(rounds)) <= (pacing.AT_ONCE)
    await asyncio.gather(*crowd)


async def test_who_has_gone_takes_nobodys_turn() -> None:
    gone = [asyncio.create_task(pacing.turn()) for _ in range(CROWD)]
    await asyncio.sleep(0)
    for task in gone[pacing.AT_ONCE :]:
        task.cancel()

    async with asyncio.timeout(1):
        await pacing.turn()
        await pacing.turn()

    for task in gone:
        with contextlib.suppress(asyncio.CancelledError):
            await task


def test_each_loop_has_a_crowd_of_its_own() -> None:
    for _ in range(2):
        asyncio.run(asyncio.wait_for(pacing.turn(), 1))
