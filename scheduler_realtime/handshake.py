"""The credential of a handshake: a ticket or a token, in any of the protocol's ways."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs

from django.db import Error

from . import close_codes, identity, servers, tickets
from .claims import Claims
from .conf import conf
from .exceptions import TokenRejected
from .gathering import PerLoop
from .identity import Identity
from .ratelimit import TokenBucket

logger = logging.getLogger(__name__)

PATH: Final = "/api/ws/ws"
"""Where sockets are opened, behind the host's script prefix if it has one."""

PINGS_BURST: Final = 100
"""Pings a client may send at once, and `FRAMES_PER_SECOND` in the long run: the next cuts the line."""

SUBPROTOCOL: Final = "scheduler.v1"
_BEARER_SUBPROTOCOL: Final = "bearer."


@dataclass(frozen=True, kw_only=True)
class Credential:
    """What a handshake carries: the text of a ticket, or of a token."""

    text: str
    is_ticket: bool = False


def credential_of(scope: Mapping[str, Any]) -> Credential | None:
    """What a handshake carries, a ticket first; None where it carries nothing."""
    query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
    if "ticket" in query:
        return Credential(text=query["ticket"][0], is_ticket=True)
    token = _token_of(scope)
    if token is None and conf().ALLOW_QUERY_TOKEN:
        token = query.get("token", [None])[0]
    return None if token is None else Credential(text=token)


def _token_of(scope: Mapping[str, Any]) -> str | None:
    for offered in scope.get("subprotocols", ()):
        if offered.startswith(_BEARER_SUBPROTOCOL):
            return str(offered.removeprefix(_BEARER_SUBPROTOCOL))
    for name, value in scope.get("headers", ()):
        if name == b"authorization":
            kind, _, token = value.decode("latin-1").partition(" ")
            if kind.lower() == "bearer":
                return str(token.strip())
    return None


async def identify(credential: Credential) -> Identity:
    """Who has this credential. Raises `TokenRejected` with the code to close with."""
    if not credential.is_ticket:
        return await identity.authenticate(credential.text)
    return await identity.admit(await _redeemed(credential.text))


Ask = tuple[str, int]
"""A ticket, and which asking of it this is: two who bring the same one are not one."""

_numbers: Final = itertools.count()


def _redeem(asks: Collection[Ask]) -> dict[Ask, Claims]:
    """Of those who bring the same ticket, the first has it."""
    first = {ask[0]: ask for ask in reversed(list(asks))}
    return {first[ticket]: claims for ticket, claims in tickets.redeem(first).items()}


_redemptions: Final = PerLoop(_redeem)


async def _redeemed(ticket: str) -> Claims:
    """What a ticket says, which is worth nothing after that. Raises `TokenRejected`."""
    try:
        return await _redemptions.find((ticket, next(_numbers)))
    except KeyError:
        detail = "The ticket is unknown, used or too old: get another one."
        raise TokenRejected(detail, close_code=close_codes.UNAUTHENTICATED) from None
    except Error:
        logger.exception("No ticket could be redeemed: the credential is refused for now.")
        raise TokenRejected("Try again later.", close_code=close_codes.AT_CAPACITY) from None


def _count_pings(send: Any) -> None:
    """Cut off who sends more pings than frames: a server answers them by itself, and all of them."""
    pings = TokenBucket(PINGS_BURST, conf().FRAMES_PER_SECOND)

    def may_ping() -> bool:
        if not (may := pings.take()):
            logger.warning("A client was cut off: it sent pings without end.")
            servers.abort(send)
        return may

    servers.on_ping(send, may_ping)


class JWTAuthMiddleware:
    """ASGI middleware: puts `scope["realtime_identity"]` beside what others put there.

    An `Identity`; or the `TokenRejected` that the consumer closes with, once it has accepted, as
    a browser cannot read the status of a refused handshake; or None where no credential came.
    """

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        _count_pings(send)
        found: Identity | TokenRejected | None = None
        if (credential := credential_of(scope)) is not None:
            try:
                found = await identify(credential)
            except TokenRejected as refusal:
                found = refusal
        await self.app({**scope, "realtime_identity": found}, receive, send)
