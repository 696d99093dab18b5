"""The `a` twins: the sync verbs to await, in order, beside everything else that async code does."""

import asyncio
import inspect
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import DEFAULT_DB_ALIAS, connections

from scheduler_realtime import acting_as
from scheduler_realtime.exceptions import InvalidAudience
from scheduler_realtime.messages import SystemNotification, UserPresence
from scheduler_realtime.models import Message
from scheduler_realtime.publishing import apublish, publish, twin
from tests.harness import fake_hub
from tests.harness.child import REPOSITORY

NOTICE = SystemNotification(title="Upgrade", message="At noon")
PRESENCE = UserPresence(user_id=1, action="join", username="ann")


@pytest.fixture
def _commits(transactional_db: None) -> Iterator[None]:
    """A database in which commits are commits, and a hub that only listens."""
    with fake_hub.attached():
        yield


@pytest.mark.usefixtures("_commits")
def test_many_at_once_are_stored_in_the_order_they_were_awaited() -> None:
    async def all_at_once() -> None:
        notices = (SystemNotification(title=str(n), message="m") for n in range(40))
        await asyncio.gather(*(apublish(notice) for notice in notices))

    asyncio.run(all_at_once())

    titles = [json.loads(message.body)["title"] for message in Message.objects.order_by("id")]
    assert titles == [str(number) for number in range(40)]


@pytest.mark.usefixtures("_commits")
def test_a_twin_returns_what_the_verb_does() -> None:
    message = asyncio.run(apublish(NOTICE))

    assert message == Message.objects.get()
    assert asyncio.run(apublish(PRESENCE)) is None


def test_a_twin_raises_what_the_verb_does() -> None:
    with pytest.raises(InvalidAudience):
        asyncio.run(apublish(NOTICE, users="ann"))


def test_a_verb_that_waits_does_not_hold_up_the_loop() -> None:
    released = threading.Event()

    async def both() -> bool:
        waiting = asyncio.create_task(twin(lambda: released.wait(10))())
        await asyncio.sleep(0)
        released.set()
        return await waiting

    assert asyncio.run(both())


def test_a_twin_does_not_wait_for_the_thread_that_others_share() -> None:
    released = threading.Event()

    async def beside_a_slow_query() -> str:
        slow = asyncio.create_task(sync_to_async(released.wait)(10))
        await asyncio.sleep(0)
        try:
            async with asyncio.timeout(5):
                return await twin(lambda: threading.current_thread().name)()
        finally:
            released.set()
            await slow

    assert asyncio.run(beside_a_slow_query()).startswith("realtime-publish")


@pytest.mark.usefixtures("_commits")
def test_who_acts_in_a_task_acts_in_the_twin() -> None:
    async def as_two() -> tuple[Message | None, ...]:
        async def act(user: int) -> Message | None:
            with acting_as(user):
                return await apublish(NOTICE)

        return await asyncio.gather(act(7), act(8))

    assert [message.actor for message in asyncio.run(as_two()) if message] == ["7", "8"]


word: ContextVar[str] = ContextVar("word", default="before")


def test_what_a_twin_sets_stays_with_it() -> None:
    async def set_inside() -> str:
        await twin(lambda: word.set("inside"))()
        return word.get()

    assert asyncio.run(set_inside()) == "before"


def test_a_twin_is_named_after_its_verb() -> None:
    assert apublish.__name__ == "apublish"
    assert inspect.iscoroutinefunction(apublish)
    assert inspect.signature(apublish) == inspect.signature(publish)


@pytest.mark.usefixtures("_commits")
def test_a_twin_leaves_no_connection_behind() -> None:
    def used() -> Any:
        publish(NOTICE)
        return connections[DEFAULT_DB_ALIAS]

    its_own = asyncio.run(twin(used)())

    assert its_own is not connections[DEFAULT_DB_ALIAS]
    assert its_own.connection is None


@pytest.mark.usefixtures("_commits")
def test_whoever_stops_awaiting_does_not_take_it_back() -> None:
    begun, released = threading.Event(), threading.Event()

    def verb() -> None:
        begun.set()
        released.wait(10)
        publish(NOTICE)

    async def given_up() -> None:
        task = asyncio.create_task(twin(verb)())
        await asyncio.to_thread(begun.wait, 10)
        task.cancel()
        released.set()
        await twin(lambda: None)()

    asyncio.run(given_up())

    assert Message.objects.count() == 1


FORKING = """
import asyncio, os, warnings
import django
warnings.simplefilter("ignore", DeprecationWarning)
django.setup()
from scheduler_realtime.publishing import twin
asyncio.run(twin(lambda: None)())
child = os.fork()
if not child:
    asyncio.run(asyncio.wait_for(twin(lambda: None)(), 5))
    os._exit(0)
os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_twin_works_in_a_process_that_was_forked_after_its_first() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORKING], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
