"""News: threads that wait for the log are woken by the hub, and look for themselves without one."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connections

from scheduler_realtime import log, news
from scheduler_realtime.log import Draft
from scheduler_realtime.testing import pump
from tests.harness.child import wait_for

EPOCH = "an epoch"


class Waiter:
    """A thread that waits beyond a position."""

    def __init__(self, position: int, *, epoch: str = EPOCH, seconds: float = 10) -> None:
        self.answer: bool | None = None
        self._thread = threading.Thread(target=self._wait, args=(epoch, position, seconds))
        before = news._waiting  # noqa: SLF001 - to know when it has begun
        self._thread.start()
        wait_for(lambda: news._waiting > before or not self.is_waiting, within=5, what="a waiter")  # noqa: SLF001

    def _wait(self, epoch: str, position: int, seconds: float) -> None:
        self.answer = news.wait_beyond(epoch, position, seconds)
        connections.close_all()

    @property
    def is_waiting(self) -> bool:
        return self._thread.is_alive()

    def woken(self) -> bool | None:
        self._thread.join(10)
        assert not self.is_waiting
        return self.answer


@pytest.fixture(autouse=True)
def _a_process_that_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever hubs there were before, and ended."""
    monkeypatch.setattr(news, "_is_ending", False)


@pytest.fixture
def reach() -> Iterator[Callable[[int], None]]:
    """A hub that reads the log, in name."""
    hub = object()
    news.follow(hub)
    news.reach(EPOCH, 5)
    yield lambda position: news.reach(EPOCH, position)
    news.unfollow(hub)


def test_what_lies_beyond_already_is_not_waited_for(reach: Callable[[int], None]) -> None:
    assert news.wait_beyond(EPOCH, 4, 10) is True


def test_the_hubs_next_step_wakes_who_waits(reach: Callable[[int], None]) -> None:
    waiter = Waiter(5)
    reach(5)
    was_waiting = waiter.is_waiting
    reach(6)

    assert was_waiting
    assert waiter.woken() is True


def test_a_hub_that_is_behind_the_reader_does_not_wake_it(reach: Callable[[int], None]) -> None:
    waiter = Waiter(9)
    reach(8)
    was_waiting = waiter.is_waiting
    reach(10)

    assert was_waiting
    assert waiter.woken() is True


def test_another_log_wakes_whoever_waits_for_the_old_one(reach: Callable[[int], None]) -> None:
    waiter = Waiter(5)

    news.reach("another", 1)

    assert waiter.woken() is True


def test_waiting_ends_with_its_time(reach: Callable[[int], None]) -> None:
    assert news.wait_beyond(EPOCH, 5, 0.01) is False


def test_a_hub_that_is_about_to_end_lets_go_of_whoever_waits() -> None:
    hub = object()
    news.follow(hub)
    news.reach(EPOCH, 5)
    waiter = Waiter(5)

    news.unfollow(hub)

    assert waiter.woken() is False


def test_nobody_begins_to_wait_in_a_process_that_is_about_to_end() -> None:
    hub = object()
    news.follow(hub)
    news.unfollow(hub)

    waiter = Waiter(5)

    assert waiter.woken() is False


def test_beyond_the_limit_nobody_waits(
    reach: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(news, "WAITERS", 1)
    first = Waiter(5)

    assert news.wait_beyond(EPOCH, 5, 60) is False
    reach(6)
    assert first.woken() is True


@pytest.mark.django_db(transaction=True)
def test_without_a_hub_the_log_is_looked_at(settings: Any) -> None:
    settings.SCHEDULER_REALTIME = {"LOOK_INTERVAL": 0.01}
    state = log.state()
    waiter = Waiter(state.head, epoch=state.epoch)

    log.append([Draft(type="system_notification", data={}, groups=frozenset({"everyone"}))])
    pump()

    assert waiter.woken() is True
