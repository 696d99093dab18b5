"""A writer: a thread that changes rows at its own pace, and is stopped by nothing but its halt."""

import threading
import time

from django.db import connections

from tests.faults.operations import MIXES
from tests.faults.pen import Pen

BACKOFF = 0.2
"""Seconds before the next try after an error."""


class Writer(threading.Thread):
    """Works at about `rate` messages a second from its start to its halt."""

    def __init__(self, pen: Pen, *, rate: float, mix: str) -> None:
        super().__init__(name=pen.name, daemon=True)
        self.pen = pen
        self._rate = rate
        self._mix = MIXES[mix]
        self._halted = threading.Event()

    def halt(self) -> None:
        """End after the transaction in progress."""
        self._halted.set()

    def run(self) -> None:
        operations = list(self._mix)
        shares = [self._mix[operation][0] for operation in operations]
        due = time.monotonic() + self.pen.dice.random() / self._rate
        while not self._halted.wait(max(0.0, due - time.monotonic())):
            operation = self.pen.dice.choices(operations, shares)[0]
            with self.pen.deed(operation.__name__) as deed:
                operation(self.pen)
            pause = self._mix[operation][1] * self.pen.dice.uniform(0.5, 1.5) / self._rate
            # Behind by no more than a moment: an outage is not made up for.
            due = max(due, time.monotonic() - 1) + pause
            if deed.error is not None:
                due = time.monotonic() + BACKOFF
        connections.close_all()
