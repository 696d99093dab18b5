"""Malformed frames: each is answered or ends its own socket, and nothing is left of it."""

import asyncio
import contextlib
import gc
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import psutil
import pytest

from scheduler_realtime import books, commands, mailbox
from scheduler_realtime.commands import Ack
from scheduler_realtime.ratelimit import Buckets
from scheduler_realtime.session import Session
from tests.harness.hostile import Hostile
from tests.harness.house import House, Seat, tasks_of_ours
from tests.harness.line import until
from tests.harness.malformed import BAD, BROKEN, by_chance
from tests.harness.site import Site

MANY = 10_000
LIVE = 400

CODES = {
    "bad_json",
    "unknown_type",
    "bad_data",
    "rate_limited",
    "not_permitted",
    "token_rejected",
}


def received(frame: str | bytes) -> Mapping[str, Any]:
    return {"bytes" if isinstance(frame, bytes) else "text": frame}


@pytest.fixture
def books_closed(transactional_db: None) -> Iterator[None]:
    """A database that the books thread sees as well."""
    yield
    asyncio.run(books.close())


@pytest.fixture
async def seat(books_closed: None, house: House) -> Seat:
    return await house.join()


@pytest.mark.sqlite_only
@pytest.mark.parametrize("frame", BAD, ids=range(len(BAD)))
async def test_a_frame_that_is_none_gets_one_error_and_the_socket_lives_on(
    seat: Seat, frame: str | bytes
) -> None:
    talk = Session(seat.house.hub, seat.connection)

    await talk.receive(received(frame))
    await talk.receive({"text": '{"type":"presence"}'})
    await until(lambda: "presence_state" in seat.types)

    assert seat.types.count("error") == 1
    assert seat.last("error")["data"]["code"] in CODES
    assert not seat.connection.is_closing


def test_sixty_of_them_are_by_hand() -> None:
    assert len({*BAD, *BROKEN.values()}) >= 60


@pytest.mark.sqlite_only
@pytest.mark.slow
@pytest.mark.usefixtures("books_closed")
async def test_ten_thousand_frames_by_chance_leave_no_task_and_no_memory(
    house: House, settings: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for grace in ("ANSWER_WITHIN", "CLOSE_GRACE", "HANDSHAKE_GRACE"):
        monkeypatch.setattr(mailbox, grace, 0.01)
    settings.SCHEDULER_REALTIME |= {"FRAMES_BURST": MANY}
    house.hub.door.frames = Buckets(2 * MANY, 1)
    frames = by_chance(MANY)
    await say_all(house, frames[:500])  # what is made once for all is made by now
    tasks = len(tasks_of_ours())

    with tracing() as in_use:
        await say_all(house, frames)
        await until(lambda: in_use() < 2**20)

    assert len(frames) >= MANY * 0.9
    assert len(tasks_of_ours()) <= tasks
    assert not house.hub.connections
    assert [record.getMessage() for record in caplog.records if record.exc_info] == []


async def say_all(house: House, frames: list[str | bytes]) -> None:
    """Each frame on a socket that lives: another one is opened where the last one was closed."""
    seat: Seat | None = None
    for number, frame in enumerate(frames):
        if seat is None:
            seat = await house.join()
            talk = Session(house.hub, seat.connection)
        before = len(seat.line.sent)
        await talk.receive(received(frame))
        assert len(seat.line.sent) > before or is_ack(frame), frame
        if seat.connection.is_closing or number == len(frames) - 1:
            assert seat.line.close_code in {4400, None}, frame
            seat.leave()
            seat = None


def is_ack(frame: str | bytes) -> bool:
    """Whether it is answered later, once it is written."""
    return isinstance(frame, str) and isinstance(commands.parse(frame), Ack)


@contextlib.contextmanager
def tracing() -> Iterator[Callable[[], int]]:
    """How many bytes are in use, of those that were asked for within the block."""

    def in_use() -> int:
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        yield in_use
    finally:
        tracemalloc.stop()


@pytest.fixture
def site(embedded_site: Site) -> Iterator[Site]:
    before = len(embedded_site.server.log_text())
    yield embedded_site
    log = embedded_site.server.log_text()[before:]
    # uvicorn tells of these by itself, with where it noticed.
    assert log.count("Traceback") == log.count("ERROR:    Invalid UTF-8 sequence received")


@pytest.mark.slow
async def test_a_server_outlives_whatever_is_sent(site: Site) -> None:
    process = psutil.Process(site.server.pid)
    frames = [*BAD, *filter(is_sendable, by_chance(LIVE))]
    await pour(site, frames)
    before = (process.num_fds(), process.memory_info().rss)

    await pour(site, frames)
    for broken in BROKEN.values():
        await break_off(site, broken)
    async with site.listen("viewer") as ear:
        await ear.ask("heartbeat")

    async with asyncio.timeout(5):
        while process.num_fds() > before[0]:  # noqa: ASYNC110 - of another process
            await asyncio.sleep(0.05)
    assert process.memory_info().rss - before[1] < 8 * 2**20


def is_sendable(frame: str | bytes) -> bool:
    """Whether a text can be put into a frame at all."""
    if isinstance(frame, str):
        with contextlib.suppress(UnicodeEncodeError):
            return frame.encode() is not None
        return False
    return True


async def pour(site: Site, frames: list[str | bytes]) -> None:
    """Send them all, on as many sockets as it takes: after a fifth bad one a socket is closed."""
    waiting = list(reversed(frames))
    while waiting:
        async with site.listen("nurse") as ear:
            await ear.next("welcome")
            for number in range(4):
                if waiting:
                    await ear.send_raw(waiting.pop())
                    await ear.send({"type": "heartbeat", "ref": f"beat {number}"})
                    await ear.next("heartbeat_ack", where=is_beat(number))


def is_beat(number: int) -> Any:
    return lambda frame: frame.get("ref") == f"beat {number}"


async def break_off(site: Site, broken: bytes) -> None:
    """Send what is no WebSocket, and wait until the server has ended that connection."""
    async with Hostile.connected(site.server) as client:
        await client.request(site.token("nurse"))
        async with asyncio.timeout(10):
            await client.ended_after(broken)
