"""One socket's mailbox: what is kept, what is dropped, and how it ends with a client that stalls."""

import asyncio
import contextvars
from collections.abc import Callable
from typing import Any

import pytest

from scheduler_realtime import mailbox as mailboxes
from scheduler_realtime.mailbox import Item, Mailbox
from tests.harness.line import DaphneLine, Line, turns, until

SLOW_READER = 4412


class Box:
    """A mailbox on a line, and what it told its owner. It ends as a connection ends it."""

    def __init__(self, line: Line, send: Callable[[dict[str, Any]], Any]) -> None:
        self.line = line
        self.spaces = self.aborts = 0
        self.mailbox = Mailbox(
            send, on_stuck=self._stuck, on_space=self._space, on_abort=self._aborted
        )

    def put(self, text: str | None, *, size: int = 10, is_ephemeral: bool = False) -> None:
        self.mailbox.put(Item(text=lambda: text, size=size, is_ephemeral=is_ephemeral))

    def fill(self, *texts: str, is_ephemeral: bool = False) -> None:
        for text in texts:
            self.put(text, is_ephemeral=is_ephemeral)

    async def says(self, *texts: str) -> None:
        await until(lambda: len(self.line.texts) >= len(texts))
        assert self.line.texts == list(texts)

    def _stuck(self) -> None:
        self.mailbox.discard()
        self.mailbox.close(SLOW_READER)

    def _space(self) -> None:
        self.spaces += 1

    def _aborted(self) -> None:
        self.aborts += 1


@pytest.fixture(params=["uvicorn", "behind a middleware"])
async def box(request: pytest.FixtureRequest) -> Any:
    """A mailbox that drives `send` by hand, and one that writes from a task."""
    line = Line()
    box = Box(line, line.send if request.param == "uvicorn" else line.behind_middleware)
    yield box
    box.mailbox.finish()


@pytest.fixture
async def daphne_box() -> Any:
    line = DaphneLine()
    box = Box(line, line.own_send)
    yield box
    box.mailbox.finish()


