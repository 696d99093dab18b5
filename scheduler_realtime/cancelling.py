"""Cancelling: clients who wish a run to stop, each answered when its engine has."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import dataclass
from typing import Any, Final

from django.contrib.auth import get_user_model
from django.db import Error, router

from . import books, orders
from .connection import Connection
from .exceptions import OptimizationEnded, OptimizationUnknown
from .frames import redacted
from .identity import Identity
from .log import Row
from .messages import FINAL, OptimizationProgress
from .permissions import CANCELLING

logger = logging.getLogger(__name__)

WAITING: Final = 500
"""Answers that may be owed at a time; whoever asks for more is told to come again."""


@dataclass(slots=True, eq=False)
class _Ask:
    """One `cancel_optimization` that waits for its answer."""

    connection: Connection
    optimization_id: str
    ref: str | None


class NotPermitted(Exception):
    """The user does not hold the permission."""


class Cancelling:
    """Who waits for which run to stop. Belongs to one event loop."""

    def __init__(self) -> None:
        self._asks: deque[_Ask] = deque()
        self._tasks: set[asyncio.Task[None]] = set()

    def ask(self, connection: Connection, optimization_id: str, ref: str | None) -> None:
        """Have a run stopped: answered with its last state, or with `error`."""
        self._asks = deque(ask for ask in self._asks if not ask.connection.is_closing)
        if len(self._asks) >= WAITING:
            detail = "Too many wait for runs to stop; send it again later."
            connection.complain("rate_limited", detail, ref=ref)
            return
        ask = _Ask(connection, optimization_id, ref)
        self._asks.append(ask)  # before it is written: the engine may be quick
        task = asyncio.get_running_loop().create_task(self._order(ask))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def learn(self, row: Row) -> None:
        """See a message of the log: where it ends a run, answer whoever waits for that."""
        if not self._asks or row.type != OptimizationProgress.type:
            return
        status = row.data.get("status")
        if status not in FINAL:
            return
        for ask in [a for a in self._asks if a.optimization_id == row.data["optimization_id"]]:
            self._asks.remove(ask)
            if status == "cancelled":
                is_cleared = ask.connection.identity.is_cleared
                data = row.data if is_cleared else redacted(row.type, row.data, row.protected)
                ask.connection.say(OptimizationProgress.type, data, ask.ref)
            else:
                _complain_of_end(ask, status)

    async def _order(self, ask: _Ask) -> None:
        try:
            await books.run(order, ask.optimization_id, ask.connection.identity)
        except NotPermitted:
            self._refuse(ask, "not_permitted", f"It takes the permission {CANCELLING}.")
        except OptimizationUnknown:
            self._refuse_name(ask, "There is no such optimisation.")
        except OptimizationEnded as end:
            if ask in self._asks:
                self._asks.remove(ask)
                _complain_of_end(ask, end.status)
        except Error:
            self._refuse(ask, "rate_limited", "The database is out; send it again later.")
        except Exception:
            logger.exception("A run could not be cancelled.")
            self._refuse(ask, "rate_limited", "It could not be done; send it again later.")

    def _refuse(self, ask: _Ask, code: str, detail: str, **more: Any) -> None:
        if ask in self._asks:
            self._asks.remove(ask)
            ask.connection.complain(code, detail, ref=ask.ref, **more)

    def _refuse_name(self, ask: _Ask, detail: str) -> None:
        self._refuse(ask, "bad_data", detail, fields={"optimization_id": detail})


def order(optimization_id: str, identity: Identity) -> None:
    """Order a run to be stopped, if this user may. Blocks on the database: for the books thread.

    The permission is asked for anew: who lost it a moment ago stops nothing.
    """
    model: Any = get_user_model()
    users = model._default_manager.using(router.db_for_write(model))
    user = users.filter(pk=identity.user_id).first()
    if user is None or not hasattr(user, "has_perm") or not user.has_perm(CANCELLING):
        raise NotPermitted
    orders.cancel(optimization_id, user_id=identity.user_id, groups=identity.groups)


def _complain_of_end(ask: _Ask, status: str) -> None:
    detail = f"The optimisation has ended by itself: {status}."
    ask.connection.complain("bad_data", detail, ref=ask.ref, fields={"optimization_id": detail})
