"""Connections whose client never gets to the point: a server waits for the rest for ever."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Hashable
from typing import Any

from . import servers
from .conf import conf
from .servers import Send

logger = logging.getLogger(__name__)


class Unfinished:
    """Cuts off whoever takes longer over a request or a handshake than over a credential.

    uvicorn waits for a whole request as long as the client likes, and daphne as long as a byte
    comes now and then.
    """

    def __init__(self) -> None:
        self._connections: Collection[Any] = ()
        self._since: dict[Hashable, float] = {}

    def learn(self, send: Send) -> None:
        """Know the server by one of its sockets."""
        self._connections = servers.neighbours(send)

    def sweep(self) -> None:
        """Cut off those who were at it the last time, and the times before, for too long."""
        now, waiting = time.monotonic(), servers.unfinished(self._connections)
        self._since = {key: self._since.get(key, now) for key in waiting}
        for key, since in self._since.items():
            if now - since > conf().AUTHENTICATE_TIMEOUT:
                logger.warning("A connection was cut off: its request was never finished.")
                servers.cut(waiting[key])
