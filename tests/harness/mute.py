"""A client that opens a socket, reads what comes, and answers nothing: no close, no ping."""

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator

from tests.harness.app_server import AppServer


class Mute:
    """One connection, without a library that would answer by itself."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, server: AppServer, token: str) -> "AsyncIterator[Mute]":
        """Connect with that token, and cut the line on the way out."""
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        try:
            head = (
                "GET /api/ws/ws HTTP/1.1",
                f"Host: 127.0.0.1:{server.port}",
                "Connection: Upgrade",
                "Upgrade: websocket",
                "Sec-WebSocket-Version: 13",
                f"Sec-WebSocket-Key: {base64.b64encode(b'0123456789abcdef').decode()}",
                f"Authorization: Bearer {token}",
            )
            writer.write("\r\n".join((*head, "", "")).encode())
            answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
            assert b" 101 " in answer.splitlines()[0], answer
            yield cls(reader)
        finally:
            writer.transport.abort()

    async def closed(self, within: float = 20) -> int:
        """Read until the line ends; the code of the close frame, 1006 where none came."""
        code = 1006
        async with asyncio.timeout(within):
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                while True:
                    opcode, payload = await self._frame()
                    if opcode == 8:
                        code = int.from_bytes(payload[:2], "big")
        return code

    async def _frame(self) -> tuple[int, bytes]:
        first, size = await self._reader.readexactly(2)
        if size >= 126:
            size = int.from_bytes(await self._reader.readexactly(2 if size == 126 else 8), "big")
        return first & 0x0F, await self._reader.readexactly(size)
