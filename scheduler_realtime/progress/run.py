"""A run in the hands of its engine: what it says, and whether it is to stop."""

from __future__ import annotations

import logging
import os
import threading
from asyncio import CancelledError
from collections.abc import Callable, Mapping
from typing import Any

from django.utils import timezone

from scheduler_realtime import doorbell
from scheduler_realtime.clean_text import LONGEST, cleaned
from scheduler_realtime.exceptions import (
    OptimizationCancelled,
    OptimizationEnded,
    OptimizationFailed,
    OptimizationNotBegun,
)
from scheduler_realtime.messages import (
    OptimizationProgress,
    carried,
    envelope,
    protected_by_setting,
)
from scheduler_realtime.wire import plain

from .figures import Figures, Status
from .holding import Heard, Held
from .ticker import Ticker

logger = logging.getLogger(__name__)


class Run:
    """What `track_optimization` hands out. Every method may be called from any thread.

    None of them waits for the database or for the channel layer.
    """

    def __init__(self, held: Held, figures: Figures, *, look: Callable[[], None] | None) -> None:
        self.held = held
        self.status: str | None = None
        self._pid = os.getpid()
        self._figures = figures
        self._look = look
        self._lock = threading.Lock()
        self._ticker = Ticker()
        self._stop = threading.Event()
        self._heeded = False
        self._lost = False
        self._why: str | None = None
        self._deeds: list[Callable[[], Any]] = []

    @property
    def optimization_id(self) -> str:
        """The name that clients know it by."""
        return self.held.optimization_id

    def update(
        self,
        *,
        iteration: int | None = None,
        score: float | None = None,
        best: float | None = None,
        percentage: float | None = None,
        metrics: Mapping[str, Any] | None = None,
    ) -> None:
        """Say how far the engine is; what is left out stays as it was.

        `PROGRESS_PER_SECOND` states are told in a second, the newest in any case. `best` is the
        best score so far where the engine knows it; otherwise it is found among the scores, by the
        run's direction. `percentage`, from 0 to 100, is for an engine that knows its share by
        something else than its iterations. A score that is NaN or infinite is told as none.
        Raises `InvalidMessage` for what is no number, `OptimizationEnded` after the end and
        `OptimizationNotBegun` before the beginning; of a run that is being stopped, or that was
        lost, nothing is told any more and nothing raised.
        """
        self._check()
        with self._lock:
            self._figures.take(
                iteration=iteration, score=score, best=best, percentage=percentage, metrics=metrics
            )
        if not self._lost:
            self._ticker.put(self._tick)

    @property
    def cancelled(self) -> bool:
        """Whether the engine is to stop: somebody wishes it, or the run was told to be lost.

        True within a second of the wish, on whichever node it was said. A run that has looked, and
        then ends without an error, ends as `cancelled`; one that never looked as `completed`.
        """
        if self._look is not None and self.status == "running":
            self._look()
        self._heeded = self._heeded or self._stop.is_set()
        return self._stop.is_set()

    def raise_if_cancelled(self) -> None:
        """The same for an engine that one leaves by an exception: `OptimizationCancelled`."""
        if self.cancelled:
            raise OptimizationCancelled(self.optimization_id)

    def on_cancel(self, deed: Callable[[], Any]) -> None:
        """Have this called once the engine is to stop, at once where it is already.

        For engines that have something to be stopped by: it counts as having looked. Called in a
        thread of ours, so it must not block.
        """
        with self._lock:
            is_late = self._stop.is_set()
            self._deeds.append(deed)
        if is_late:
            self._do(deed)

    def cancel(self, reason: str | None = None) -> None:
        """Have the engine stop, as this process itself wishes, and why in words for a screen."""
        with self._lock:
            self._why = self._why or (shown(reason) if reason else None)
            deeds = [] if self._stop.is_set() else list(self._deeds)
            self._stop.set()
        for deed in deeds:
            self._do(deed)

    # What those call who keep it.

    def figures(self) -> OptimizationProgress:
        """The figures as they are told now."""
        return self._payload("running")

    def hear(self, heard: Heard) -> None:
        """What the row says."""
        if not heard.is_ours and not self._lost:
            self._lost = True
            self._ticker.close()
            logger.error(
                "The optimisation %r was told to be over by somebody else; its engine is stopped.",
                self.optimization_id,
            )
        if self._lost or heard.is_cancel_asked:
            self.cancel()

    def ending(self, error: BaseException | None) -> OptimizationProgress:
        """The last state, by what the run was left with. From now on nothing is told."""
        self._ticker.close()
        status, reason = outcome(error, is_heeded=self._heeded)
        return self._payload(status, self._why if status == "cancelled" and self._why else reason)

    def _payload(self, status: Status, reason: str | None = None) -> OptimizationProgress:
        with self._lock:
            return self._figures.payload(self.optimization_id, status, reason)

    def _tick(self) -> None:
        told = cleaned(plain(self.figures().model_dump()))
        data = carried(told, protected_by_setting(OptimizationProgress.type))
        frame = envelope(
            OptimizationProgress.type, data, timestamp=timezone.now(), user_id=self.held.actor
        )
        doorbell.carry(frame, self.held.groups)

    def _do(self, deed: Callable[[], Any]) -> None:
        self._heeded = True
        try:
            deed()
        except Exception:
            logger.exception("The engine of %r could not be stopped.", self.optimization_id)

    @property
    def is_here(self) -> bool:
        """Whether this is the process that began it, and not a child forked since."""
        return os.getpid() == self._pid

    def _check(self) -> None:
        if not self.is_here:
            raise OptimizationNotBegun(
                "A run belongs to the process that began it. Hand back what was found, and tell of"
                " it there."
            )
        if self.status is None:
            raise OptimizationNotBegun("A run is told of inside of its `with` block.")
        if self.status != "running":
            raise OptimizationEnded(self.optimization_id, self.status)


def outcome(error: BaseException | None, *, is_heeded: bool) -> tuple[Status, str | None]:
    """How a run ended that was left with this error, and why in words for a screen.

    An error's own words may quote a patient, and mean nothing to who reads them: only those of
    `OptimizationFailed` are shown.
    """
    match error:
        case None:
            return ("cancelled" if is_heeded else "completed"), None
        case OptimizationCancelled():
            return "cancelled", None
        case OptimizationFailed():
            return "failed", shown(str(error)) or "The optimisation found no plan."
        case CancelledError() | KeyboardInterrupt() | SystemExit() | GeneratorExit():
            return "cancelled", "The process that ran it was told to end."
        case _:
            return "failed", "The optimisation stopped with an error; the server's log has it."


def shown(text: str) -> str:
    """A reason as the log takes it, whatever is in it: a run must end."""
    return text.encode(errors="replace").decode().replace("\x00", "")[:LONGEST]
