"""Backoff: how long to wait until what a database refused is tried again."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Final

PAUSES: Final = (0.1, 0.2, 0.5, 1.0)
"""Seconds between tries while the database is out; the last goes on."""


def pauses() -> Iterator[float]:
    """Seconds to wait after the first failure, the second, and so on for ever."""
    return itertools.chain(PAUSES, itertools.repeat(PAUSES[-1]))
