"""The tail thread: it follows one log, and begins anew where that is not the one it followed."""

import queue
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import OperationalError

from scheduler_realtime import backoff, log, tail
from scheduler_realtime.log import Page, Place, Row, State
from scheduler_realtime.models import Log
from scheduler_realtime.relay import Relay, Turn
from scheduler_realtime.tail import Tail
from tests.test_log import draft
from tests.test_recognition import publish, restored_to

Heard = tuple[str, Any, Any]


class Ear:
    """A hub that writes down what its tail tells it."""

    def __init__(self) -> None:
        self._heard: queue.Queue[Heard] = queue.Queue()
        self.tail = Tail(self)

    def next(self, what: str) -> Heard:
        """The next thing that is told, looks where nothing was new apart; it is of that kind."""
        deadline = time.monotonic() + 5
        while True:
            heard = self._heard.get(timeout=max(0, deadline - time.monotonic()))
            if heard[0] == what or heard[0] != "level":
                assert heard[0] == what
                return heard

    def positions_up_to(self, last: int) -> list[int]:
        """Of the pages that come until then."""
        found: list[int] = []
        while last not in found:
            found += [row.position for row in self.next("page")[1]]
        return found

    def start_at(self, state: State) -> None:
        self._heard.put(("start", state, None))

    def arrive(self, page: Page) -> None:
        self.tail.taken()
        if page.rows:
            self._heard.put(("page", page.rows, None))

    def replaced(self, state: State, reason: str) -> None:
        self._heard.put(("replaced", state, reason))

    def level(self, at: float) -> None:
        self._heard.put(("level", at, None))

    def alert(self, rows: tuple[Row, ...]) -> None: ...


class Line:
    """The tail's way to the database, which a test may hold up and cut."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._is_up = threading.Event()
        self._is_up.set()
        self._is_held = threading.Event()
        self._fault: Exception | None = None
        turn = Relay.turn

        def turn_on_the_line(relay: Relay, **facts: Any) -> Turn:
            self._pass()
            return turn(relay, **facts)

        monkeypatch.setattr(Relay, "turn", turn_on_the_line)
        monkeypatch.setattr(backoff, "PAUSES", (0.01,))

    def hold(self) -> None:
        """Let the tail wait at its next turn; return when it does."""
        self._is_held.clear()
        self._is_up.clear()
        assert self._is_held.wait(5)

    def go_on(self) -> None:
        """On the same connection, as a process that was frozen."""
        self._is_up.set()

    def break_off(self) -> None:
        """The connection is lost, and another can be had."""
        self._fault = OperationalError("the server closed the connection")
        self._is_up.set()

    def _pass(self) -> None:
        if not self._is_up.is_set():
            self._is_held.set()
            self._is_up.wait(5)
        fault, self._fault = self._fault, None
        if fault is not None:
            raise fault


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> Line:
    return Line(monkeypatch)


@pytest.fixture
def ear(committed: None, line: Line) -> Iterator[Ear]:
    """A tail that follows a log of two messages, and what it tells."""
    publish(2)
    ear = Ear()
    ear.tail.start()
    yield ear
    line.go_on()
    ear.tail.stop()
    ear.tail.join(5)


@pytest.fixture
def backup(ear: Ear) -> Place:
    """Where the log stands, before the tail hears of two more messages."""
    ear.next("start")
    backup = log.look().head
    publish(2)
    ear.positions_up_to(4)
    return backup


def test_a_log_that_is_the_same_after_a_cut_is_followed_without_a_word(
    ear: Ear, line: Line, backup: Place
) -> None:
    line.hold()
    publish(2)
    line.break_off()

    assert ear.positions_up_to(6) == [5, 6]


def test_a_log_whose_head_fell_back_during_a_cut_is_another_one(
    ear: Ear, line: Line, backup: Place
) -> None:
    line.hold()
    restored_to(backup)
    line.break_off()

    _, state, reason = ear.next("replaced")
    publish()

    assert (state.head, reason) == (2, "epoch_changed")
    assert state.epoch != backup.epoch
    assert ear.positions_up_to(3) == [3]


@pytest.mark.parametrize("ends", ["go_on", "break_off"])
def test_a_log_that_was_put_back_and_has_outrun_the_old_one_is_another_one(
    ear: Ear, line: Line, backup: Place, ends: str
) -> None:
    line.hold()
    restored_to(backup)
    publish(5)
    getattr(line, ends)()

    _, state, reason = ear.next("replaced")
    publish()

    assert (state.head, reason) == (7, "epoch_changed")
    assert state.epoch != backup.epoch
    assert ear.positions_up_to(8) == [8]


def test_no_position_is_given_on_a_new_connection_before_the_log_is_recognised(
    ear: Ear, line: Line, backup: Place
) -> None:
    line.hold()
    restored_to(backup)
    log.append([draft("waits")])
    line.break_off()

    _, state, _ = ear.next("replaced")

    assert state.head == 2
    assert ear.positions_up_to(3) == [3]


def test_an_epoch_that_somebody_else_renewed_is_told_within_a_look(ear: Ear, backup: Place) -> None:
    log.renew_epoch()

    _, state, reason = ear.next("replaced")

    assert (state.head, reason) == (4, "epoch_changed")
    assert state.epoch == log.state().epoch != backup.epoch


def test_what_was_trimmed_unread_is_told_within_the_same_epoch(
    ear: Ear, line: Line, backup: Place
) -> None:
    line.hold()
    publish(2)
    Log.objects.update(floor=5)
    line.go_on()

    _, state, reason = ear.next("replaced")

    assert (state.epoch, state.head, reason) == (backup.epoch, 6, "trimmed")


def test_a_log_that_was_trimmed_and_renewed_unread_has_another_epoch(
    ear: Ear, line: Line, backup: Place
) -> None:
    line.hold()
    publish(2)
    Log.objects.update(floor=5)
    log.renew_epoch()
    line.go_on()

    assert ear.next("replaced")[2] == "epoch_changed"


def test_a_connection_is_looked_at_once(
    ear: Ear, monkeypatch: pytest.MonkeyPatch, backup: Place
) -> None:
    def again(*known: Any, **facts: Any) -> None:
        raise AssertionError("a second time")

    monkeypatch.setattr(log, "recognise", again)

    for _ in range(3):
        ear.next("level")


def test_a_connection_that_outlives_its_server_is_looked_at_again(
    ear: Ear, line: Line, backup: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "ASK_AGAIN", 0.3)
    line.hold()
    restored_to(backup)
    publish(2)
    line.go_on()

    _, state, reason = ear.next("replaced")

    assert (state.head, reason) == (4, "epoch_changed")


def test_a_database_that_goes_while_it_is_recognised_is_tried_again(
    ear: Ear, line: Line, backup: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults, recognise = [OperationalError("out"), OperationalError("out")], log.recognise

    def failing(known: Place, **facts: Any) -> Any:
        if faults:
            raise faults.pop()
        return recognise(known, **facts)

    monkeypatch.setattr(log, "recognise", failing)
    line.hold()
    restored_to(backup)
    line.break_off()

    assert ear.next("replaced")[2] == "epoch_changed"


def test_a_page_whose_alerts_cannot_be_read_is_read_again(
    ear: Ear, line: Line, backup: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults, read = [OperationalError("out")], log.read_alerts_after

    def failing(position: int) -> Any:
        if faults:
            raise faults.pop()
        return read(position)

    monkeypatch.setattr(log, "PAGE", 1)
    monkeypatch.setattr(log, "read_alerts_after", failing)
    publish()

    assert ear.positions_up_to(5) == [5]
    assert not faults
