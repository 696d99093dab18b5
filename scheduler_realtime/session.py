"""What one socket's client says, from its first frame to its last."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Mapping
from typing import Any, Final, assert_never

from django.utils import timezone

from . import close_codes, commands, counters, identity
from .commands import (
    Ack,
    Authenticate,
    CancelOptimization,
    Command,
    Heartbeat,
    Presence,
    Subscribe,
)
from .conf import conf
from .connection import Connection
from .exceptions import BadFrame, TokenRejected
from .hub import Hub
from .ratelimit import TokenBucket

logger = logging.getLogger(__name__)

BAD: Final = "bad"
RATE_LIMITED: Final = "rate_limited"

BAD_FRAMES: Final = (5, 60.0)
"""So many bad frames within so many seconds close the socket."""

REFUSED_FRAMES: Final = (100, 10.0)
"""So many frames over the rate limit within so many seconds close the socket."""


class _Strikes:
    """Whether something happened too often of late."""

    def __init__(self, limit: int, seconds: float) -> None:
        self._times: deque[float] = deque(maxlen=limit)
        self._seconds = seconds

    def add(self) -> bool:
        """Count one more, and say whether that is the limit."""
        self._times.append(time.monotonic())
        return (
            len(self._times) == self._times.maxlen
            and self._times[-1] - self._times[0] <= self._seconds
        )


class Session:
    """Acts on the frames of one socket. Its handlers only touch memory, `authenticate` apart."""

    def __init__(self, hub: Hub, connection: Connection) -> None:
        self._hub = hub
        self._connection = connection
        self._bucket = TokenBucket(conf().FRAMES_BURST, conf().FRAMES_PER_SECOND)
        self._bad = _Strikes(*BAD_FRAMES)
        self._refused = _Strikes(*REFUSED_FRAMES)

    async def receive(self, message: Mapping[str, Any]) -> None:
        """Act on one ASGI `websocket.receive`."""
        connection = self._connection
        connection.heard_at = asyncio.get_running_loop().time()
        if connection.is_closing:
            return
        if is_too_large(message):
            counters.count("received", BAD)
            connection.close(close_codes.FRAME_TOO_LARGE)
            return
        if not self._may_speak():
            counters.count("received", RATE_LIMITED)
            ref = commands.ref_in(message.get("text") or "")
            connection.complain(RATE_LIMITED, "Too many frames; slow down.", ref=ref)
            if self._refused.add():
                connection.close(close_codes.TOO_MANY, is_heard=False)
            return
        try:
            await self._act(parsed(message))
        except BadFrame as bad:
            connection.complain(bad.code, bad.detail, ref=bad.ref, fields=bad.fields)
            if self._bad.add():
                connection.close(close_codes.TOO_MANY_BAD_FRAMES)

    def _may_speak(self) -> bool:
        return self._bucket.take() and self._hub.door.frames.take(self._connection.identity.user_id)

    async def _act(self, command: Command) -> None:
        match command:
            case Heartbeat():
                self._heartbeat(command)
            case Authenticate():
                await self._authenticate(command)
            case Subscribe():
                self._subscribe(command)
            case Presence():
                state = self._hub.roster.state_for(self._connection)
                self._connection.say_encoded("presence_state", state, command.ref)
            case Ack():
                self._acknowledge(command)
            case CancelOptimization():
                self._hub.cancelling.ask(
                    self._connection, command.data.optimization_id, command.ref
                )
            case _:
                assert_never(command)

    def _heartbeat(self, command: Heartbeat) -> None:
        connection = self._connection
        said = command.data.model_dump(
            include={"current_page", "active_schedule_date"}, exclude_unset=True
        )
        if said:
            page = said.get("current_page", connection.current_page)
            date = said.get("active_schedule_date", connection.active_schedule_date)
            self._hub.attendance.note(connection, page, date)
        promised = self._hub.road.promised(connection)
        connection.beat()
        if command.data.position is not None:
            # A client cannot have handled what was never put on its connection.
            self._hub.deliveries.passed(connection, min(command.data.position, promised))
        answer = {"server_time": timezone.now(), "position": promised}
        connection.say("heartbeat_ack", answer, command.ref)

    def _acknowledge(self, command: Ack) -> None:
        """Answered with `ack_result` once it is written."""
        if not self._hub.deliveries.acknowledge(
            self._connection, command.data.positions, command.ref
        ):
            detail = "Too many acknowledgements wait to be written; send it again later."
            self._connection.complain("rate_limited", detail, ref=command.ref)

    async def _authenticate(self, command: Authenticate) -> None:
        connection = self._connection
        try:
            found = await identity.authenticate(command.data.token)
        except TokenRejected as refusal:
            connection.complain("token_rejected", refusal.detail, ref=command.ref)
            return
        if found.user_id != connection.identity.user_id:
            detail = "The token is another user's; open another socket for that user."
            connection.complain("token_rejected", detail, ref=command.ref)
            return
        self._hub.identify(connection, found)
        self._hub.rights.check(connection)
        answer = {"token_expires_at": connection.expires_at}
        connection.say("authenticated", answer, command.ref)

    def _subscribe(self, command: Subscribe) -> None:
        asked = command.data.model_dump(exclude_none=True)
        self._connection.wanted = {
            name: frozenset(map(str, values)) for name, values in asked.items()
        } or None
        self._connection.say("subscribed", asked, command.ref)


def is_too_large(message: Mapping[str, Any]) -> bool:
    """Whether a frame has more bytes than any of ours may have."""
    text, limit = message.get("text"), conf().MAX_FRAME_BYTES
    if text is None:
        return len(message.get("bytes") or b"") > limit
    return len(text) > limit or (len(text) * 4 > limit and len(text.encode()) > limit)


def parsed(message: Mapping[str, Any]) -> Command:
    """The command in a frame, which is counted whether it is one or not. Raises `BadFrame`."""
    try:
        command = _parsed(message.get("text"))
    except BadFrame:
        counters.count("received", BAD)
        raise
    counters.count("received", command.type)
    return command


def _parsed(text: str | None) -> Command:
    if text is None:
        raise BadFrame("bad_json", "A frame is one JSON object, in a text frame.")
    return commands.parse(text)
