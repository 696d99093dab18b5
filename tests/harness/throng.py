"""Many sockets in one process, each so light that a thousand of them cost the test next to nothing."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable

from tests.harness import tokens
from tests.harness.app_server import AppServer

REQUEST = (
    "GET /api/ws/ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    "Authorization: Bearer {token}\r\n\r\n"
)

AT_ONCE = 50
"""Handshakes that wait at the same time: a server's backlog is not what is tested."""


class Socket(asyncio.Protocol):
    """A WebSocket that answers pings, hangs up when it is told to, and lets all else go by."""

    CLOSE, PING = 8, 9

    def __init__(self, user: int, server: AppServer, token: str) -> None:
        loop = asyncio.get_running_loop()
        self.user, self.server, self._token = user, server, token
        self.is_welcome: asyncio.Future[None] = loop.create_future()
        self.is_gone: asyncio.Future[None] = loop.create_future()
        self._buffer = bytearray()

    async def open(self) -> None:
        """Connect, and wait for the first frame."""
        await asyncio.get_running_loop().create_connection(
            lambda: self, "127.0.0.1", self.server.port
        )
        async with asyncio.timeout(30):
            await self.is_welcome

    def close(self) -> None:
        """Hang up."""
        self.transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(REQUEST.format(token=self._token).encode())

    def connection_lost(self, error: Exception | None) -> None:
        self.is_gone.set_result(None)
        if not self.is_welcome.done():
            self.is_welcome.set_exception(ConnectionError(f"{self._buffer[:200]!r}"))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self.is_welcome.done():
            head, found, rest = self._buffer.partition(b"\r\n\r\n")
            if not found or len(rest) < 2:
                return
            assert b" 101 " in head, bytes(head)
            self._buffer = bytearray(rest)
            self.is_welcome.set_result(None)
        self._skip_frames()

    def _skip_frames(self) -> None:
        start, buffer = 0, self._buffer
        while len(buffer) - start >= 2:
            size, at = buffer[start + 1], start + 2
            if size >= 126:
                width = 2 if size == 126 else 8
                size, at = int.from_bytes(buffer[at : at + width], "big"), at + width
            if len(buffer) < at + size:
                break
            match buffer[start] & 15:
                case self.PING:
                    payload = bytes(buffer[at : at + size])
                    self.transport.write(bytes([0x8A, 0x80 | size, 0, 0, 0, 0]) + payload)
                case self.CLOSE:
                    self.transport.close()
            start = at + size
        del buffer[:start]


class Throng:
    """Sockets of many users on several servers, and what is true of them."""

    def __init__(self) -> None:
        self.sockets: list[Socket] = []
        self._tokens: dict[int, str] = {}

    async def open(self, places: Iterable[tuple[int, AppServer]]) -> None:
        """One more socket for each of these users, on that server."""
        turns = asyncio.Semaphore(AT_ONCE)

        async def opened(socket: Socket) -> None:
            async with turns:
                await socket.open()

        sockets = [Socket(user, server, self._token(user)) for user, server in places]
        await asyncio.gather(*map(opened, sockets))
        self.sockets += sockets

    async def close(self, which: Callable[[Socket], bool]) -> list[Socket]:
        """Hang up those, and return them."""
        closed = [socket for socket in self.sockets if which(socket)]
        for socket in closed:
            socket.close()
        return await self.lost(which)

    async def lost(self, which: Callable[[Socket], bool]) -> list[Socket]:
        """Wait until those are gone, whoever ended them, and return them."""
        gone = [socket for socket in self.sockets if which(socket)]
        async with asyncio.timeout(30):
            await asyncio.gather(*(socket.is_gone for socket in gone))
        self.sockets = [socket for socket in self.sockets if not which(socket)]
        return gone

    def by_user(self) -> dict[int, int]:
        """How many sockets each user has: the truth."""
        assert not any(socket.is_gone.done() for socket in self.sockets)
        return dict(Counter(socket.user for socket in self.sockets))

    def _token(self, user: int) -> str:
        if user not in self._tokens:
            self._tokens[user] = tokens.access(user)
        return self._tokens[user]
