"""A visit to a server: a real socket, opened as a browser does, on which the canary must arrive."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from scheduler_realtime import books, close_codes, identity, tickets
from scheduler_realtime.claims import claims_of
from scheduler_realtime.exceptions import SocketRefused
from scheduler_realtime.orders import CANARY

from . import refusals

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

LIFETIME: Final = dt.timedelta(seconds=30)
"""How long the visitor's token is worth anything, as long as a ticket: it goes to where --url leads."""

STAY: Final = 300.0
"""Seconds for which the visitor may stay by a ticket, at the longest."""

CLOSE_WITHIN: Final = 1.0
"""Seconds that a server has to say goodbye."""


@dataclass(frozen=True, kw_only=True)
class Visit:
    """A socket that was let in. `is_known`: by a ticket that the server found in its database."""

    line: ClientConnection
    connection_id: str
    epoch: str
    is_known: bool

    async def canary(self, key: uuid.UUID) -> float:
        """When the canary came, on the monotonic clock. Raises where the line ends before."""
        while True:
            frame = json.loads(await self.line.recv())
            if frame["type"] == CANARY and frame["data"]["canary"] == str(key):
                return time.monotonic()

    def check(self, epoch: str) -> None:
        """Raises `SocketRefused` where the server follows another log than the one here."""
        if not self.is_known:
            raise SocketRefused(*refusals.other_database("it has no ticket that was written here"))
        if self.epoch != epoch:
            what = f"its log is {self.epoch}, the one here {epoch}"
            raise SocketRefused(*refusals.other_database(what))


@contextlib.asynccontextmanager
async def visiting(url: str, user: Any, origin: str | None) -> AsyncIterator[Visit]:
    """A socket of that user. Raises `SocketRefused`, in words, where there can be none.

    By a ticket, as browsers open one; where the server does not know that, by a token, to tell a
    server of another database from one that trusts nobody here.
    """
    until = time.time() + STAY
    ticket = await books.run(lambda: tickets.issue(claims_of(user, until=until)))
    try:
        visit = await _enter(f"{url}{'&' if '?' in url else '?'}ticket={ticket}", {}, origin)
    except SocketRefused as refusal:
        if refusal.code != close_codes.UNAUTHENTICATED:
            raise
        token = await books.run(identity.token_for, user, lifetime=LIFETIME)
        visit = await _enter(url, {"Authorization": f"Bearer {token}"}, origin)
    try:
        yield visit
    finally:
        await visit.line.close()


async def _enter(url: str, headers: dict[str, str], origin: str | None) -> Visit:
    """Open a socket and hear who one is."""
    try:
        from websockets.asyncio.client import connect
        from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
        from websockets.typing import Origin
    except ImportError:
        remedy = 'Run `pip install "scheduler_realtime[uvicorn]"`, or `pip install websockets`.'
        raise SocketRefused("The client `websockets` is not installed.", remedy) from None
    try:
        line = await connect(
            url,
            origin=None if origin is None else Origin(origin),
            additional_headers=headers,
            compression=None,
            close_timeout=CLOSE_WITHIN,
        )
        return await _welcomed(line, is_known=not headers)
    except InvalidStatus as refused:
        told = refusals.by_status(refused.response.status_code, origin)
        raise SocketRefused(*told) from None
    except ConnectionClosed as ended:
        code = None if ended.rcvd is None else ended.rcvd.code
        raise SocketRefused(*refusals.by_code(code), code=code) from None
    except InvalidHandshake as error:
        raise SocketRefused(*refusals.no_websocket(error)) from None
    except OSError as error:
        raise SocketRefused(*refusals.unreachable(error)) from None


async def _welcomed(line: ClientConnection, *, is_known: bool) -> Visit:
    try:
        facts = json.loads(await line.recv())["data"]
        connection_id, epoch = str(facts["connection_id"]), str(facts["epoch"])
    except (ValueError, KeyError, TypeError):
        line.transport.abort()
        raise SocketRefused(*refusals.no_welcome()) from None
    except BaseException:  # cancelled too, when its time is over
        line.transport.abort()
        raise
    return Visit(line=line, connection_id=connection_id, epoch=epoch, is_known=is_known)