@pytest.fixture(autouse=True)
def _small(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.SCHEDULER_REALTIME = {
        "MAILBOX_FRAMES": 4,
        "MAILBOX_BYTES": 100,
        "SEND_TIMEOUT": 0.1,
    }
    monkeypatch.setattr(mailboxes, "CLOSE_GRACE", 0.1)
    monkeypatch.setattr(mailboxes, "HANDSHAKE_GRACE", 0.2)


async def stall(box: Box) -> None:
    """Have the client stop reading with one frame, `held`, on its way: what follows waits."""
    box.line.stall()
    box.put("held")
    await turns()


async def test_frames_are_written_in_the_order_they_were_put(box: Box) -> None:
    await stall(box)
    box.fill("one", "two")
    box.line.read_on()
    box.fill("three")

    await box.says("held", "one", "two", "three")


async def test_a_client_that_reads_is_written_to_before_put_returns() -> None:
    line = Line()
    box = Box(line, line.send)

    box.put("at once")

    assert line.texts == ["at once"]
    box.mailbox.finish()


async def test_what_is_not_for_this_client_any_more_is_not_written(box: Box) -> None:
    box.put(None)
    box.put("after it")

    await box.says("after it")


async def test_the_oldest_ephemeral_frame_makes_room_for_a_newer_one(box: Box) -> None:
    await stall(box)
    box.fill("a", "b", "c", "d", "e", is_ephemeral=True)
    box.line.read_on()

    await box.says("held", "b", "c", "d", "e")
    assert box.mailbox.dropped == 1


async def test_a_durable_frame_pushes_out_no_more_ephemeral_ones_than_it_needs(box: Box) -> None:
    await stall(box)
    box.fill("a", "b", is_ephemeral=True)
    box.fill("durable")
    box.fill("c", is_ephemeral=True)

    assert box.mailbox.has_room(10)
    box.fill("last")
    box.line.read_on()

    await box.says("held", "b", "durable", "c", "last")


async def test_an_ephemeral_frame_pushes_out_no_durable_one(box: Box) -> None:
    await stall(box)
    box.fill("1", "2", "3", "4")
    box.fill("late", is_ephemeral=True)
    box.line.read_on()

    await box.says("held", "1", "2", "3", "4")


@pytest.mark.parametrize(("count", "size"), [(4, 1), (2, 50)])
async def test_it_is_full_by_frames_and_by_bytes(box: Box, count: int, size: int) -> None:
    await stall(box)
    for _ in range(count):
        assert box.mailbox.has_room(size)
        box.put("durable", size=size)

    assert not box.mailbox.has_room(size)


async def test_an_empty_mailbox_takes_a_message_of_any_size(box: Box) -> None:
    await stall(box)

    assert box.mailbox.has_room(10**9)


async def test_space_is_told_of_once_and_only_to_who_found_none(box: Box) -> None:
    await stall(box)
    box.fill("1", "2", "3", "4")
    box.line.read_on()
    await box.says("held", "1", "2", "3", "4")
    assert box.spaces == 0

    box.line.stall()
    box.put("held")
    await turns()
    box.fill("1", "2", "3", "4")
    assert not box.mailbox.has_room(1)
    box.line.read_on()

    await until(lambda: len(box.line.texts) == 10)
    assert box.spaces == 1


async def test_a_close_goes_behind_what_waits(box: Box) -> None:
    await stall(box)
    box.fill("one")
    box.mailbox.close(4401)
    box.fill("never")
    box.line.read_on()

    await until(lambda: box.line.close_code)
    assert box.line.close_code == 4401
    assert box.line.texts == ["held", "one"]


async def test_the_first_close_code_stands(box: Box) -> None:
    box.mailbox.close(4401)
    box.mailbox.close(4403)

    await until(lambda: box.line.close_code)
    assert [message["type"] for message in box.line.sent] == ["websocket.close"]
    assert box.line.close_code == 4401


async def test_a_client_that_reads_on_in_time_is_told_that_it_was_too_slow(box: Box) -> None:
    await stall(box)
    box.fill("one")

    await until(lambda: box.mailbox.is_closing)
    box.line.read_on()

    await until(lambda: box.line.close_code)
    assert box.line.close_code == SLOW_READER
    assert box.line.texts == ["held"]


async def test_a_client_that_never_reads_is_cut_off(box: Box) -> None:
    await stall(box)

    await until(lambda: box.aborts)

    assert box.line.close_code is None


async def test_cutting_off_reaches_the_servers_transport() -> None:
    line = Line()
    box = Box(line, line.send)
    await stall(box)

    await until(lambda: line.cuts)

    assert box.aborts == 1


async def test_a_send_that_raises_ends_the_connection(box: Box) -> None:
    box.line.error = ConnectionResetError("gone")
    box.put("one")

    await until(lambda: box.aborts)
    box.put("two")

    assert box.line.sent == []
    assert box.aborts == 1


async def test_a_client_that_asks_and_does_not_read_is_too_slow(box: Box) -> None:
    await stall(box)

    for _ in range(8):
        box.put("a reply")

    assert box.mailbox.is_closing


async def test_a_large_message_that_waits_leaves_room_for_replies(box: Box) -> None:
    await stall(box)
    box.put("large", size=1000)
    box.put("a reply")
    box.line.read_on()

    await box.says("held", "large", "a reply")


async def test_finishing_twice_is_finishing_once(box: Box) -> None:
    await stall(box)
    box.fill("one")

    box.mailbox.finish()
    box.mailbox.finish()
    box.line.read_on()
    box.put("two")
    await turns()

    assert "one" not in box.line.texts
    assert box.aborts == 0


async def test_what_a_finished_client_never_reads_is_cut_off_later() -> None:
    line = Line()
    box = Box(line, line.send)
    await stall(box)

    box.mailbox.finish()

    assert line.cuts == 0
    await until(lambda: line.cuts)


async def test_a_timeout_in_a_middlewares_send_cancels_nobody_else() -> None:
    line = Line()

    async def impatient(message: dict[str, Any]) -> None:
        async with asyncio.timeout(0.01):
            await line.send(message)

    box = Box(line, impatient)
    line.stall()

    box.put("one")
    await until(lambda: box.aborts)  # in this very task, which would have been cancelled

    assert line.sent == []


async def test_a_send_acts_in_the_context_its_socket_was_opened_in() -> None:
    who = contextvars.ContextVar("who", default="nobody")
    seen = []

    class Server(Line):
        async def send(self, message: dict[str, Any]) -> None:
            seen.append(who.get())
            who.set("the send")

    Server.__module__ = Line.__module__
    who.set("the socket")
    box = Box(Line(), Server().send)

    who.set("somebody who publishes")
    box.put("one")

    assert seen == ["the socket"]
    assert who.get() == "somebody who publishes"
    box.mailbox.finish()


async def test_daphnes_pause_holds_frames_back_and_its_resume_lets_them_go(daphne_box: Box) -> None:
    producer = daphne_box.line.producer  # type: ignore[attr-defined]
    daphne_box.put("before")
    producer.pauseProducing()
    daphne_box.fill("one", "two")
    assert daphne_box.line.texts == ["before"]

    producer.resumeProducing()

    await daphne_box.says("before", "one", "two")


async def test_a_pause_that_lasts_cuts_the_client_off_whatever_pings_repeat_it(
    daphne_box: Box,
) -> None:
    producer = daphne_box.line.producer  # type: ignore[attr-defined]

    def still_paused() -> int:
        producer.pauseProducing()
        return daphne_box.line.cuts

    await until(still_paused)


async def test_a_pause_that_ends_in_time_ends_nothing(daphne_box: Box) -> None:
    other = Box(line := DaphneLine(), line.own_send)
    for producer in (daphne_box.line.producer, line.producer):  # type: ignore[attr-defined]
        producer.pauseProducing()

    daphne_box.line.producer.resumeProducing()  # type: ignore[attr-defined]
    await until(lambda: other.aborts)

    assert not daphne_box.mailbox.is_closing


async def test_daphnes_transport_is_let_go_with_the_socket(daphne_box: Box) -> None:
    daphne_box.mailbox.finish()

    assert daphne_box.line.producer is None  # type: ignore[attr-defined]
