"""Failpoints: named places at which a test has this very process killed or stopped.

`SCHEDULER_REALTIME_FAILPOINT="relay.updated=kill@3"` kills it with SIGKILL as it passes that place
for the third time; `stop` stops it with SIGSTOP. Without the variable nothing ever happens.
"""

from __future__ import annotations

import itertools
import os
import re
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from django.core.exceptions import ImproperlyConfigured

VARIABLE: Final = "SCHEDULER_REALTIME_FAILPOINT"

OF_THE_RELAY: Final = ("relay.updated", "relay.committed", "relay.rung")
"""Positions are given but not committed; committed but not rung; rung."""

PLACES: Final = (*OF_THE_RELAY, "conflicts.kept")
"""All there are; at the last one conflicts are written but not committed."""

_SIGNALS: Final = {"kill": "SIGKILL", "stop": "SIGSTOP"}

_WRITTEN: Final = re.compile(r"(?P<place>[a-z.]+)=(?P<deed>[a-z]+)@(?P<passing>[1-9][0-9]*)")


@dataclass(frozen=True, kw_only=True)
class _Armed:
    place: str
    deed: str
    passing: int
    passings: Iterator[int] = field(default_factory=lambda: itertools.count(1))


def reach(place: str) -> None:
    """Pass a place; where it is armed, and for the last time it allows, go no further."""
    armed = _armed()
    if armed is not None and place == armed.place and next(armed.passings) == armed.passing:
        # To this thread: the kernel may hand what is sent to the process to another one, and
        # this one would have gone on, and committed, before it is stopped.
        signal.pthread_kill(threading.get_ident(), getattr(signal, _SIGNALS[armed.deed]))


@lru_cache(maxsize=1)
def _armed() -> _Armed | None:
    """What the variable says, read at the first passing. Raises `ImproperlyConfigured`."""
    text = os.environ.get(VARIABLE, "").strip()
    if not text:
        return None
    written = _WRITTEN.fullmatch(text)
    if written is None or written["place"] not in PLACES or written["deed"] not in _SIGNALS:
        places = ", ".join(PLACES)
        raise ImproperlyConfigured(
            f"{VARIABLE} must be like relay.updated=kill@3, with one of {places} and kill or stop,"
            f" not {text!r}."
        )
    passing = int(written["passing"])
    return _Armed(place=written["place"], deed=written["deed"], passing=passing)
