"""The end of a mailbox: with a client that stalls, is gone, or asks and does not read."""

import pytest

from scheduler_realtime import mailbox as mailboxes
from tests.harness.box import SLOW_READER, Box, stall
from tests.harness.line import DaphneLine, Line, turns, until

pytestmark = [pytest.mark.sqlite_only, pytest.mark.usefixtures("small_mailboxes")]


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


async def test_a_client_that_is_lost_before_its_close_frame_is_owed_no_answer_to_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mailboxes, "HANDSHAKE_GRACE", 60)
    line = Line()
    box = Box(line, line.send)
    await stall(box)
    box.mailbox.close(4512)

    box.mailbox.finish()

    await until(lambda: line.cuts)


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
