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
        longest_doubt=_longest_doubt(evidence),
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


def _longest_doubt(evidence: Evidence) -> float:
    ended = [doubt for client in evidence.clients for doubt in doubts.of(client)]
    lengths = [doubt.ended - doubt.begun for doubt in ended if doubt.ended != float("inf")]
    return max(lengths, default=0.0)
