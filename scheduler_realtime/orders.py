"""Orders: what must be done on whichever node a socket is, as rows of the log that nobody hears."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Final, Protocol

from . import close_codes, log
from .connection import Connection
from .log import Draft, Row
from .messages import CONTROL, Key

logger = logging.getLogger(__name__)

_DISCONNECT: Final = "disconnect"
_CANCEL: Final = "cancel"


class House(Protocol):
    """What an order needs of the hub that carries it out."""

    connections: set[Connection]


def disconnect(connection_ids: Iterable[str]) -> None:
    """Have these sockets closed with 4409, on whichever nodes they are.

    In the transaction in progress, and so only if it commits. Blocks on the database.
    """
    log.append([_order(_DISCONNECT, connections=sorted(map(str, connection_ids)))])


def cancel(optimization_id: str, user_id: Key) -> None:
    """Have whoever runs this optimisation stop it, as this user wishes. Likewise."""
    log.append([_order(_CANCEL, optimization_id=optimization_id, user_id=user_id)])


def _order(name: str, **facts: object) -> Draft:
    return Draft(type=CONTROL, data={"order": name, **facts}, groups=frozenset())


def obey(house: House, row: Row) -> None:
    """Carry out an order in this process. One that is not known here is of a newer node."""
    match row.data:
        case {"order": "disconnect", "connections": list(named)}:
            for connection in tuple(house.connections):
                if connection.id in named:
                    connection.close(close_codes.DISCONNECTED_BY_ADMINISTRATOR)
        case {"order": "cancel"}:
            pass  # for engines
        case unknown:
            logger.warning("An order of the log is not known here: %r.", unknown.get("order"))
