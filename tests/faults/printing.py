"""What a run prints: a line a stage, the evidence of what went wrong, and the totals."""

import statistics
from collections.abc import Iterable, Sequence

from tests.faults.judging.evidence import Evidence
from tests.faults.judging.sightings import told_key
from tests.faults.judging.verdict import GUILTY, UNASKED, Finding
from tests.faults.stage import Outcome

SHOWN = 4
"""Findings of one kind whose whole story is printed."""


def line(seed: int, outcome: Outcome) -> str:
    """The figures of one stage."""
    verdict = outcome.verdict
    counts = "  ".join(f"{kind} {verdict.count(kind)}" for kind in (*GUILTY, *UNASKED))
    lags = "".join(f"  {name} {value:.1f} s" for name, value in sorted(verdict.lags.items()))
    gauges = "".join(f"  save with {name} p99 {_ms(v, 99)}" for name, v in outcome.gauges.items())
    notes = "".join(f"  {name} {value}" for name, value in outcome.notes.items())
    return (
        f"seed {seed}  {outcome.name:14} {outcome.seconds:5.1f} s  committed {verdict.committed}"
        f"  handed {verdict.handed}  {counts}"
        f"  latency p50 {_ms(verdict.latencies, 50)} p99 {_ms(verdict.latencies, 99)}"
        f"  save p50 {_ms(outcome.saves, 50)} p99 {_ms(outcome.saves, 99)}"
        f"  failed writes {len(outcome.errors)}{lags}{gauges}{notes}"
    )


def _ms(seconds: Sequence[float], percent: int) -> str:
    return f"{1000 * percentile(seconds, percent):.0f} ms"


def percentile(values: Sequence[float], percent: int) -> float:
    """The value below which so many percent lie; 0 where there are none."""
    if len(values) < 2:
        return values[0] if values else 0.0
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def evidence(outcome: Outcome) -> Iterable[str]:
    """The first findings of each kind, each with its whole story."""
    for kind in (*GUILTY, *UNASKED):
        found = [finding for finding in outcome.verdict.faults if finding.kind == kind]
        for finding in found[:SHOWN]:
            yield f"  {kind}: {finding.client} {finding.says}"
            yield from _story(finding, outcome.evidence)
    if not outcome.may_fail:
        yield from (f"  failed write: {error}" for error in outcome.errors[:SHOWN])


def _story(finding: Finding, shown: Evidence) -> Iterable[str]:
    if finding.key is not None:
        told = told_key(finding.key)
        telling = shown.tellings.get(told) or shown.void.get(told)
        yield f"    committed: {shown.commits.get(told)}"
        yield f"    telling: {telling}"
        had = [
            f"{client.name} at {one.moment:.3f} as {one.id}"
            for client in shown.clients
            for one in client.handed
            if one.token == finding.key[2] and one.pk == finding.key[0]
        ]
        yield f"    handed to {len(had)}: {', '.join(had[:6])}"
    for client in shown.clients:
        if client.name == finding.client:
            flags = [
                f"{flag.moment:.3f} {flag.kind} {flag.reason} {flag.position}"
                for flag in client.flags
            ]
            yield f"    {client.name} noted: {'; '.join(flags[-12:])}"
