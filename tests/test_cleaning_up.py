"""The consumer's own end: however a socket's task ends, its place in the hub is free again."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from scheduler_realtime import hub as hubs
from scheduler_realtime import mailbox as mailboxes
from scheduler_realtime import road as roads
from scheduler_realtime.consumers import RealtimeConsumer
from scheduler_realtime.identity import Identity
from scheduler_realtime.session import Session
from tests.harness.house import House, StillTail, identity
from tests.harness.line import Line, turns, until

pytestmark = pytest.mark.sqlite_only


@pytest.fixture
async def house(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Any:
    settings.SCHEDULER_REALTIME = {"SEND_TIMEOUT": 0.05}
    monkeypatch.setattr(mailboxes, "CLOSE_GRACE", 0.05)
    monkeypatch.setattr(roads, "Tail", StillTail)
    house = House()
    monkeypatch.setattr(hubs, "current", lambda: house.hub)
    house.open()
    await house.hub.road.ready.wait()
    yield house
    await house.close()


class Socket:
    """A consumer at work on a line, as a server runs it."""

    def __init__(self, line: Line, send: Callable[[dict[str, Any]], Any] | None = None) -> None:
        self.line = line
        self._inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._inbox.put_nowait({"type": "websocket.connect"})
        self._send = send or line.send
        self.task = asyncio.create_task(self._run(identity()))

    async def _run(self, who: Identity) -> None:
        scope = {"type": "websocket", "subprotocols": [], "realtime_identity": who}
        await RealtimeConsumer.as_asgi()(scope, self._inbox.get, self._send)

    def hears(self, text: str) -> None:
        self._inbox.put_nowait({"type": "websocket.receive", "text": text})

    def is_left(self) -> None:
        self._inbox.put_nowait({"type": "websocket.disconnect", "code": 1001})


async def seated(house: House, socket: Socket) -> None:
    await until(lambda: len(house.hub.connections) == 1)
    assert not socket.task.done()


async def test_a_client_that_leaves_frees_its_place(house: House) -> None:
    socket = Socket(Line())
    await seated(house, socket)

    socket.is_left()
    await socket.task

    assert house.hub.connections == set()


async def test_a_handler_that_raises_frees_its_place(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(self: Session, message: Any) -> None:
        raise LookupError("a bug")

    monkeypatch.setattr(Session, "receive", fail)
    socket = Socket(Line())
    await seated(house, socket)

    socket.hears("anything")
    with pytest.raises(LookupError):
        await socket.task

    assert house.hub.connections == set()
    assert list(house.hub.groups.names()) == []


async def test_a_task_that_the_server_cancels_frees_its_place(house: House) -> None:
    socket = Socket(Line())
    await seated(house, socket)

    socket.task.cancel()
    await asyncio.wait([socket.task])

    assert socket.task.cancelled()
    assert house.hub.connections == set()


async def test_a_client_that_left_before_it_was_welcome_takes_no_place(house: House) -> None:
    house.hub.road.ready.clear()
    socket = Socket(Line())
    await turns()

    socket.is_left()
    house.hub.road.ready.set()
    await socket.task

    assert house.hub.connections == set()


async def test_a_client_that_stalls_behind_a_middleware_frees_its_place(house: House) -> None:
    line = Line()
    socket = Socket(line, line.behind_middleware)
    await seated(house, socket)
    line.stall()

    house.publish_more(1)
    await until(lambda: not house.hub.connections)

    line.read_on()
    await socket.task
    assert line.cuts == 0
    assert line.close_code == 4412


async def test_a_middleware_that_cannot_send_ends_the_socket(house: House) -> None:
    line = Line()
    socket = Socket(line, line.behind_middleware)
    await seated(house, socket)

    line.error = RuntimeError("a middleware's bug")
    house.publish_more(1)
    await socket.task

    assert house.hub.connections == set()
