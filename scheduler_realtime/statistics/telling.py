"""Telling: counts as rates, percentiles and sums, as `GET statistics` has them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from scheduler_realtime import reports
from scheduler_realtime.counters import KINDS, quantile
from scheduler_realtime.reports import Report

SHARES: Final = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


def counted(told: Sequence[Report]) -> dict[str, Any]:
    """What nodes have counted, added up."""
    refused = _added(report.refused for report in told)
    return {
        "refused": sum(refused.values()),
        "refused_by_code": refused,
        "messages": {
            kind: _added(report.messages.get(kind, {}) for report in told) for kind in KINDS
        },
        "rates": {
            kind: round(sum(rate(report.minute.get(kind, 0), report.window) for report in told), 3)
            for kind in KINDS
        },
        "latency_ms": latency_ms([report.latency_minute for report in told]),
    }


def _added(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: defaultdict[str, int] = defaultdict(int)
    for by_name in counts:
        for name, number in by_name.items():
            total[name] += number
    return dict(sorted(total.items()))


def rate(number: int, seconds: float) -> float:
    """So many a second."""
    return number / seconds if seconds else 0.0


def latency_ms(histograms: Sequence[reports.Histogram]) -> dict[str, float | None]:
    """The percentiles of all together, in milliseconds."""
    whole = reports.summed(histograms)
    found = {name: quantile(whole, share) for name, share in SHARES.items()}
    return {name: None if late is None else round(late * 1000, 3) for name, late in found.items()}


def versions(told: Sequence[Report]) -> dict[str, list[str]]:
    """By name, the versions that run somewhere: more than one while an update is under way."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for report in told:
        for name, version in report.versions.items():
            found[name].add(version)
    return {name: sorted(versions) for name, versions in sorted(found.items())}
