"""The lease: renewed beside the books thread where that is held up, be it by the host's own code."""

from __future__ import annotations

import asyncio
import logging
from typing import Final, Protocol

from django.db import Error

from . import books
from .presence import Register

logger = logging.getLogger(__name__)

LATE: Final = 8.0
"""Seconds without a renewal after which one is made beside the books, and again as long later: a
lease lasts for more than two of these."""


class Attendance(Protocol):
    """What renews the lease as long as all is well. `renewed_at` is by the loop's clock."""

    register: Register
    renewed_at: float

    def report(self) -> str: ...


class House(Protocol):
    """What has a lease."""

    @property
    def attendance(self) -> Attendance: ...


async def keep(house: House) -> None:
    """Renew the lease of a hub where nothing else does, for ever.

    The books thread asks the host for roles and permissions, which may ask a slow directory for
    each of a thousand users: their sockets and everybody's else live, whatever waits meanwhile.
    """
    loop = asyncio.get_running_loop()
    while True:
        late_at = house.attendance.renewed_at + LATE
        if loop.time() < late_at:
            await asyncio.sleep(late_at - loop.time())
            continue
        try:
            await books.beside(house.attendance.register.renew, house.attendance.report())
        except Error as error:
            logger.debug("The lease cannot be renewed: %r", error)
        except Exception:
            logger.exception("The lease could not be renewed; the next try comes.")
        await asyncio.sleep(LATE)
