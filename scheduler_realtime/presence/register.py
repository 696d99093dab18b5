"""The register of one node: its lease and its sockets, written in batches, one transaction each."""

from __future__ import annotations

import os
import socket as sockets_of_the_system
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from scheduler_realtime import clock

from . import sweeping, writing
from .people import Person, Socket
from .tables import SHOWN, flat, nodes, person_of, sockets, together, user_key, users

LEASE: Final = 20.0
"""Seconds a node is taken to live after it was heard of: longer than it may be held up by others."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """What has changed at a node since the last batch.

    With `is_all`, `arrived` is every socket there is: whatever else is written of the node is
    wrong. `left` has the users of the sockets that are gone, `seen` what was only heard of.
    """

    report: str = "{}"
    is_all: bool = False
    arrived: tuple[Socket, ...] = ()
    left: Mapping[str, int | str]
    moved: tuple[Socket, ...] = ()
    seen: tuple[Socket, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing but the lease to renew."""
        return not (self.is_all or self.arrived or self.left or self.moved or self.seen)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What all nodes are to hear of a batch. `has_left`: for somebody a grace has begun."""

    here: tuple[Person, ...] = ()
    has_left: bool = False


class Register:
    """Writes down one node's sockets. Every method blocks on the database: for the books thread."""

    def __init__(self, node_id: uuid.UUID) -> None:
        self._node_id = node_id
        self._started_at = clock.now()
        self._known: dict[tuple[Any, ...], Person] = {}

    def write(self, batch: Batch) -> Outcome | None:
        """Renew the lease and write a batch; None, and nothing is written, where the lease is lost.

        It may be made twice. Raises `django.db.Error`, and then it may be written or not; the
        lease is renewed even so where the database answers, since the sockets live.
        """
        if batch.is_all:
            self._enter(batch.report)
        elif not self.renew(batch.report):
            return None
        if batch.is_empty:
            return Outcome()
        with together():
            left = dict(batch.left)
            if batch.is_all:
                left |= self._strangers(batch)
            return self._write(batch, left)

    def _write(self, batch: Batch, left: Mapping[str, int | str]) -> Outcome:
        table = users()
        leaving = {table.value("user_id", key) for key in left.values()}
        if leaving or batch.moved:
            # All at once, in one order: two nodes must not wait for one another.
            others = (*batch.moved, *batch.arrived)
            writing.lock(leaving | {table.value("user_id", each.user_id) for each in others})
        writing.add_sockets(self._node_id, batch.arrived)
        here = writing.add_users(batch.arrived, is_news=not batch.is_all)
        writing.remove_sockets(left)
        here += writing.move(batch.moved)
        now = table.value("left_at", clock.now())
        gone = writing.leave(dict.fromkeys(leaving, now))
        here += writing.show_another(leaving)
        writing.see(batch.seen)
        return Outcome(here=tuple(here), has_left=gone > 0)

    def renew(self, report: str) -> bool:
        """Renew the lease. Whether it goes on: one that has ended is lost, be it swept yet or not."""
        table = nodes()
        until, parameters = table.now(LEASE)
        now, more = table.now()
        renewed = table.change(
            f"UPDATE {table.name} SET lease_until = {until}, report = %s"  # noqa: S608
            f" WHERE id = %s AND lease_until > {now}",
            [*parameters, report, table.value("id", self._node_id), *more],
        )
        return renewed > 0

    def look(self) -> Mapping[int | str, Person]:
        """Everybody who is here, on all nodes, by user. What has not changed is the same object."""
        table = users()
        rows = table.ask(f"SELECT {', '.join(SHOWN)} FROM {table.name}")  # noqa: S608
        self._known = {row: self._known.get(row) or person_of(row) for row in rows}
        return {person.user_id: person for person in self._known.values()}

    def count_elsewhere(self) -> int:
        """How many sockets other nodes have; those of one that died, until it is found dead."""
        table = sockets()
        key = table.value("node_id", self._node_id)
        rows = table.ask(f"SELECT COUNT(*) FROM {table.name} WHERE node_id <> %s", [key])  # noqa: S608
        return int(flat(rows)[0])

    def sweep(self, *, thorough: bool) -> None:
        """Remove what is dead, of all nodes, and say who is gone."""
        sweeping.sweep(thorough=thorough, judge=self._node_id)

    def sign_off(self) -> Outcome:
        """Forget the node and all its sockets: an orderly end. The grace of their users begins."""
        with together():
            table = nodes()
            key = table.value("id", self._node_id)
            table.change(f"DELETE FROM {table.name} WHERE id = %s", [key])  # noqa: S608
            table = sockets()
            rows = table.ask(
                f"DELETE FROM {table.name} WHERE node_id = %s RETURNING user_id",  # noqa: S608
                [key],
            )
            left = set(flat(rows))
            writing.lock(left)
            now = users().value("left_at", clock.now())
            gone = writing.leave(dict.fromkeys(left, now))
            return Outcome(here=tuple(writing.show_another(left)), has_left=gone > 0)

    def _enter(self, report: str) -> None:
        table = nodes()
        until, parameters = table.now(LEASE)
        table.change(
            f"INSERT INTO {table.name} (id, hostname, pid, started_at, lease_until, report)"  # noqa: S608
            f" VALUES (%s, %s, %s, %s, {until}, %s) ON CONFLICT (id) DO UPDATE SET"
            " lease_until = excluded.lease_until, report = excluded.report",
            [
                table.value("id", self._node_id),
                sockets_of_the_system.gethostname()[:255],
                os.getpid(),
                table.value("started_at", self._started_at),
                *parameters,
                report,
            ],
        )

    def _strangers(self, batch: Batch) -> dict[str, int | str]:
        """The sockets written of this node that it does not have, and their users."""
        table = sockets()
        key = table.value("node_id", self._node_id)
        rows = table.ask(f"SELECT id, user_id FROM {table.name} WHERE node_id = %s", [key])  # noqa: S608
        present = {table.value("id", each.id) for each in batch.arrived}
        return {each: user_key(user) for each, user in rows if each not in present}
