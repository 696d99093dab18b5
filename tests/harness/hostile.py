"""Clients that mean harm, or are as bad as if they did: each on a plain socket, to the byte."""

import asyncio
import contextlib
import itertools
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

import psutil

from tests.harness.app_server import AppServer

TEXT, CONTINUED, PING = 1, 0, 9

SMALL_WINDOW: Final = 4096
"""Bytes the kernel takes for a client that does not read: what more is sent waits in the server."""

_REQUEST = (
    "GET /api/ws/ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
)


class Hostile:
    """One connection. It reads and sends nothing but what it is told to."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self.port = int(line.getsockname()[1])
        self._loop = asyncio.get_running_loop()

    @classmethod
    @contextlib.asynccontextmanager
    async def connected(cls, server: AppServer) -> "AsyncIterator[Hostile]":
        """A connection on which nothing was said."""
        with socket.socket() as line:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_WINDOW)
            line.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(line, ("127.0.0.1", server.port))
            yield cls(line)

    async def request(self, token: str | None) -> None:
        """The whole handshake, up to the server's answer, or with a token to `welcome`."""
        credential = "" if token is None else f"Authorization: Bearer {token}\r\n"
        await self.send(f"{_REQUEST}{credential}\r\n".encode())
        answer, until = b"", b"\r\n\r\n" if token is None else b'"server_time"'
        while until not in answer:
            read = await self.read(SMALL_WINDOW)
            assert read, f"refused: {answer!r}"
            answer += read

    async def send(self, data: bytes) -> None:
        """These bytes, as fast as the server takes them. Raises OSError once it has hung up."""
        await self._loop.sock_sendall(self._line, data)

    async def read(self, most: int) -> bytes:
        """What has come, up to that many bytes; nothing where the server has closed."""
        return await self._loop.sock_recv(self._line, most)

    async def ended_after(self, data: bytes) -> None:
        """Send these bytes, and read on until the server has ended the connection."""
        with contextlib.suppress(ConnectionError):  # it may cut the line at once
            await self.send(data)
            while await self.read(SMALL_WINDOW):
                pass

    def half_close(self) -> None:
        """Say that nothing more will be sent."""
        self._line.shutdown(socket.SHUT_WR)


class Eye:
    """Sees which connections a server's process still has, by the ports of their clients."""

    def __init__(self, server: AppServer) -> None:
        self.server = server
        self._ports: set[int] = set()
        self._looks = 0
        self._looked = asyncio.Condition()

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Look several times a second, once for all who want to know."""
        looking = asyncio.create_task(self._look())
        try:
            yield
        finally:
            looking.cancel()
            await asyncio.wait({looking})

    async def loses(self, port: int) -> None:
        """Wait until the server has let go of that client, whom it has by now."""
        begun = self._looks
        async with self._looked:
            # One look may have begun before the client came.
            await self._looked.wait_for(lambda: self._looks > begun + 1 and port not in self._ports)

    async def _look(self) -> None:
        process = psutil.Process(self.server.pid)
        while True:
            ends = await asyncio.to_thread(process.net_connections, "tcp")
            self._ports = {end.raddr.port for end in ends if end.raddr}
            self._looks += 1
            async with self._looked:
                self._looked.notify_all()
            await asyncio.sleep(0.2)


def frame(payload: bytes, kind: int = TEXT, *, is_last: bool = True, claims: int = -1) -> bytes:
    """A client's frame, masked by nothing; `claims` says another length than it has."""
    size = len(payload) if claims < 0 else claims
    first = bytes([(0x80 if is_last else 0) | kind])
    if size < 126:
        return first + bytes([0x80 | size]) + bytes(4) + payload
    if size < 2**16:
        return first + bytes([0x80 | 126]) + size.to_bytes(2, "big") + bytes(4) + payload
    return first + bytes([0x80 | 127]) + size.to_bytes(8, "big") + bytes(4) + payload


def heartbeat(number: int = 0) -> bytes:
    return frame(json.dumps({"type": "heartbeat", "data": {}, "ref": f"n{number}"}).encode())


