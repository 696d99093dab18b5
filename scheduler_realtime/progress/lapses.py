"""Lapses: a hub's rounds for runs whose process died, which would go on for ever in every list."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final

from django.db import Error

from scheduler_realtime import books

from . import holding

logger = logging.getLogger(__name__)

LOOK: Final = 3.0
"""Seconds between two looks. Two of them and a lease: so soon is told that a run was lost."""


async def run() -> None:
    """Tell of each run that was lost, once among all nodes, for ever."""
    suspects: dict[str, Any] = {}
    while True:
        await asyncio.sleep(LOOK)
        try:
            suspects = await books.run(holding.judge, suspects)
        except Error as error:
            # Whoever could not ask does not know who could not be heard of meanwhile.
            suspects = {}
            logger.debug("Runs cannot be looked at now: %r", error)
        except Exception:
            suspects = {}
            logger.exception("What became of the runs could not be told; the next look tries.")
