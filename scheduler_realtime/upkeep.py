"""Upkeep: a hub's rounds through the log's tail, off the road that messages take."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from . import books, log, tickets
from .trimming import Trimmer

logger = logging.getLogger(__name__)

INTERVAL: Final = 10.0
"""Seconds between two looks for something to trim."""

PAUSE: Final = 0.05
"""Seconds between two batches, so that handshakes get their turn in the books thread."""


async def run() -> None:
    """Trim the log as far as the settings say, and sweep old tickets out, for ever."""
    trimmer = Trimmer()
    while True:
        await asyncio.sleep(INTERVAL)
        try:
            await _trim(trimmer)
            await books.run(tickets.sweep)
        except Exception:
            logger.exception("What is old could not be deleted; the next round tries again.")


async def _trim(trimmer: Trimmer) -> None:
    trimmed = log.BATCH
    while trimmed >= log.BATCH:
        trimmed = await books.run(trimmer.trim)
        await asyncio.sleep(PAUSE)
