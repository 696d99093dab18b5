"""What all clients saw together: which telling stood at which position, and who had it."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from tests.faults.judging.evidence import LEFT, VOID, Client, Evidence, Handed, Key, Place, Telling


@dataclass(frozen=True, kw_only=True)
class Sightings:
    """Everything that was handed, by client, and the positions that follow from it.

    A message that says only that a row left is known by the telling that stands at its position.
    """

    by_client: Mapping[str, list[Handed]]
    places: Mapping[Key, set[Place]]

    def place_of(self, key: Key) -> Place | None:
        """The first position somebody saw it at."""
        return min(self.places.get(key, ()), default=None)


def of(evidence: Evidence) -> Sightings:
    """Gather what the clients of a stage were handed."""
    moves = _moves(evidence)
    by_client = {
        client.name: [_resolved(handed, moves, evidence) for handed in client.handed]
        for client in evidence.clients
    }
    places: dict[Key, set[Place]] = defaultdict(set)
    for handed in (one for each in by_client.values() for one in each):
        if handed.place is not None:
            places[told_key(handed.key)].add(handed.place)
    return Sightings(by_client=by_client, places=places)


def told_key(key: Key) -> Key:
    """The key of the telling behind a key: a leaving is an update to those who see it leave."""
    pk, action, token = key
    return (pk, "update", token) if action == LEFT else key


def left_key(telling: Telling) -> Key:
    """The key of a telling for those who only see the row leave."""
    return (telling.pk, LEFT, telling.token)


def expected(client: Client, tellings: Mapping[Key, Telling]) -> Iterator[Key]:
    """The keys that this client must be handed."""
    for key, telling in tellings.items():
        if client.may_hear(telling):
            yield key
        elif client.sees_leave(telling):
            yield left_key(telling)


def _moves(evidence: Evidence) -> dict[tuple[Place, int], str]:
    """The tokens of updates by position and row: a leaving carries none of its own."""
    return {
        (handed.place, handed.pk): handed.token
        for client in evidence.clients
        for handed in client.handed
        if handed.action == "update" and handed.place is not None
    }


def _resolved(handed: Handed, moves: Mapping[tuple[Place, int], str], evidence: Evidence) -> Handed:
    void = replace(handed, token=handed.token + VOID)
    if void.key in evidence.void and handed.epoch != evidence.epoch:
        return void  # it happened again after a restore, and that is another
    if handed.action != LEFT or handed.place is None:
        return handed
    token = moves.get((handed.place, handed.pk))
    if token is None:  # nobody is left who may see it: the row's only move, if it is that
        tokens = {
            telling.token
            for telling in evidence.tellings.values()
            if telling.pk == handed.pk and telling.left
        }
        token = tokens.pop() if len(tokens) == 1 else ""
    return replace(handed, token=token)
