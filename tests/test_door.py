"""The door of a hub: who waits at it, how long, and what they are told when it is shut."""

import asyncio
import contextlib
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


async def test_of_strangers_only_so_many_may_wait(settings: Settings) -> None:
    settings.SCHEDULER_REALTIME = {"MAX_UNAUTHENTICATED": 2}
    door = Door([])
    waiting = [Stranger(door) for _ in range(2)]
    await until(lambda: not door.is_quiet)

    assert await Stranger(door).close_code() == 4513

    for stranger in waiting:
        stranger.words.put_nowait("hello")
        await stranger.waiting
    last = Stranger(door)
    last.words.put_nowait("hello")
    assert await last.waiting == "hello"


def closed_with(entering: contextlib.AbstractContextManager[None]) -> int:
    with pytest.raises(TokenRejected) as refused, entering:
        pass
    return refused.value.close_code


def test_a_user_has_only_so_many_sockets_at_a_time(settings: Settings) -> None:
    settings.SCHEDULER_REALTIME = {"MAX_CONNECTIONS_PER_USER": 2}
    door = Door([])

    with door.of_user(1), door.of_user(1):
        assert closed_with(door.of_user(1)) == 4429
        with door.of_user(2):
            pass

    with door.of_user(1), door.of_user(1):
        pass


def test_an_address_has_as_many_as_there_may_be_until_a_host_says_how_many(
    settings: Settings,
) -> None:
    door = Door([])
    with contextlib.ExitStack() as stack:
        for _ in range(200):
            stack.enter_context(door.from_address("10.0.0.1"))

    settings.SCHEDULER_REALTIME = {"MAX_CONNECTIONS_PER_ADDRESS": 1}

    with door.from_address("10.0.0.1"), door.from_address("10.0.0.2"):
        assert closed_with(door.from_address("10.0.0.1")) == 4429


def test_who_comes_without_an_address_shares_none(settings: Settings) -> None:
    settings.SCHEDULER_REALTIME = {"MAX_CONNECTIONS_PER_ADDRESS": 1}
    door = Door([])

    with door.from_address(""), door.from_address(""):
        pass  # as all do behind a proxy on a Unix socket


async def test_who_is_inside_elsewhere_counts_where_there_is_a_total(settings: Settings) -> None:
    settings.SCHEDULER_REALTIME = {"MAX_CONNECTIONS_TOTAL": 5}
    door = Door(["somebody"])
    door.elsewhere = 3
    door.check()

    door.elsewhere = 4

    with pytest.raises(TokenRejected) as refused:
        door.check()
    assert refused.value.close_code == 4513
    settings.SCHEDULER_REALTIME = {}
    door.check()
