"""A small TCP proxy that cuts, freezes, silences and delays what runs through it.

A line is one proxied connection. A peer is the local address a client connects from: on Linux
all of 127.0.0.0/8 is this machine, so each client may have one of its own.
"""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Iterator

CHUNK = 64 * 1024


class Line:
    """One connection through a route, in both directions."""

    def __init__(self, peer: str, task: "asyncio.Task[None]") -> None:
        self.peer = peer
        self.is_swallowing = False
        self._task = task

    def cut(self) -> None:
        """End it as a lost network does: with a reset, and whatever was on its way is gone."""
        self._task.cancel()


class Route:
    """A port of ours that leads to one of somebody else's."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        self.delay = 0.0
        self.refuses_upgrades = False
        """Whether a connection that asks for a WebSocket is reset, as some firms' proxies do."""
        self.lines: set[Line] = set()
        self._is_cut = False
        self._passable = asyncio.Event()
        self._passable.set()
        self._banned: set[str] = set()
        self._silenced: set[str] = set()
        self._server: asyncio.Server | None = None

    async def open(self) -> int:
        """Listen, and return the port."""
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0, backlog=512)
        self.port = self._server.sockets[0].getsockname()[1]
        return self.port

    async def close(self) -> None:
        """Listen no longer, and end every line."""
        self.cut()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    def cut(self) -> None:
        """Reset every line, and every new one, until healed."""
        self._is_cut = True
        for line in tuple(self.lines):
            line.cut()

    def freeze(self) -> None:
        """Hold every byte back, in both directions, until healed. Connecting seems to succeed."""
        self._passable.clear()

    def heal(self) -> None:
        """Let everything through at once."""
        self._is_cut, self.delay = False, 0.0
        self._banned.clear()
        self._silenced.clear()
        self._passable.set()

    def ban(self, peer: str) -> None:
        """Cut a peer's lines, and every new one, until it is allowed."""
        self._banned.add(peer)
        self._cut_lines_of(peer)

    def silence(self, peer: str) -> None:
        """Swallow a peer's bytes, so that neither side knows; allowing it cuts what is left."""
        self._silenced.add(peer)
        for line in self.lines:
            line.is_swallowing |= line.peer == peer

    def allow(self, peer: str) -> None:
        """The end of `ban` and `silence`."""
        if peer in self._silenced:
            self._cut_lines_of(peer)
        self._banned.discard(peer)
        self._silenced.discard(peer)

    def _cut_lines_of(self, peer: str) -> None:
        for line in tuple(self.lines):
            if line.peer == peer:
                line.cut()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        line = Line(writer.get_extra_info("peername")[0], task)
        line.is_swallowing = line.peer in self._silenced
        self.lines.add(line)
        try:
            with _resetting(writer):
                if not self._is_cut and line.peer not in self._banned:
                    await self._join(line, reader, writer)
        except (OSError, asyncio.CancelledError):
            pass  # one end is gone, or the line was cut: the other end has been reset
        finally:
            self.lines.discard(line)

    async def _join(
        self, line: Line, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await self._passable.wait()
        there, back = await asyncio.open_connection("127.0.0.1", self.target)
        with _resetting(back):
            ways = [
                asyncio.create_task(self._pump(line, reader, back)),
                asyncio.create_task(self._pump(line, there, writer)),
            ]
            try:
                await asyncio.wait(ways)
            finally:
                for way in ways:
                    way.cancel()
            if all(way.exception() is None for way in ways):
                await _closed(writer)
                await _closed(back)

    async def _pump(
        self, line: Line, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """One direction, to its end. What one side closes is closed to the other."""
        try:
            while data := await reader.read(CHUNK):
                await self._passable.wait()
                if self.delay:
                    await asyncio.sleep(self.delay)
                if self.refuses_upgrades and b"upgrade: websocket" in data.lower():
                    line.cut()
                if not line.is_swallowing:
                    writer.write(data)
                    await writer.drain()
            if writer.can_write_eof():
                writer.write_eof()
        except OSError:
            line.cut()
            raise


@contextlib.contextmanager
def _resetting(writer: asyncio.StreamWriter) -> Iterator[None]:
    """Whatever is still open at the end is reset, not closed."""
    try:
        yield
    finally:
        if not writer.is_closing():
            sock: socket.socket = writer.get_extra_info("socket")
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()


async def _closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
