"""The Channels consumer: accepts, learns who it is, and lives in the hub until it is gone."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any, Final

from channels.consumer import AsyncConsumer

from . import close_codes, counters, hub, identity, pacing, servers, session
from .catching_up import Resumption
from .commands import Authenticate
from .conf import conf
from .exceptions import BadFrame, TokenRejected
from .handshake import SUBPROTOCOL
from .hub import Hub
from .identity import Identity
from .mailbox import ANSWER_WITHIN, CLOSE_GRACE
from .presence import Device
from .session import Session

logger = logging.getLogger(__name__)

SERVERS_SHARE: Final = 4
"""Times the largest frame that a server may keep of one that is not all there: one that is just
too large is told so with our own code, one beyond this is ended by the server with its."""

REFUSED_GRACE: Final = 5.0
"""Seconds a client that is refused has to answer the close frame: nobody is held for it for long."""


class RealtimeConsumer(AsyncConsumer):
    """One socket. It has no channel of its own in the layer, for which a handshake would wait.

    Expects `scope["realtime_identity"]` from `JWTAuthMiddleware`.
    """

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        # Not Channels' own: it skips `disconnect` when a handler raises.
        self.scope = scope
        message = await receive()
        if message["type"] != "websocket.connect":
            return
        offered = scope.get("subprotocols", ())
        chosen = SUBPROTOCOL if SUBPROTOCOL in offered else None
        servers.brace(send, conf().MAX_FRAME_BYTES * SERVERS_SHARE)
        try:
            if not await _is_written(send, {"type": "websocket.accept", "subprotocol": chosen}):
                return
            house = hub.current()
            house.watch.unfinished.learn(send)
            house.door.check()
            self.device = Device.of(scope)
            with house.door.from_address(self.device.address):
                found = await self._identity(house, scope.get("realtime_identity"), receive)
                if found is not None:
                    with house.door.of_user(found.user_id):
                        await self._live(house, found, receive, send)
        except TokenRejected as refusal:
            counters.refuse(refusal.close_code)
            await _refuse(send, refusal.close_code)
        finally:
            servers.unregister_producer(send)

    async def _identity(self, house: Hub, found: Any, receive: Any) -> Identity | None:
        """Who it is; None where the client left before it said. Raises `TokenRejected`."""
        if isinstance(found, TokenRejected):
            raise found
        if isinstance(found, Identity):
            return found
        message = await house.door.first_word(receive)
        if message["type"] != "websocket.receive":
            return None
        if session.is_too_large(message):
            counters.count("received", session.BAD)
            raise TokenRejected("Too large.", close_code=close_codes.FRAME_TOO_LARGE)
        try:
            command = session.parsed(message)
        except BadFrame as bad:
            raise _unauthenticated(bad.detail) from None
        if not isinstance(command, Authenticate):
            raise _unauthenticated("The first frame must be `authenticate`.")
        return await identity.authenticate(command.data.token)

    async def _live(self, house: Hub, found: Identity, receive: Any, send: Any) -> None:
        life = asyncio.timeout(None)

        def end() -> None:
            life.reschedule(0)

        try:
            async with life:
                await self._talk(house, found, receive, send, end)
        except TimeoutError:
            if not life.expired():
                raise
            await _close_what_is_left(send)

    async def _talk(
        self, house: Hub, found: Identity, receive: Any, send: Any, on_abort: Callable[[], None]
    ) -> None:
        wish = Resumption.of(self.scope.get("query_string", b""))
        await pacing.turn()
        connection = await house.join(send, found, wish, on_abort, self.device)
        talk = Session(house, connection)
        try:
            while (message := await receive())["type"] == "websocket.receive":
                connection.mailbox.hold_back()
                await talk.receive(message)
        finally:
            house.leave(connection)


async def _is_written(send: Any, message: dict[str, Any]) -> bool:
    """Send something short; False, and the line is cut, where the client does not take even that."""
    try:
        async with asyncio.timeout(CLOSE_GRACE):
            await send(message)
    except TimeoutError:
        said = "A client was cut off: it sent without end, and did not read %s."
        logger.warning(said, message.get("code", "that it was let in"))
        servers.abort(send)
        return False
    return True


async def _refuse(send: Any, code: int) -> None:
    """Close, and cut off who stays all the same."""
    servers.unregister_producer(send)
    if await _is_written(send, {"type": "websocket.close", "code": code}):
        loop = asyncio.get_running_loop()
        loop.call_later(ANSWER_WITHIN, servers.stop_reading, send)
        loop.call_later(REFUSED_GRACE, servers.abort, send)


async def _close_what_is_left(send: Any) -> None:
    """Behind a middleware nobody can cut the line, and daphne keeps it for an application gone."""
    with contextlib.suppress(Exception):
        async with asyncio.timeout(1):
            await send({"type": "websocket.close", "code": close_codes.SLOW_READER})


def _unauthenticated(detail: str) -> TokenRejected:
    return TokenRejected(detail, close_code=close_codes.UNAUTHENTICATED)