Behaviour = Callable[[Hostile, str], Awaitable[None]]
"""What a client does, with a token in its pocket, until it is cancelled or the server hangs up."""


async def says_nothing(client: Hostile, token: str) -> None:
    """Connects, and that is all."""


async def handshake_byte_by_byte(client: Hostile, token: str) -> None:
    for number in itertools.count():
        await client.send(_REQUEST.encode()[number : number + 1] or b"x")
        await asyncio.sleep(1)


async def no_credential(client: Hostile, token: str) -> None:
    await client.request(None)


async def credential_byte_by_byte(client: Hostile, token: str) -> None:
    await client.request(None)
    said = frame(json.dumps({"type": "authenticate", "data": {"token": token}}).encode())
    for byte in said:
        await client.send(bytes([byte]))
        await asyncio.sleep(1)


async def stranger_with_pings(client: Hostile, token: str) -> None:
    await client.request(None)
    await _for_ever(client, frame(b"p" * 125, PING) * 400)


async def refused_and_stays(client: Hostile, token: str) -> None:
    await client.send(f"{_REQUEST}Authorization: Bearer nonsense\r\n\r\n".encode())
    await _for_ever(client, frame(b"p" * 125, PING) * 400)


async def never_reads(client: Hostile, token: str) -> None:
    await client.request(token)


async def reads_byte_by_byte(client: Hostile, token: str) -> None:
    await client.request(token)
    while await client.read(1):  # noqa: ASYNC110 - slow is what it is
        await asyncio.sleep(1)


async def heartbeats_unread(client: Hostile, token: str) -> None:
    await client.request(token)
    for number in itertools.count():
        await client.send(heartbeat(number))
        await asyncio.sleep(0.2)


async def floods_unread(client: Hostile, token: str) -> None:
    await client.request(token)
    await _for_ever(client, heartbeat() * 100)


async def pings_unread(client: Hostile, token: str) -> None:
    await client.request(token)
    await _for_ever(client, frame(b"p" * 125, PING) * 400)


async def half_closes_unread(client: Hostile, token: str) -> None:
    await client.request(token)
    client.half_close()


async def frame_without_end(client: Hostile, token: str) -> None:
    await client.request(token)
    await client.send(frame(b"x" * 1000, claims=2**30))
    await _for_ever(client, b"x" * 60_000)


async def fragments_without_end(client: Hostile, token: str) -> None:
    await client.request(token)
    await client.send(frame(b"x" * 1000, is_last=False))
    await _for_ever(client, frame(b"x" * 60_000, CONTINUED, is_last=False))


async def _for_ever(client: Hostile, data: bytes) -> None:
    while True:
        await client.send(data)


BEHAVIOURS: Final[tuple[Behaviour, ...]] = (
    says_nothing,
    handshake_byte_by_byte,
    no_credential,
    credential_byte_by_byte,
    stranger_with_pings,
    refused_and_stays,
    never_reads,
    reads_byte_by_byte,
    heartbeats_unread,
    floods_unread,
    pings_unread,
    half_closes_unread,
    frame_without_end,
    fragments_without_end,
)


async def behave(behaviour: Behaviour, eye: Eye, token: str, *, within: float) -> float:
    """Have one client behave like that, and say after how many seconds the server let go of it.

    AssertionError where it is still held after `within` seconds.
    """
    async with Hostile.connected(eye.server) as client:
        loop = asyncio.get_running_loop()
        began = loop.time()
        acting = asyncio.create_task(_act(behaviour, client, token))
        try:
            async with asyncio.timeout(within):
                await eye.loses(client.port)
        except TimeoutError:
            raise AssertionError(f"{behaviour.__name__}: held for over {within} s") from None
        finally:
            acting.cancel()
            await asyncio.wait({acting})
        if not acting.cancelled() and (error := acting.exception()) is not None:
            raise error
        return loop.time() - began


async def _act(behaviour: Behaviour, client: Hostile, token: str) -> None:
    with contextlib.suppress(OSError):  # the server has hung up
        await behaviour(client, token)
