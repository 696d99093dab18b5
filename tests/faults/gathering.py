"""Gathers what a stage left behind: the ledger, the writers' journals, and the clients' notes."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import psycopg

from tests.faults.judging.evidence import Client, Commit, Flag, Handed, Key, Place, Telling
from tests.faults.people import Person
from tests.faults.worker import Worker

Deeds = list[dict[str, Any]]

_FOREIGN = """
SELECT l.epoch::text, m.position FROM scheduler_realtime_message m, scheduler_realtime_log l
WHERE m.position IS NOT NULL AND m.type <> 'schedule_update'
"""


def journals(scribes: Iterable[Worker], folder: Path) -> Deeds:
    """Every transaction since the last call, as its writer knows it."""
    return [deed for each in scribes for deed in json.loads(_reported(each, folder))]


def notes(crowds: Iterable[Worker], folder: Path) -> dict[str, Any]:
    """What each client noted since the last call, as it stands in its process."""
    found: dict[str, Any] = {}
    for crowd in crowds:
        found |= json.loads(_reported(crowd, folder))
    return found


def clients(noted: Mapping[str, Any], people: Iterable[Person]) -> list[Client]:
    """The notes of these people, for the judge."""
    return [_client(person, noted[person.name]) for person in people]


def commits(deeds: Deeds, tellings: Mapping[Key, Telling]) -> dict[Key, Commit]:
    """When each telling was written and committed, as far as a journal says it.

    Of several tries to delete a row one was committed, and nobody knows which.
    """
    by_token: dict[str, Commit] = {}
    deleted: dict[int, list[Commit]] = defaultdict(list)
    for deed in deeds:
        commit = Commit(began=deed["began"], returned=deed["returned"], over=deed["over"])
        by_token |= dict.fromkeys(deed["tokens"], commit)
        for pk in deed["deletes"]:
            deleted[pk].append(commit)
    found: dict[Key, Commit] = {}
    for key, telling in tellings.items():
        if telling.action != "delete":
            if telling.token in by_token:
                found[key] = by_token[telling.token]
        elif len(tries := deleted[telling.pk]) == 1:
            found[key] = tries[0]
        elif tries:
            began, over = min(each.began for each in tries), max(each.over for each in tries)
            found[key] = Commit(began=began, returned=None, over=over)
    return found


def foreign(url: str) -> frozenset[Place]:
    """The positions in the log that belong to something else than a change."""
    with psycopg.connect(url, connect_timeout=5) as connection:
        return frozenset(connection.execute(_FOREIGN).fetchall())


def _reported(worker: Worker, folder: Path) -> str:
    path = folder / "report"
    worker.ask("report", path=str(path))
    return path.read_text()


def _client(person: Person, noted: dict[str, Any]) -> Client:
    return Client(
        name=person.name,
        words=person.words,
        handed=[_handed(*columns) for columns in noted["handed"]],
        flags=[Flag(**flag) for flag in noted["flags"]],
    )


def _handed(
    moment: float,
    epoch: str,
    id: int | None,  # noqa: A002 - the key on the wire
    pk: int,
    action: str,
    token: str,
) -> Handed:
    return Handed(moment=moment, epoch=epoch, id=id, pk=pk, action=action, token=token)
