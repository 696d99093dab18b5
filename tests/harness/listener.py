"""A WebSocket client that remembers every frame it heard and waits for the next one."""

import asyncio
import contextlib
import itertools
import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Literal, NoReturn, Protocol
from urllib.parse import urlencode

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin, Subprotocol

from tests.harness import frame_schema

Frame = dict[str, Any]
Wish = Callable[[Frame], bool]
How = Literal["subprotocol", "query", "header", "first_frame", "none"]


class HasWebSocket(Protocol):
    """Whatever knows where its socket is: an AppServer."""

    ws_url: str


class Listener:
    """One connection. Frames are taken in any order and each at most once; `frames` has them all."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.frames: list[Frame] = []
        self._untaken: list[Frame] = []
        self._news = asyncio.Condition()
        self._fault: str | None = None
        self._ended = False
        self._refs = itertools.count(1)
        self._reader = asyncio.create_task(self._read())

    @classmethod
    @contextlib.asynccontextmanager
    async def open(
        cls,
        server: HasWebSocket | str,
        *,
        token: str | None = None,
        how: How = "subprotocol",
        params: Mapping[str, object] | None = None,
        origin: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 10,  # noqa: ASYNC109 - the handshake's own bound
    ) -> "AsyncIterator[Listener]":
        """Connect, and close on the way out.

        `server` is an AppServer or a URL; `params` become the query string. Where the handshake
        is refused, websockets' own `InvalidStatus` comes through.
        """
        words, header, query = _credential(token, how)
        query |= {key: str(value) for key, value in (params or {}).items()}
        url = server if isinstance(server, str) else server.ws_url
        connection = await connect(
            f"{url}?{urlencode(query)}" if query else url,
            subprotocols=[Subprotocol(word) for word in words] or None,
            additional_headers=header | dict(headers or {}),
            origin=None if origin is None else Origin(origin),
            compression=None,
            proxy=None,
            max_size=None,
            open_timeout=timeout,
            close_timeout=2,
            ping_interval=None,
        )
        ear = cls(connection)
        try:
            if token is not None and how == "first_frame":
                await ear.send({"type": "authenticate", "data": {"token": token}})
            yield ear
        finally:
            await ear.close()

    async def send(self, message: Mapping[str, Any]) -> None:
        await self.connection.send(json.dumps(message, allow_nan=False))

    async def send_raw(self, payload: str | bytes) -> None:
        """A text frame with exactly these characters, or a binary one with these bytes."""
        await self.connection.send(payload)

    async def ask(self, type: str, data: Mapping[str, Any] | None = None) -> Frame:  # noqa: A002
        """Send a command with a `ref` of its own and take the reply that carries it."""
        ref = f"ref-{next(self._refs)}"
        await self.send({"type": type, "data": dict(data or {}), "ref": ref})
        return await self.next(where=lambda frame: frame.get("ref") == ref)

    async def next(
        self,
        type: str | None = None,  # noqa: A002 - the key on the wire
        *,
        timeout: float = 5,  # noqa: ASYNC109 - shown in the failure
        where: Wish = lambda frame: True,
    ) -> Frame:
        """Take the oldest frame nobody took that fits; AssertionError after `timeout` seconds.

        It fails at once when the connection ends, saying how, and what was heard instead.
        """

        def fits(frame: Frame) -> bool:
            return (type is None or frame["type"] == type) and where(frame)

        frame = await self._wait(lambda: next(filter(fits, self._untaken), None), timeout, type)
        self._untaken.remove(frame)
        return frame

    async def drain_until(
        self,
        sentinel: Wish,
        *,
        timeout: float = 5,  # noqa: ASYNC109 - shown in the failure
    ) -> list[Frame]:
        """Take all frames up to the first that is the sentinel, and return those before it.

        To show that nothing comes: cause a second thing that must come after it, and drain.
        """
        last = await self._wait(
            lambda: next(filter(sentinel, self._untaken), None), timeout, "the sentinel"
        )
        place = next(i for i, frame in enumerate(self._untaken) if frame is last)
        before, self._untaken = self._untaken[:place], self._untaken[place + 1 :]
        return before

    async def drain_by_asking(self) -> list[Frame]:
        """All frames up to now: the reply to a heartbeat comes after what was put before it."""
        await self.send(
            {"type": "heartbeat", "data": {}, "ref": (ref := f"ref-{next(self._refs)}")}
        )
        return await self.drain_until(lambda frame: frame.get("ref") == ref)

    async def closed(self, timeout: float = 5) -> int:  # noqa: ASYNC109 - shown in the failure
        """Wait until the connection has ended; its close code, 1006 if there was none."""
        try:
            await asyncio.wait_for(asyncio.shield(self._reader), timeout)
        except TimeoutError:
            self._fail(f"still open after {timeout} s")
        if self._fault is not None:
            self._fail(self._fault)
        assert self.connection.close_code is not None
        return self.connection.close_code

    @property
    def is_open(self) -> bool:
        return not self._ended

    def stop_reading(self) -> None:
        """Leave what comes in the kernel's buffers, as a client does that hangs."""
        self.connection.transport.pause_reading()

    def read_on(self) -> None:
        """Read again after `stop_reading`."""
        self.connection.transport.resume_reading()

    def abort(self) -> None:
        """Cut the line without a close frame, as a lost network does."""
        self.connection.transport.abort()

    async def close(self) -> None:
        """Close politely within two seconds; harmless when it has ended already."""
        if not self.connection.transport.is_closing():
            self.connection.transport.resume_reading()
        await self.connection.close()
        await asyncio.wait({self._reader}, timeout=5)
        self._reader.cancel()

    async def _read(self) -> None:
        try:
            while True:
                payload = await self.connection.recv()
                frame = _parse(payload)
                frame_schema.judge(frame)
                async with self._news:
                    self.frames.append(frame)
                    self._untaken.append(frame)
                    self._news.notify_all()
        except ConnectionClosed:
            pass
        except ValueError as error:
            self._fault = f"not a frame of the protocol: {error}"
        finally:
            self._ended = True
            async with self._news:
                self._news.notify_all()

    async def _wait(
        self, find: Callable[[], Frame | None], seconds: float, what: str | None
    ) -> Frame:
        try:
            async with asyncio.timeout(seconds), self._news:
                while (found := find()) is None:
                    if self._ended:
                        break
                    await self._news.wait()
        except TimeoutError:
            self._fail(f"no {what or 'fitting frame'} within {seconds} s")
        if found is None:
            code = self.connection.close_code
            self._fail(self._fault or f"closed with {code} before {what or 'a fitting frame'}")
        return found

    def _fail(self, why: str) -> NoReturn:
        heard = "\n".join(f"  {json.dumps(frame)[:400]}" for frame in self.frames[-20:])
        raise AssertionError(f"{why}; heard {len(self.frames)} frames:\n{heard}")


def _credential(token: str | None, how: How) -> tuple[list[str], dict[str, str], dict[str, str]]:
    """Subprotocols, headers and query parameters that carry `token`."""
    if token is None or how in ("first_frame", "none"):
        return [], {}, {}
    if how == "subprotocol":
        return ["scheduler.v1", f"bearer.{token}"], {}, {}
    if how == "header":
        return [], {"Authorization": f"Bearer {token}"}, {}
    return [], {}, {"token": token}


def _parse(payload: str | bytes) -> Frame:
    if isinstance(payload, bytes):
        raise ValueError(f"a binary frame of {len(payload)} bytes")  # noqa: TRY004 - a bad value
    frame = json.loads(payload, parse_constant=_refuse)
    if not isinstance(frame, dict) or not isinstance(frame.get("type"), str):
        raise ValueError(f"no envelope: {payload[:200]}")  # noqa: TRY004 - a bad value
    return frame


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
