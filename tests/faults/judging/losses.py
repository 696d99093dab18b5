"""What a client should have been handed and was not, and what it was handed and should not."""

from collections import Counter
from collections.abc import Iterator

from tests.faults.judging.evidence import Client, Commit, Evidence, Key, Place
from tests.faults.judging.sightings import Sightings, expected, left_key, told_key
from tests.faults.judging.verdict import Finding


def find(evidence: Evidence, sightings: Sightings) -> Iterator[Finding]:
    """Each telling lost or excused, handed twice, beyond rights, or never committed."""
    for client in evidence.clients:
        keys = [handed.key for handed in sightings.by_client[client.name]]
        yield from _missing(evidence, sightings, client, set(keys))
        yield from _twice(evidence, sightings, client)
        yield from _unentitled(evidence, client, keys)


def _missing(
    evidence: Evidence, sightings: Sightings, client: Client, had: set[Key]
) -> Iterator[Finding]:
    resyncs = [flag for flag in client.flags if flag.kind == "resync"]
    for flag in resyncs:
        says = f"told to read afresh: {flag.reason}, position {flag.position}"
        yield Finding(kind="resync", client=client.name, says=says)
    for key in expected(client, evidence.tellings):
        if key in had:
            continue
        told = told_key(key)
        commit, place = evidence.commits.get(told), sightings.place_of(told)
        is_covered = any(
            _covers(flag.moment, (flag.epoch, flag.position), commit, place) for flag in resyncs
        )
        kind = "excused" if is_covered else "lost"
        yield Finding(kind=kind, client=client.name, key=key, says=f"{key} was not handed")


def _covers(read_at: float, upto: Place, commit: Commit | None, place: Place | None) -> bool:
    """Whether a client that read its data afresh at that moment has seen it there."""
    if place is not None and place[0] == upto[0] and place[1] <= upto[1]:
        return True
    return commit is not None and (commit.returned or commit.over) <= read_at


def _twice(evidence: Evidence, sightings: Sightings, client: Client) -> Iterator[Finding]:
    """In one epoch: what had no position yet in a log that was put back gets another in the next."""
    handed = Counter((one.key, one.epoch) for one in sightings.by_client[client.name])
    for (key, _), count in handed.items():
        if count > 1:
            says = f"{key} was handed {count} times"
            yield Finding(kind="duplicated", client=client.name, key=key, says=says)
        elif told_key(key) in evidence.earlier:
            says = f"{key} was handed again, from an earlier stage"
            yield Finding(kind="duplicated", client=client.name, key=key, says=says)


def _unentitled(evidence: Evidence, client: Client, keys: list[Key]) -> Iterator[Finding]:
    for key in dict.fromkeys(keys):
        told = told_key(key)
        if told in evidence.earlier:
            continue
        telling = evidence.tellings.get(told) or evidence.void.get(told)
        if telling is None:
            says = f"{key} was never committed"
            yield Finding(kind="rolled back", client=client.name, key=key, says=says)
        elif key == left_key(telling):
            if not client.sees_leave(telling):
                yield _beyond(client, key)
        elif not client.may_hear(telling):
            yield _beyond(client, key)


def _beyond(client: Client, key: Key) -> Finding:
    says = f"{key} is not for {' '.join(sorted(client.words))}"
    return Finding(kind="beyond rights", client=client.name, key=key, says=says)
