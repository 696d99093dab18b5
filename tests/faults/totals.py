"""What all stages of a run come to: sums by fault, and whether anything went wrong."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from tests.faults.judging.verdict import GUILTY, UNASKED
from tests.faults.printing import percentile
from tests.faults.stage import Outcome

SAMPLE: Final = 2000
"""Latencies kept of one stage: all of a long run would fill the memory."""

GROWTH: Final = 0.010
"""Seconds by which the 99th percentile of a save may grow while Redis is out."""


@dataclass(kw_only=True)
class Tally:
    """The figures of one fault, of all seeds."""

    stages: int = 0
    failures: int = 0
    committed: int = 0
    handed: int = 0
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys((*GUILTY, *UNASKED), 0))
    latencies: list[float] = field(default_factory=list)
    lags: dict[str, float] = field(default_factory=dict)
    gauges: dict[str, list[float]] = field(default_factory=dict)

    def add(self, outcome: Outcome) -> None:
        """Count one stage in."""
        verdict = outcome.verdict
        self.stages += 1
        self.failures += outcome.is_failure
        self.committed += verdict.committed
        self.handed += verdict.handed
        for kind in self.counts:
            self.counts[kind] += verdict.count(kind)
        size = min(SAMPLE, len(verdict.latencies))
        self.latencies += random.Random(0).sample(verdict.latencies, size)  # noqa: S311 - no secret
        for name, seconds in verdict.lags.items():
            self.lags[name] = max(self.lags.get(name, 0.0), seconds)
        for name, saves in outcome.gauges.items():
            self.gauges.setdefault(name, []).extend(saves)

    def line(self, name: str) -> str:
        counts = "  ".join(f"{kind} {count}" for kind, count in self.counts.items())
        lags = "".join(f"  {name} {value:.1f} s" for name, value in sorted(self.lags.items()))
        return (
            f"total  {name:14} stages {self.stages}  committed {self.committed}"
            f"  handed {self.handed}  {counts}  latency p50 {_ms(self.latencies, 50)}"
            f" p99 {_ms(self.latencies, 99)}{lags}"
        )


class Totals:
    """The tallies of a run."""

    def __init__(self) -> None:
        self._tallies: dict[str, Tally] = {}
        self._all = Tally()

    def add(self, outcome: Outcome) -> None:
        """Count one stage in."""
        for tally in (self._tallies.setdefault(outcome.name, Tally()), self._all):
            tally.add(outcome)

    def lines(self) -> Iterable[str]:
        """A line for each fault, one for all, and what saves cost while Redis was out."""
        for name, tally in self._tallies.items():
            yield tally.line(name)
            if tally.gauges:
                parts = ", ".join(
                    f"{which} {_ms(saves, 99)} of {len(saves)}"
                    for which, saves in tally.gauges.items()
                )
                grown = 1000 * _grown(tally)
                yield f"total  {name:14} 99th percentile of a save: {parts}; grew by {grown:+.1f} ms"
        yield self._all.line("everything")

    @property
    def is_failure(self) -> bool:
        """Whether a stage failed, or saves suffered from Redis being out."""
        has_grown = any(_grown(tally) > GROWTH for tally in self._tallies.values())
        return bool(self._all.failures) or has_grown


def _grown(tally: Tally) -> float:
    """How much the 99th percentile was higher where Redis was out than beside it."""
    if len(tally.gauges) != 2:
        return 0.0
    out, well = (percentile(saves, 99) for saves in tally.gauges.values())
    return out - well


def _ms(seconds: Sequence[float], percent: int) -> str:
    return f"{1000 * percentile(seconds, percent):.0f} ms"
