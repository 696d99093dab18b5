"""A server's end of one socket without the network: what was sent, and a client that may stall."""

import asyncio
import contextlib
import functools
import itertools
from collections.abc import Callable
from typing import Any

Message = dict[str, Any]


class Line:
    """Looks to the addon like uvicorn's own `send`, with `behind_middleware` like anybody's."""

    # By this uvicorn's protocols are known, whose `send` may be driven by hand.
    __module__ = "uvicorn.protocols.websockets.fake"

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.cuts = 0
        self.transport = self
        self.error: Exception | None = None
        self._writable = asyncio.Event()
        self._writable.set()

    async def send(self, message: Message) -> None:
        await self._writable.wait()
        if self.error is not None:
            raise self.error
        self.sent.append(message)

    @property
    def behind_middleware(self) -> Callable[[Message], Any]:
        """Its `send` as a host's middleware hands it on: a function of its own."""

        async def send(message: Message) -> None:
            async with asyncio.timeout(60):
                await self.send(message)

        return send

    def stall(self) -> None:
        """The client stops reading."""
        self._writable.clear()

    def read_on(self) -> None:
        """The client reads again."""
        self._writable.set()

    def abort(self) -> None:
        """The transport's own: the line is cut."""
        self.cuts += 1

    @property
    def texts(self) -> list[str]:
        return [message["text"] for message in self.sent if message["type"] == "websocket.send"]

    @property
    def close_code(self) -> int | None:
        """The code of the close frame, if one was sent."""
        return next((m["code"] for m in self.sent if m["type"] == "websocket.close"), None)


class OldLine(Line):
    """Looks like the protocol of `uvicorn --ws websockets`, whose close waits for the client."""

    __module__ = "uvicorn.protocols.websockets.websockets_impl"

    def __init__(self) -> None:
        super().__init__()
        self.answer = asyncio.Event()
        self.has_given_up = False

    async def send(self, message: Message) -> None:
        if message["type"] != "websocket.close":
            await super().send(message)
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.05):
                await super().send(message)
                await self.answer.wait()
        self.has_given_up = True


class DaphneLine(Line):
    """Looks to the addon like daphne's `send`, and pauses its producer as Twisted's transport does."""

    def __init__(self) -> None:
        super().__init__()
        self.producer: Any = None
        self.is_read = self.connected = True
        handle_reply = self._handle_reply
        self.own_send = functools.partial(handle_reply, self)

    async def _handle_reply(self, protocol: object, message: Message) -> None:
        self.sent.append(message)

    _handle_reply.__module__ = "daphne.server"

    def registerProducer(self, producer: object, streaming: bool) -> None:  # noqa: N802
        assert streaming
        self.producer = producer

    def unregisterProducer(self) -> None:  # noqa: N802
        self.producer = None

    def pauseProducing(self) -> None:  # noqa: N802
        self.is_read = False

    def resumeProducing(self) -> None:  # noqa: N802
        self.is_read = True

    abortConnection = Line.abort  # noqa: N815


async def turns(number: int = 5) -> None:
    """Let the loop go round so many times."""
    for _ in range(number):
        await asyncio.sleep(0)


async def until(condition: Callable[[], Any], *, within: float = 2) -> None:
    """Let the loop go round until it holds; AssertionError after `within` seconds.

    Every few rounds other threads get their turn: a loop that never rests starves them.
    """
    rounds = itertools.cycle([0.0] * 9 + [0.001])
    try:
        async with asyncio.timeout(within):
            while not condition():  # noqa: ASYNC110 - any fact may be asked for
                await asyncio.sleep(next(rounds))
    except TimeoutError:
        raise AssertionError(f"not within {within} s") from None
