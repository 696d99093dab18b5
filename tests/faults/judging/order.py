"""Whether what was handed stands in one order: by position, by row, by commit, for everybody."""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from tests.faults.judging.evidence import Evidence, Handed, Key, Place, Telling
from tests.faults.judging.sightings import Sightings, told_key
from tests.faults.judging.verdict import Finding

KIND = "out of order"


def find(evidence: Evidence, sightings: Sightings) -> Iterator[Finding]:
    """Everything that contradicts one order."""
    tellings = {**evidence.void, **evidence.tellings}
    for client in evidence.clients:
        handed = sightings.by_client[client.name]
        yield from _falling(client.name, handed)
        yield from _rows(client.name, handed, tellings)
        for flag in client.flags:
            if flag.kind == "disorder":
                yield Finding(kind=KIND, client=client.name, says=f"on the wire: {flag.reason}")
    yield from _disagreeing(sightings)
    yield from _against_commits(evidence, sightings)
    yield from _gaps(evidence, sightings)
    yield from _split(evidence, sightings)


def _falling(name: str, handed: list[Handed]) -> Iterator[Finding]:
    """Positions of one epoch rise; the objects of one message have the same."""
    last: dict[str, int] = {}
    for one in handed:
        if one.id is None:
            continue
        if one.id < last.get(one.epoch, 0):
            says = f"{one.id} came after {last[one.epoch]}"
            yield Finding(kind=KIND, client=name, key=one.key, says=says)
        last[one.epoch] = one.id


def _rows(name: str, handed: list[Handed], tellings: Mapping[Key, Telling]) -> Iterator[Finding]:
    """What happened to one row comes in the order in which it happened."""
    last: dict[tuple[int, str], Telling] = {}
    for one in handed:
        telling = tellings.get(told_key(one.key))
        if telling is None:
            continue
        row = (one.pk, one.epoch)
        before = last.get(row)
        if before is not None and telling.order < before.order:
            says = f"{one.key} came after the later {before.key}"
            yield Finding(kind=KIND, client=name, key=one.key, says=says)
        last[row] = telling


def _disagreeing(sightings: Sightings) -> Iterator[Finding]:
    """A telling has one position in an epoch, and a position the same tellings, for everybody."""
    for key, places in sightings.places.items():
        if len(places) > len({epoch for epoch, _ in places}):
            yield Finding(kind=KIND, key=key, says=f"{key} stood at {sorted(places)}")
    whole: dict[Place, frozenset[Key]] = {}
    for name, handed in sightings.by_client.items():
        at: dict[Place, set[Key]] = defaultdict(set)
        for one in handed:
            if one.place is not None:
                at[one.place].add(told_key(one.key))
        for place, keys in at.items():
            if whole.setdefault(place, frozenset(keys)) != keys:
                says = f"{place} was {sorted(keys)[:3]} here, {sorted(whole[place])[:3]} elsewhere"
                yield Finding(kind=KIND, client=name, says=says)


def _against_commits(evidence: Evidence, sightings: Sightings) -> Iterator[Finding]:
    """Of two, the one whose commit returned before the other began to write stands first."""
    placed = sorted((min(places), key) for key, places in sightings.places.items())
    latest: dict[str, tuple[float, Key]] = {}
    for (epoch, _), key in placed:
        commit = evidence.commits.get(key)
        if commit is None:
            continue
        began, before = latest.get(epoch, (0.0, key))
        if commit.returned is not None and commit.returned < began:
            says = f"{key} was committed before {before} began, and stands behind it"
            yield Finding(kind=KIND, key=key, says=says)
        latest[epoch] = max((began, before), (commit.began, key))


def _gaps(evidence: Evidence, sightings: Sightings) -> Iterator[Finding]:
    """Every position between the first and the last of an epoch was somebody's to see."""
    if evidence.may_excuse:
        return
    seen: dict[str, set[int]] = defaultdict(set)
    for places in sightings.places.values():
        for epoch, position in places:
            seen[epoch].add(position)
    for epoch, position in evidence.foreign:
        seen[epoch].add(position)
    for epoch, positions in seen.items():
        for missing in sorted(set(range(min(positions), max(positions))) - positions)[:100]:
            yield Finding(kind=KIND, says=f"nobody saw position {missing} of {epoch}")


def _split(evidence: Evidence, sightings: Sightings) -> Iterator[Finding]:
    """What one transaction changed stands together."""
    together: dict[int, set[Place]] = defaultdict(set)
    for key, telling in evidence.tellings.items():
        if (place := sightings.place_of(key)) is not None:
            together[telling.tx].add(place)
    for tx, places in together.items():
        positions = [position for _, position in places]
        is_whole = max(positions) - min(positions) < len(positions)
        if not is_whole and not evidence.may_excuse:
            yield Finding(kind=KIND, says=f"transaction {tx} is scattered over {sorted(places)}")
