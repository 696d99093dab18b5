"""Tickets: for one handshake each, so that no token stands in any log of URLs."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import json
import secrets
from collections.abc import Iterable
from typing import Any, Final

from django.db import connections

from . import clock, log
from .claims import Claims
from .models import Ticket
from .paging import pages
from .wire import dumps

LIFETIME: Final = 30
"""Seconds in which a ticket must be used: a page opens its socket at once."""

BITS: Final = 256
"""Random bits of a ticket: nobody guesses one."""

_BATCH: Final = 200
_LONGEST: Final = 200
"""Characters beyond which a text is no ticket of ours: it is not even looked up."""


def issue(claims: Claims) -> str:
    """Make a ticket for whom the claims are of, and return it: only its hash is kept.

    Blocks on the database, one statement: for a request's own thread.
    """
    ticket = secrets.token_urlsafe(BITS // 8)
    Ticket.objects.using(log.database()).create(
        digest=_digest(ticket),
        claims=dumps(dataclasses.astuple(claims)),
        expires_at=clock.now() + dt.timedelta(seconds=LIFETIME),
    )
    return ticket


def redeem(tickets: Iterable[str]) -> dict[str, Claims]:
    """Use tickets up, and return what they say; what is unknown, used or too old is left out.

    However many ask for one at once, in whichever process, one has it: the row is deleted by the
    statement that finds it. Blocks on the database: for the books thread.
    """
    digests = {_digest(ticket): ticket for ticket in tickets if len(ticket) <= _LONGEST}
    connection = connections[log.database()]
    table = connection.ops.quote_name(Ticket._meta.db_table)
    column: Any = Ticket._meta.get_field("expires_at")
    now = column.get_db_prep_save(clock.now(), connection)
    found: dict[str, Claims] = {}
    with connection.cursor() as cursor:
        for page in pages(sorted(digests), _BATCH):
            cursor.execute(
                f"DELETE FROM {table} WHERE digest IN ({', '.join(['%s'] * len(page))})"  # noqa: S608
                " AND expires_at > %s RETURNING digest, claims",
                [*page, now],
            )
            found |= {digests[digest]: _claims(text) for digest, text in cursor.fetchall()}
    return found


def sweep() -> int:
    """Delete the tickets that nobody used in time. Returns how many."""
    return Ticket.objects.using(log.database()).filter(expires_at__lte=clock.now()).delete()[0]


def _digest(ticket: str) -> str:
    return hashlib.sha256(ticket.encode(errors="surrogatepass")).hexdigest()


def _claims(text: str) -> Claims:
    names = (each.name for each in dataclasses.fields(Claims))
    # Shorter where a node of an older version gave it out.
    return Claims(**dict(zip(names, json.loads(text), strict=False)))
