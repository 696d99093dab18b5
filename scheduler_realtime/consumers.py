"""The Channels consumer: accepts, learns who it is, and lives in the hub until it is gone."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from channels.consumer import AsyncConsumer

from . import close_codes, hub, identity, session
from .catching_up import Resumption
from .commands import Authenticate
from .conf import conf
from .exceptions import BadFrame, TokenRejected
from .hub import Hub
from .identity import SUBPROTOCOL, Identity
from .session import Session

logger = logging.getLogger(__name__)


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
        await send({"type": "websocket.accept", "subprotocol": chosen})
        try:
            found = await self._identity(scope.get("realtime_identity"), receive)
            house = _open_house()
        except TokenRejected as refusal:
            await send({"type": "websocket.close", "code": refusal.close_code})
            return
        if found is not None:
            await self._live(house, found, receive, send)

    async def _identity(self, found: Any, receive: Any) -> Identity | None:
        """Who it is; None where the client left before it said. Raises `TokenRejected`."""
        if isinstance(found, TokenRejected):
            raise found
        if isinstance(found, Identity):
            return found
        try:
            async with asyncio.timeout(conf().AUTHENTICATE_TIMEOUT):
                message = await receive()
        except TimeoutError:
            raise _unauthenticated("No credential was given in time.") from None
        if message["type"] != "websocket.receive":
            return None
        if session.is_too_large(message):
            raise TokenRejected("Too large.", close_code=close_codes.FRAME_TOO_LARGE)
        try:
            command = session.parsed(message)
        except BadFrame as bad:
            raise _unauthenticated(bad.detail) from None
        if not isinstance(command, Authenticate):
            raise _unauthenticated("The first frame must be `authenticate`.")
        return await identity.authenticate(command.data.token)

    async def _live(self, house: Hub, found: Identity, receive: Any, send: Any) -> None:
        resumption = Resumption.of(self.scope.get("query_string", b""))
        connection = await house.join(send, found, resumption)
        talk = Session(house, connection)
        try:
            while (message := await receive())["type"] == "websocket.receive":
                await talk.receive(message)
        finally:
            house.leave(connection)


def _open_house() -> Hub:
    """The hub, if it takes sockets. Raises `TokenRejected` where it does not."""
    house = hub.current()
    if house.is_draining:
        raise TokenRejected("The server is about to end.", close_code=close_codes.DRAINING)
    if house.is_full:
        raise TokenRejected("The server is full.", close_code=close_codes.AT_CAPACITY)
    return house


def _unauthenticated(detail: str) -> TokenRejected:
    return TokenRejected(detail, close_code=close_codes.UNAUTHENTICATED)
