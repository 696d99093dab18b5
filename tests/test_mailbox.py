"""One socket's mailbox: what is kept, what is dropped, and in whose name it is written."""

import asyncio
import contextvars
from typing import Any

import pytest

from tests.harness.box import Box, stall
from tests.harness.line import Line, OldLine, turns, until

pytestmark = [pytest.mark.sqlite_only, pytest.mark.usefixtures("small_mailboxes")]


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


async def test_a_close_that_waits_for_the_client_cancels_nobody_else() -> None:
    line = OldLine()
    box = Box(line, line.send)

    box.mailbox.close(4401)
    await until(lambda: line.has_given_up)  # in this very task, which would have been cancelled

    assert line.close_code == 4401
    box.mailbox.finish()


async def test_a_close_that_waits_for_the_client_needs_no_task_to_start_it() -> None:
    line = OldLine()
    box = Box(line, line.send)

    asyncio.get_running_loop().call_soon(box.mailbox.close, 4401)

    await until(lambda: line.close_code)
    assert line.close_code == 4401
    box.mailbox.finish()


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


async def test_who_does_not_read_is_not_read_either(daphne_box: Box) -> None:
    line: Any = daphne_box.line

    line.producer.pauseProducing()
    line.resumeProducing()  # as a server does by itself when a frame was taken
    daphne_box.mailbox.hold_back()
    is_read = line.is_read
    line.producer.resumeProducing()

    assert (is_read, line.is_read) == (False, True)


async def test_who_is_not_heard_any_more_is_not_read_while_it_is_told(daphne_box: Box) -> None:
    line: Any = daphne_box.line

    daphne_box.mailbox.close(4429, is_heard=False)
    await turns()

    assert (line.close_code, line.is_read) == (4429, False)


async def test_daphnes_pause_holds_frames_back_and_its_resume_lets_them_go(daphne_box: Box) -> None:
    producer = daphne_box.line.producer  # type: ignore[attr-defined]
    daphne_box.put("before")
    producer.pauseProducing()
    daphne_box.fill("one", "two")
    assert daphne_box.line.texts == ["before"]

    producer.resumeProducing()

    await daphne_box.says("before", "one", "two")
