"""Health: whether this process and what it stands on serve, each part in a word."""

from __future__ import annotations

import logging
import os
import threading
import time
from dataclasses import dataclass
from typing import Final, Literal

from django.db import connections

from . import clock, doorbell, files, hub, log, statistics
from .conf import conf
from .hub import Hub

logger = logging.getLogger(__name__)

LATE: Final = 10.0
"""Seconds for which a relay may lag, or a hub or its loop stand still."""

SILENT: Final = 5.0
"""Seconds without an answer of the database after which it is out: what it refuses, it refuses at
once, but a frozen one says nothing."""

REFUSED: Final = 1.0
"""Seconds for which it may refuse: a connection that was cut is open again within a moment."""

LOOK_WITHIN: Final = 3.0
"""Seconds that a process without a hub waits for the database."""

LOOK_AGAIN: Final = 0.5
"""Seconds until it looks again for what had waited too long: it may just have been committed."""

Word = Literal["ok", "failing", "none"]
"""How a part is; none where this process has no such part."""


@dataclass(frozen=True, kw_only=True)
class Health:
    """How each part is."""

    database: Word
    relay: Word
    hub: Word
    layer: Word

    @property
    def status(self) -> Literal["ok", "degraded", "failing"]:
        """Without the layer everything arrives, later; without anything else it does not."""
        if "failing" in {self.database, self.relay, self.hub}:
            return "failing"
        return "degraded" if self.layer == "failing" else "ok"


def check() -> Health:
    """How this process is. From any thread but a loop's.

    With a hub it costs no query, and waits for nothing: what the hub's threads saw last tells.
    Without one it looks at the database for itself, and waits for `LOOK_WITHIN` at the most.
    """
    house = hub.here()
    return _of_hub(house, time.monotonic()) if house is not None else _of_database()


def _of_hub(house: Hub, now: float) -> Health:
    tail = house.road.tail
    # A tail that waits for the loop looks at nothing, which is the hub's own fault.
    is_held_up, silent = tail.is_held_up, now - tail.looked_at
    database = is_held_up or silent <= (REFUSED if tail.is_failing else SILENT)
    relay = is_held_up or now - tail.relayed_at - conf().LOOK_INTERVAL <= LATE
    # What is not read, or has no position, is no fault of the hub's.
    is_level = now - house.road.level_at - conf().LOOK_INTERVAL <= LATE or not (database and relay)
    is_turning = now - house.reporter.turned_at <= LATE
    return Health(
        database=_word(database),
        relay=_word(relay),
        hub=_word(is_turning and is_level and not house.door.is_shut),
        layer=_layer(house.is_layer_failing),
    )


def _of_database() -> Health:
    lag = _looks.lag()
    if lag is not None and lag > LATE:
        time.sleep(LOOK_AGAIN)
        lag = _looks.lag()
    return Health(
        database=_word(lag is not None),
        relay="none" if lag is None else _word(lag <= LATE),
        hub="none",
        layer=_layer(doorbell.is_layer_failing()),
    )


def _word(is_well: bool) -> Word:
    return "ok" if is_well else "failing"


def _layer(is_failing: bool | None) -> Word:
    if is_failing is None or not doorbell.has_layer():
        return "none"
    return _word(not is_failing)


class _Look(threading.Thread):
    """One look at the database, in a thread and on a connection of its own."""

    def __init__(self) -> None:
        super().__init__(name="realtime-health", daemon=True)
        self.lag: float | None = None
        self.is_over = threading.Event()

    def run(self) -> None:
        try:
            files.leave_replaced()
            log.state()  # by which the database's clock is known
            self.lag = statistics.relay_lag(clock.now())
        except Exception as error:  # noqa: BLE001 - whatever it is, the database does not serve
            logger.debug("The database cannot be looked at: %r", error)
        finally:
            connections.close_all()
            self.is_over.set()


class _Looks:
    """One look at a time, however many ask: a frozen database keeps it for as long as it likes."""

    def __init__(self) -> None:
        self._starting = threading.Lock()
        self._look: _Look | None = None

    def lag(self) -> float | None:
        """How long a message has waited for its position; None where the database does not say."""
        with self._starting:
            if self._look is None or self._look.is_over.is_set():
                self._look = _Look()
                self._look.start()
            look = self._look
        return look.lag if look.is_over.wait(LOOK_WITHIN) else None


_looks = _Looks()


def _after_fork() -> None:
    global _looks  # noqa: PLW0603 - a child has none of its parent's threads
    _looks = _Looks()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
