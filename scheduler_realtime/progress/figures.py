"""Figures of a run: what an engine says of itself, made into what a screen can show."""

from __future__ import annotations

import math
import numbers
import time
from collections.abc import Mapping
from typing import Any, Final, Literal

from scheduler_realtime.exceptions import InvalidMessage
from scheduler_realtime.messages import OptimizationProgress
from scheduler_realtime.wire import EXACT, MAX_DEPTH, plain

Direction = Literal["minimize", "maximize"]

Status = Literal["running", "completed", "failed", "cancelled"]

DIRECTIONS: Final = ("minimize", "maximize")


class Figures:
    """How far a run is. Not safe for threads by itself: whoever has it has a lock.

    The share of `total` that is done is told as a percentage; it never goes back, nor does the
    iteration, since engines with several workers report out of order. A score that is NaN or
    infinite is told as none at all, and is never the best one.
    """

    def __init__(self, *, total: int | None, direction: Direction) -> None:
        if direction not in DIRECTIONS:
            raise InvalidMessage("direction", f"{direction!r} is neither of {DIRECTIONS}")
        self._total = None if total is None else count(total, "total_iterations")
        self._is_better = float.__lt__ if direction == "minimize" else float.__gt__
        self._began = time.monotonic()
        self._iteration: int | None = None
        self._percentage = 0.0
        self._score: float | None = None
        self._best: float | None = None
        self._metrics: dict[str, Any] = {}

    def take(
        self,
        *,
        iteration: int | None = None,
        score: float | None = None,
        best: float | None = None,
        percentage: float | None = None,
        metrics: Mapping[str, Any] | None = None,
    ) -> None:
        """Take up what is given. Raises `InvalidMessage`, and then nothing of it was."""
        done = None if iteration is None else count(iteration, "iteration")
        told, best_told = finite(score, "score"), finite(best, "best")
        share = finite(percentage, "percentage")
        more = None if metrics is None else plain(_without_nan(metrics), "metrics")
        if more is not None and not isinstance(more, dict):
            raise InvalidMessage("metrics", "is not a mapping of names to values")
        if done is not None:
            self._iteration = max(done, self._iteration or 0)
        if score is not None:
            self._score = told
        self._consider(told, best_told)
        self._advance(share)
        if more is not None:
            self._metrics = more

    def payload(
        self, optimization_id: str, status: Status = "running", reason: str | None = None
    ) -> OptimizationProgress:
        """The figures as they are told now."""
        elapsed = time.monotonic() - self._began
        return OptimizationProgress.checked(
            {
                "optimization_id": optimization_id,
                "progress_percentage": 100.0 if status == "completed" else self._percentage,
                "current_iteration": self._iteration,
                "total_iterations": self._total,
                "current_score": self._score,
                "best_score": self._best,
                "time_elapsed": round(elapsed, 3),
                "status": status,
                "metrics": self._rates(elapsed) | self._metrics,
                "reason": reason,
            }
        )

    def _consider(self, score: float | None, best: float | None) -> None:
        if best is not None:
            self._best = best  # the engine knows better than a comparison of its scores
        elif score is not None and (self._best is None or self._is_better(score, self._best)):
            self._best = score

    def _advance(self, share: float | None) -> None:
        if share is None and self._total and self._iteration is not None:
            share = 100.0 * self._iteration / self._total
        if share is not None:
            self._percentage = round(min(100.0, max(self._percentage, share)), 2)

    def _rates(self, elapsed: float) -> dict[str, Any]:
        if not self._iteration or elapsed <= 0:
            return {}
        rate = self._iteration / elapsed
        rates = {"iterations_per_second": round(rate, 3)}
        if self._total is not None:
            rates["seconds_left"] = round(max(0, self._total - self._iteration) / rate, 1)
        return rates


def count(value: Any, path: str) -> int:
    """A number of iterations. Raises `InvalidMessage` for what is none."""
    is_whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not is_whole or not 0 <= int(value) <= EXACT:
        raise InvalidMessage(path, f"{value!r} is not a whole number from 0 on")
    return int(value)


def finite(value: Any, path: str) -> float | None:
    """A score as a float; None for one that JSON does not have. Raises `InvalidMessage`."""
    if value is None:
        return None
    try:
        if isinstance(value, str | bytes | bool):
            raise TypeError  # noqa: TRY301 - float() would take them
        number = float(value)
    except OverflowError:
        return None
    except (TypeError, ValueError):
        raise InvalidMessage(path, f"a {type(value).__name__} is not a number") from None
    return number if math.isfinite(number) else None


def _without_nan(value: Any, depth: int = 0) -> Any:
    """The metrics with None where a number is NaN or infinite, as engines have it at their start."""
    if isinstance(value, numbers.Real) and not isinstance(value, numbers.Rational):
        return finite(value, "metrics")
    if depth > MAX_DEPTH:
        return value  # which `plain` refuses
    if isinstance(value, Mapping):
        return {key: _without_nan(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item, depth + 1) for item in value]
    return value
