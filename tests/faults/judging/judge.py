"""Judges one stage: nothing lost, doubled, swapped, invented, leaked, or late without a word."""

from tests.faults.judging import doubts, losses, order, sightings
from tests.faults.judging.evidence import Evidence
from tests.faults.judging.sightings import Sightings, told_key
from tests.faults.judging.verdict import Verdict


def judge(evidence: Evidence) -> Verdict:
    """What is wrong with a stage, and its figures."""
    seen = sightings.of(evidence)
    return Verdict(
        committed=_messages(evidence, seen),
        handed=sum(map(len, seen.by_client.values())),
        may_excuse=evidence.may_excuse,
        findings=[
            *losses.find(evidence, seen),
            *order.find(evidence, seen),
            *doubts.find(evidence, seen),
        ],
        latencies=_latencies(evidence, seen),
        lags=_lags(evidence),
    )


def _messages(evidence: Evidence, seen: Sightings) -> int:
    """Committed messages: rows told together count once, a row that nobody saw counts too."""
    placed = [seen.place_of(key) or ("", number) for number, key in enumerate(evidence.tellings)]
    return len(set(placed))


def _latencies(evidence: Evidence, seen: Sightings) -> list[float]:
    return [
        handed.moment - commit.returned
        for each in seen.by_client.values()
        for handed in each
        if (commit := evidence.commits.get(told_key(handed.key))) is not None
        and commit.returned is not None
    ]


def _lags(evidence: Evidence) -> dict[str, float]:
    longest: dict[str, float] = {}
    for client in evidence.clients:
        told = [(flag.kind, flag.lag) for flag in client.flags if flag.kind in {"dead", "stale"}]
        lasted = [("doubt", doubt.ended - doubt.begun) for doubt in doubts.of(client)]
        for kind, seconds in [*told, *lasted]:
            longest[kind] = max(longest.get(kind, 0.0), seconds)
    return longest
