"""Many clients in one process: so light that the server is measured, and not they."""

import asyncio
import json
import re
import time
from collections.abc import Callable, Sequence
from typing import Any

from tests.harness import tokens

REQUEST = (
    "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    "Authorization: Bearer {token}\r\n\r\n"
)

_ID = re.compile(rb'^\{"id":(\d+)')

_TEXT, _CLOSE, _PING = 1, 8, 9


class Client(asyncio.Protocol):
    """A WebSocket that only reads. `on_text` gets each text frame; `closed` the bytes of the end."""

    def __init__(self, token: str, query: str, on_text: Callable[["Client", bytes], None]) -> None:
        self._request = REQUEST.format(path=f"/api/ws/ws?{query}", token=token).encode()
        self._on_text = on_text
        self._buffer = bytearray()
        self._is_open = False
        self.positions: list[int] = []
        self.took: float | None = None
        self.is_level = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        transport.write(self._request)  # type: ignore[attr-defined]  # TCP writes

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._is_open:
            head, found, rest = self._buffer.partition(b"\r\n\r\n")
            if not found:
                return
            assert b" 101 " in head, bytes(head)
            self._is_open, self._buffer = True, bytearray(rest)
        self._read_frames()

    def connection_lost(self, error: Exception | None) -> None:
        self.fail(f"closed before it was level: {error}")

    def fail(self, reason: str) -> None:
        """It will not be level any more, if it is not yet."""
        if not self.is_level.done():
            self.is_level.set_exception(ConnectionError(reason))
            self.is_level.exception()  # nobody need ask

    def _read_frames(self) -> None:
        start, buffer = 0, self._buffer
        while len(buffer) - start >= 2:
            size, at = buffer[start + 1], start + 2
            if size >= 126:
                width = 2 if size == 126 else 8
                size, at = int.from_bytes(buffer[at : at + width], "big"), at + width
            if len(buffer) < at + size:
                break
            self._take(buffer[start] & 15, bytes(buffer[at : at + size]))
            start = at + size
        del buffer[:start]

    def _take(self, kind: int, payload: bytes) -> None:
        if kind == _TEXT:
            if (found := _ID.match(payload)) is not None:
                self.positions.append(int(found[1]))
            self._on_text(self, payload)
        elif kind == _PING:
            pong = bytes([0x8A, 0x80 | len(payload), 0, 0, 0, 0]) + payload  # masked by nothing
            self.transport.write(pong)  # type: ignore[attr-defined]  # TCP writes
        elif kind == _CLOSE:
            self.fail(f"closed with {int.from_bytes(payload[:2], 'big')}")


def resume(port: int, users: Sequence[int], since: int, epoch: str) -> str:
    """Open a socket for each of these users at once, and wait until all have caught up.

    JSON of how long each took, what went wrong, and whether everyone had every message, in order.
    """
    return json.dumps(asyncio.run(_resume(port, users, since, epoch)))


async def _resume(port: int, users: Sequence[int], since: int, epoch: str) -> dict[str, Any]:
    passes = {user: tokens.access(user) for user in set(users)}
    query = f"since={since}&epoch={epoch}"
    begun = time.perf_counter()

    def on_text(client: Client, payload: bytes) -> None:
        if payload.startswith(b'{"type":"caught_up"') and not client.is_level.done():
            client.took = time.perf_counter() - begun
            client.is_level.set_result(json.loads(payload)["data"]["position"])
        elif payload.startswith(b'{"type":"resync"'):
            client.fail(json.loads(payload)["data"]["reason"])

    loop = asyncio.get_running_loop()
    clients = [Client(passes[user], query, on_text) for user in users]
    opening = [loop.create_connection(lambda c=client: c, "127.0.0.1", port) for client in clients]
    await asyncio.gather(*opening)
    levels = await asyncio.gather(*(client.is_level for client in clients), return_exceptions=True)
    for client in clients:
        client.transport.close()
    faults = [repr(level) for level in levels if isinstance(level, BaseException)]
    whole = sum(
        client.positions[: level - since] == list(range(since + 1, level + 1))
        for client, level in zip(clients, levels, strict=True)
        if isinstance(level, int)
    )
    took = [client.took for client in clients if client.took is not None]
    return {"took": took, "whole": whole, "faults": faults[:3], "count": len(clients)}
