"""Telling whose rights changed: once in a transaction, and of nobody who has just come to be."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any, Final

from django.contrib.auth import get_user_model
from django.db import connections, transaction

from scheduler_realtime import log, orders
from scheduler_realtime.values import Key
from scheduler_realtime.wire import plain

NAMED: Final = 20
"""Users that a transaction names; one that changes more of them means everybody, in one row."""


@dataclass(kw_only=True, eq=False)
class _Told:
    """What a transaction told so far, left with it as a callback, which a savepoint takes back.

    `new` are users that began in it: no socket can be theirs. `owed` is what is told only after
    the commit: in another database than the log's there is no transaction to tell it in.
    """

    named: set[Key] = field(default_factory=set)
    is_everybody: bool = False
    new: set[Key] = field(default_factory=set)
    owed: list[frozenset[Key] | None] = field(default_factory=list)

    def __call__(self) -> None:
        for users in self.owed:
            orders.look_up(users)

    def untold(self, users: frozenset[Key] | None) -> frozenset[Key] | None:
        """Whom nobody told of yet, None where everybody is meant from now on."""
        if self.is_everybody:
            return frozenset()
        if users is not None:
            users -= self.named | self.new
            if len(users) + len(self.named) <= NAMED:
                self.named |= users
                return users
        self.is_everybody = True
        return None


def tell_of(keys: Collection[Any], using: str, *, after: float = 0) -> None:
    """Have these users looked up on every node, so many seconds after the commit."""
    _tell(frozenset(map(_key, keys)), using, after)


def tell_of_everybody(using: str) -> None:
    """Have everybody looked up who is here."""
    _tell(None, using, 0)


def note_new(key: Any, using: str) -> None:
    """A user began: what else this transaction makes of it concerns no socket."""
    if connections[using].in_atomic_block:
        _told(using).new.add(_key(key))


def _tell(users: frozenset[Key] | None, using: str, after: float) -> None:
    is_elsewhere = using != log.database()
    if connections[using].in_atomic_block and not after:
        told = _told(using)
        users = told.untold(users)
        if is_elsewhere and users != frozenset():
            told.owed.append(users)
        if is_elsewhere:
            return
    if users is None or users:
        orders.look_up(users, after=after)


def _told(using: str) -> _Told:
    """What stands of it. Rolled back to a savepoint, Django forgets the callbacks since then."""
    connection: Any = connections[using]
    here, known = set(connection.savepoint_ids) - {None}, _Told()
    for savepoints, callback, _ in reversed(connection.run_on_commit):
        if isinstance(callback, _Told):
            if savepoints - {None} == here:
                return callback
            known = replace(callback, named={*callback.named}, new={*callback.new}, owed=[])
            break
    transaction.on_commit(known, using=using)
    return known


def _key(value: Any) -> Key:
    """The primary key as an identity has it, whatever it was given as."""
    model: Any = get_user_model()
    found: Key = plain(model._meta.pk.to_python(value))
    return found
