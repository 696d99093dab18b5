"""What the doctor found at one station, and how one is timed and kept from taking for ever."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from dataclasses import dataclass, replace
from typing import Final, Literal

State = Literal["ok", "slow", "failed", "skipped"]

SLOW_MS: Final = 1000.0
"""Milliseconds from which a station that has one job is slow: people see them."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One station: what it is like, in a sentence, and the remedy where there is need of one."""

    station: str
    state: State
    says: str
    remedy: str = ""
    ms: float | None = None


def passed(
    station: str, ms: float, says: str, *, if_slow: str, slow_ms: float = SLOW_MS
) -> Finding:
    """It works: well, or slowly, with the remedy for that."""
    if ms < slow_ms:
        return Finding(station=station, state="ok", says=says, ms=ms)
    return Finding(station=station, state="slow", says=says, remedy=if_slow, ms=ms)


def failed(station: str, says: str, remedy: str, ms: float | None = None) -> Finding:
    """It does not work."""
    return Finding(station=station, state="failed", says=says, remedy=remedy, ms=ms)


def skipped(station: str, says: str) -> Finding:
    """It was not looked at."""
    return Finding(station=station, state="skipped", says=says)


def since(begun: float, ended: float | None = None) -> float:
    """Milliseconds on the monotonic clock since then, up to now."""
    return ((time.monotonic() if ended is None else ended) - begun) * 1000


async def examined(
    station: str, look: Awaitable[Finding], *, within: float, remedy: str
) -> Finding:
    """What a station is found to be like; failed where it takes too long, or raises."""
    begun = time.monotonic()
    try:
        async with asyncio.timeout(within):
            found = await look
    except TimeoutError:
        return failed(station, f"No answer within {within:g} s.", remedy, since(begun))
    except Exception as error:  # noqa: BLE001 - the next station is looked at all the same
        said = str(error).strip().splitlines() or [type(error).__name__]
        return failed(station, " ".join(said), remedy, since(begun))
    return found if found.ms is not None else replace(found, ms=since(begun))
