"""Orders: what must be done on whichever node a socket is, as rows of the log that nobody hears."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Collection, Iterable
from typing import Final, Protocol

from django.db import transaction

from . import clock, close_codes, log, progress, standing
from .connection import Connection
from .exceptions import OptimizationEnded, OptimizationUnknown
from .log import Draft, Row
from .messages import CONTROL, FINAL
from .models import OptimizationRun
from .values import Key

logger = logging.getLogger(__name__)

CANARY: Final = "canary"
"""The order, and the control frame by which a hub carries it out."""


class Doubts(Protocol):
    """What an order about somebody's rights needs."""

    def doubt(self, users: Collection[Key] | None, *, after: float = 0) -> None: ...
    def end_session(self, mark: str) -> None: ...


class House(Protocol):
    """What an order needs of the hub that carries it out."""

    connections: set[Connection]

    @property
    def rights(self) -> Doubts: ...


def disconnect(connection_ids: Iterable[str]) -> None:
    """Have these sockets closed with 4409, on whichever nodes they are.

    In the transaction in progress, and so only if it commits. Blocks on the database.
    """
    log.append([_order("disconnect", connections=sorted(map(str, connection_ids)))])


def canary(connection_id: str) -> uuid.UUID:
    """Have this socket told so, on whichever node it is, to see the whole road work.

    Returns the key of the order, which the frame carries.
    """
    key = uuid.uuid4()
    log.append([_order(CANARY, key=key, connection=connection_id, canary=str(key))])
    return key


def cancel(optimization_id: str, *, user_id: Key, groups: Collection[str]) -> OptimizationRun:
    """Have whoever runs this optimisation stop it, as this user wishes, who is in these groups.

    It is written into the run's row, at which its engine's process looks twice a second, and into
    the log, by which a hub beside the engine hears of it at once. Asked again, it is ordered again.
    Raises `OptimizationUnknown` where that user was never told of such a run, and
    `OptimizationEnded`. Blocks on the database.
    """
    with transaction.atomic(using=log.database()):
        rows = standing.seen_by(groups, standing.runs()).select_for_update()
        # PostgreSQL compares nothing with NUL.
        is_name = "\x00" not in optimization_id
        run = rows.filter(optimization_id=optimization_id).first() if is_name else None
        if run is None:
            raise OptimizationUnknown("There is no such optimisation.")
        if run.status in FINAL:
            raise OptimizationEnded(optimization_id, run.status)
        run.cancel_asked_at = run.cancel_asked_at or clock.now()
        run.save(using=log.database(), update_fields=["cancel_asked_at"])
        log.append([_order("cancel", optimization_id=optimization_id, user_id=user_id)])
    return run


def look_up(users: Iterable[Key] | None, *, after: float = 0, using: str | None = None) -> None:
    """Have these users, or everybody, looked up again on every node, so many seconds later.

    In the transaction in progress on `using`, which must be the log's own database.
    """
    named = None if users is None else sorted(set(users), key=str)
    log.append([_order("look_up", users=named, after=after)], using=using)


def end_session(mark: str) -> None:
    """Have the sockets closed that this session opened: see `claims.mark_of_session`."""
    log.append([_order("end_session", session=mark)])


def _order(name: str, *, key: uuid.UUID | None = None, **facts: object) -> Draft:
    data = {"order": name, **facts}
    return Draft(type=CONTROL, data=data, groups=frozenset(), key=key or uuid.uuid4())


def obey(house: House, row: Row) -> None:
    """Carry out an order in this process. One that is not known here is of a newer node."""
    match row.data:
        case {"order": "disconnect", "connections": list(named)}:
            for connection in _named(house, named):
                connection.close(close_codes.DISCONNECTED_BY_ADMINISTRATOR)
        case {"order": "canary", "connection": str(wanted), "canary": str(key)}:
            for connection in _named(house, [wanted]):
                connection.say(CANARY, {"canary": key})
        case {"order": "look_up", "users": (list() | None) as users, "after": int() | float()}:
            house.rights.doubt(users, after=row.data["after"])
        case {"order": "end_session", "session": str(mark)}:
            house.rights.end_session(mark)
        case {"order": "cancel", "optimization_id": str(name)}:
            progress.look(name)
        case unknown:
            logger.warning("An order of the log is not known here: %r.", unknown.get("order"))


def _named(house: House, ids: Collection[object]) -> list[Connection]:
    return [connection for connection in house.connections if connection.id in ids]
