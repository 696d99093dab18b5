"""Whether what came late came to a client that knew its line was in doubt, and soon enough."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from tests.faults.judging.evidence import Client, Evidence, Flag
from tests.faults.judging.sightings import Sightings, told_key
from tests.faults.judging.verdict import Finding

PROMPT: Final = 10.0
"""Seconds from the commit within which a message is no news late."""

SLACK: Final = 2.0
"""Seconds that a busy machine may add to it."""

AFTERMATH: Final = 10.0
"""Seconds after a doubt has ended within which what piled up meanwhile is handed over."""

STALE_AFTER: Final = 5.0
"""Seconds without its log after which a server notices that it is in doubt."""

_BEGINS: Final = {"lost", "dead", "stale", "resync"}


@dataclass(frozen=True, kw_only=True)
class Doubt:
    """From when to when a client knew that it might not have everything."""

    begun: float
    ended: float


def find(evidence: Evidence, sightings: Sightings) -> Iterator[Finding]:
    """Each late telling that no doubt known to its client covers, and each doubt told too late."""
    yield from _untold(evidence)
    yield from _overdue(evidence)
    deadline = PROMPT + 2 * evidence.heartbeat
    for client in evidence.clients:
        doubts = of(client)
        for handed in sightings.by_client[client.name]:
            commit = evidence.commits.get(told_key(handed.key))
            if commit is None:
                continue
            committed = commit.returned or commit.over
            if handed.moment - committed <= PROMPT + SLACK:
                continue
            if not _is_known(doubts, committed + deadline, handed.moment):
                late = handed.moment - committed
                says = f"{handed.key} came {late:.1f} s late, and nothing had told of a doubt"
                yield Finding(kind="silent", client=client.name, key=handed.key, says=says)


def _untold(evidence: Evidence) -> Iterator[Finding]:
    for client in evidence.clients:
        reasons = evidence.must_resync.get(client.name)
        told = {flag.reason for flag in client.flags if flag.kind == "resync"}
        if reasons is not None and told.isdisjoint(reasons):
            says = f"never told to read afresh for {' or '.join(sorted(reasons))}"
            yield Finding(kind="silent", client=client.name, says=says)


def _overdue(evidence: Evidence) -> Iterator[Finding]:
    """A dead line noticed after more than two heartbeats, a server's doubt told after too long."""
    limits = {"dead": 2 * evidence.heartbeat + SLACK, "stale": STALE_AFTER + PROMPT}
    for client in evidence.clients:
        for flag in client.flags:
            if flag.kind in limits and flag.lag > limits[flag.kind]:
                says = f"{flag.kind} was noted after {flag.lag:.1f} s"
                yield Finding(kind="silent", client=client.name, says=says)


def _is_known(doubts: Sequence[Doubt], by: float, till: float) -> bool:
    return any(doubt.begun <= by and doubt.ended + AFTERMATH >= till for doubt in doubts)


def of(client: Client) -> list[Doubt]:
    """The doubts of a client, joined where they touch; one that never ended goes on for ever."""
    found: list[Doubt] = []
    begun: float | None = None
    for flag in sorted(client.flags, key=lambda flag: flag.moment):
        if flag.kind in _BEGINS:
            begun = flag.moment if begun is None else begun
        if begun is not None and _ends(flag):
            found.append(Doubt(begun=begun, ended=flag.moment))
            begun = None
    if begun is not None:
        found.append(Doubt(begun=begun, ended=float("inf")))
    return found


def _ends(flag: Flag) -> bool:
    """A socket that resumes ends its doubt when it has caught up, another when it is welcome."""
    is_fresh = flag.kind == "welcome" and flag.recovered is not True
    return is_fresh or flag.kind in {"caught_up", "live", "resync"}
