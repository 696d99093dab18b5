"""The door of a hub: who waits at it, how long, and what they are told when it is shut."""

import asyncio
from typing import Any

import pytest
from pytest_django import Settings

from scheduler_realtime.door import Door
from scheduler_realtime.exceptions import TokenRejected
from tests.harness.line import until

pytestmark = pytest.mark.sqlite_only


class Stranger:
    """Somebody who has opened a socket and says nothing yet."""

    def __init__(self, door: Door) -> None:
        self.words: asyncio.Queue[Any] = asyncio.Queue()
        self.waiting = asyncio.create_task(door.first_word(self.words.get))

    async def close_code(self) -> int:
        """What they are closed with."""
        with pytest.raises(TokenRejected) as refused:
            await self.waiting
        return refused.value.close_code


async def test_the_first_word_of_a_stranger_is_handed_on() -> None:
    door = Door([])
    stranger = Stranger(door)
    await until(lambda: not door.is_quiet)

    stranger.words.put_nowait("hello")

    assert await stranger.waiting == "hello"
    assert door.is_quiet


async def test_a_stranger_who_says_nothing_in_time_is_unauthenticated(settings: Settings) -> None:
    settings.SCHEDULER_REALTIME = {"AUTHENTICATE_TIMEOUT": 0.01}

    assert await Stranger(Door([])).close_code() == 4401


async def test_a_stranger_at_a_door_that_is_shut_is_told_of_the_draining_at_once() -> None:
    door = Door([])
    stranger = Stranger(door)
    await until(lambda: not door.is_quiet)

    async with asyncio.timeout(1):
        door.shut()
        door.shut()

        assert await stranger.close_code() == 4512
    assert door.is_quiet


async def test_who_is_on_their_way_in_while_it_is_shut_does_not_get_in() -> None:
    door = Door([])

    async def enter() -> None:
        with door.entering():
            assert not door.is_quiet
            door.shut()

    with pytest.raises(TokenRejected) as refused:
        await enter()

    assert refused.value.close_code == 4512
    assert door.is_quiet


async def test_who_is_inside_counts(settings: Settings) -> None:
    settings.SCHEDULER_REALTIME = {"MAX_CONNECTIONS": 1}
    inside: set[str] = set()
    door = Door(inside)
    door.check()

    inside.add("somebody")

    with pytest.raises(TokenRejected) as refused:
        door.check()
    assert refused.value.close_code == 4513
