"""One client as the protocol wants it: it resumes, keeps time, and notes what its application saw."""

import asyncio
import contextlib
import datetime as dt
import json
import random
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.typing import Subprotocol

LABEL: Final = "faults.case"
FIRST_INTERVAL: Final = 2.0
"""Seconds between heartbeats until a server has said its own interval."""

JITTER: Final = (0.05, 0.4)
"""Seconds before it connects again, at random between the two."""

_HEARTBEAT: Final = json.dumps({"type": "heartbeat", "data": {}})


class Client:
    """Always connected to one of several servers, until told to leave.

    `handed` is `[moment, epoch, id, pk, action, token]` for each thing its application got,
    `flags` what it learned of its line; both as `judging.evidence` has them. `ignored` counts what
    it was sent a second time.
    """

    def __init__(self, name: str, *, address: str, token: str, urls: Sequence[str]) -> None:
        self.name = name
        self.address = address
        self.handed: list[list[Any]] = []
        self.flags: list[dict[str, Any]] = []
        self.tokens: set[str] = set()
        self.ignored = 0
        self.news = asyncio.Event()
        self.is_level = False
        self._is_up = False
        self._credential = [Subprotocol("scheduler.v1"), Subprotocol(f"bearer.{token}")]
        self._urls = urls
        self._dice = random.Random(name)  # noqa: S311 - a choice of server is no secret
        self._url = self._wanted = ""
        self._line_now: ClientConnection | None = None
        self._epoch: str | None = None
        self._last = self._promised = self._on_line = 0
        self._interval = FIRST_INTERVAL
        self._heard_at = 0.0
        self._task: asyncio.Task[None] | None = None

    def join(self) -> None:
        """Begin, or come back, resuming."""
        if self._task is None:
            self._task = asyncio.create_task(self._live())

    async def leave(self) -> None:
        """Hang up without a word, and stay away."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
            self._task = None
            self._lose("lost")

    def move(self, number: int) -> None:
        """Hang up, and go to the server of that number."""
        self._wanted = self._urls[number % len(self._urls)]
        if self._line_now is not None:
            self._line_now.transport.abort()

    def taken(self) -> dict[str, Any]:
        """What was noted since the last call."""
        found = {"handed": self.handed, "flags": self.flags, "ignored": self.ignored}
        self.handed, self.flags, self.ignored, self.tokens = [], [], 0, set()
        return found

    # The line.

    async def _live(self) -> None:
        while True:
            try:
                async with self._line() as line:
                    await self._follow(line)
            except TimeoutError:
                self._lose("dead", lag=time.monotonic() - self._heard_at)
            except (OSError, ConnectionClosed, InvalidHandshake, EOFError):
                self._lose("lost")
            await asyncio.sleep(self._dice.uniform(*JITTER))

    @contextlib.asynccontextmanager
    async def _line(self) -> AsyncIterator[ClientConnection]:
        """A connection to the server wanted, or another than the last; cut without ceremony."""
        others = [url for url in self._urls if url != self._url] or list(self._urls)
        self._url, self._wanted = self._wanted or self._dice.choice(others), ""
        query = {}
        if self._epoch is not None:
            query = {"since": str(max(self._last, self._promised)), "epoch": self._epoch}
        line = await connect(
            f"{self._url}?{urlencode(query)}",
            subprotocols=self._credential,
            local_addr=(self.address, 0),
            open_timeout=2 * self._interval,
            compression=None,
            proxy=None,
            max_size=None,
            ping_interval=None,
        )
        self._line_now = line
        beating = asyncio.create_task(self._beat(line))
        try:
            yield line
        finally:
            self._line_now = None
            beating.cancel()
            line.transport.abort()

    async def _beat(self, line: ClientConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            while True:
                await asyncio.sleep(self._interval)
                await line.send(_HEARTBEAT)

    async def _follow(self, line: ClientConnection) -> None:
        """Every frame, in order; nothing for two intervals is the end of the line."""
        self._on_line = 0
        while True:
            async with asyncio.timeout(2 * self._interval):
                payload = await line.recv()
            self._heard_at = time.monotonic()
            self._hear(json.loads(payload))

    def _lose(self, kind: str, **more: Any) -> None:
        """Noted once, however often it cannot connect then."""
        if self._is_up:
            self._note(kind, **more)
        self.is_level = self._is_up = False

    # The protocol.

    def _hear(self, frame: dict[str, Any]) -> None:
        data = frame.get("data", {})
        match frame["type"]:
            case "schedule_update":
                self._take(frame.get("id"), data)
            case "heartbeat_ack":
                self._trust(data)
            case "welcome":
                self._enter(data)
            case "caught_up":
                self._trust(data)
                self.is_level = True
                self._note("caught_up")
            case "line":
                self._trust(data)
                since = dt.datetime.fromisoformat(data["since"]).timestamp()
                self._note(data["state"], lag=time.time() - since)
            case "resync":
                self._read_afresh(data)

    def _enter(self, data: dict[str, Any]) -> None:
        self._interval = data["heartbeat_interval"]
        if data["recovered"] is None:
            self._epoch, self._promised = data["epoch"], data["position"]
        self.is_level, self._is_up = data["recovered"] is not True, True
        self._note("welcome", reason=data["reason"] or "", recovered=data["recovered"])

    def _trust(self, data: dict[str, Any]) -> None:
        self._promised = max(self._promised, data["position"])

    def _read_afresh(self, data: dict[str, Any]) -> None:
        """The data as they are now hold everything up to that position."""
        if data["epoch"] != self._epoch:
            self._epoch, self._last, self._promised, self._on_line = data["epoch"], 0, 0, 0
        self._promised = max(self._promised, data["position"])
        self._last = max(self._last, data["position"])
        self._note("resync", reason=data["reason"], position=data["position"])

    def _take(self, position: int | None, data: dict[str, Any]) -> None:
        if position is not None:
            if position <= self._on_line:
                self._note("disorder", reason=f"{position} after {self._on_line}")
            self._on_line = max(self._on_line, position)
            if position <= self._last:
                self.ignored += 1
                return
            self._last = position
        if data["model"] == LABEL:
            for changed in data.get("objects") or [data]:
                self._hand_over(position, changed)

    def _hand_over(self, position: int | None, changed: dict[str, Any]) -> None:
        action = "left" if changed.get("reason") == "left" else changed["action"]
        values = changed["previous"] if action == "delete" else changed["changes"]
        token = values.get("token", "")
        self.handed.append(
            [time.monotonic(), self._epoch, position, changed["surgery_id"], action, token]
        )
        self.tokens.add(token)
        self.news.set()

    def _note(self, kind: str, **more: Any) -> None:
        flag = {"moment": time.monotonic(), "kind": kind, "epoch": self._epoch or ""}
        self.flags.append(flag | more)
