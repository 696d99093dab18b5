"""Sweeping: what nodes that died have left behind, and who is gone for longer than the grace."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from scheduler_realtime import doorbell
from scheduler_realtime.conf import conf

from . import writing
from .people import Person
from .tables import flat, marks, nodes, pages, sockets, text_of, together, user_key, users


@dataclass(frozen=True, kw_only=True)
class Swept:
    """What was removed: how many nodes and sockets, and the users who were said to leave."""

    nodes: int = 0
    connections: int = 0
    users: tuple[int | str, ...] = ()


@dataclass(kw_only=True)
class _Find:
    """What a sweep has found, and which node it is that sweeps."""

    judge: uuid.UUID | None = None
    nodes: int = 0
    connections: int = 0
    here: list[Person] = field(default_factory=list)
    gone: list[tuple[int | str, str]] = field(default_factory=list)


def sweep(*, thorough: bool = True, judge: uuid.UUID | None = None) -> Swept:
    """Remove what is dead, and say who is gone: each once, whichever node finds it.

    `judge` is the node that sweeps: with its own lease ended it finds nobody dead, since the
    database may have stood still, and all nodes with it.

    Dead are nodes whose lease has ended, with their sockets; users leave once their last socket
    is gone for `PRESENCE_GRACE`. `thorough` looks, too, for what no node can leave behind by
    itself: sockets of no node, and users without a socket who never left. Any thread may call
    it; it blocks on the database. Usually one statement.
    """
    find = _Find(judge=judge)
    if not _is_any(find, thorough):
        return Swept()
    for step in (_bury_nodes, _bury_strays, _let_go) if thorough else (_bury_nodes, _let_go):
        # A transaction each: the next locks users again, and not in one order with the first.
        with together():
            step(find)
    doorbell.tell([person.told() for person in find.here], find.gone)
    gone = tuple(user for user, _ in find.gone)
    return Swept(nodes=find.nodes, connections=find.connections, users=gone)


def _is_any(find: _Find, thorough: bool) -> bool:
    """Whether there is anything to do: asked without a transaction, which locks all of SQLite."""
    node, person = nodes(), users()
    ended, parameters = node.now()
    long_ago, more = person.now(-conf().PRESENCE_GRACE)
    asked = [
        f"EXISTS (SELECT 1 FROM {node.name} WHERE lease_until < {ended})",  # noqa: S608
        f"EXISTS (SELECT 1 FROM {person.name} WHERE left_at < {long_ago})",  # noqa: S608
    ]
    if thorough:
        asked += [f"EXISTS ({_strays()})", f"EXISTS ({_lingering()})"]
    may, own = _may(find)
    found = node.ask(f"SELECT {may}, {', '.join(asked)}", [*own, *parameters, *more])
    return bool(found[0][0]) and any(found[0][1:])


def _may(find: _Find) -> tuple[str, list[Any]]:
    """Whether the judge may judge: an expression, and its parameters."""
    if find.judge is None:
        return "1 = 1", []
    table = nodes()
    now, parameters = table.now()
    key = table.value("id", find.judge)
    alive = f"SELECT 1 FROM {table.name} WHERE id = %s AND lease_until > {now}"  # noqa: S608
    return f"EXISTS ({alive})", [key, *parameters]


def _bury_nodes(find: _Find) -> None:
    table = nodes()
    ended, parameters = table.now()
    may, own = _may(find)
    dead = dict(
        table.ask(
            f"DELETE FROM {table.name} WHERE lease_until < {ended} AND {may}"  # noqa: S608
            " RETURNING id, lease_until",
            [*parameters, *own],
        )
    )
    find.nodes = len(dead)
    moments: dict[Any, Any] = {}
    for page in pages(dead):
        table = sockets()
        rows = table.ask(
            f"DELETE FROM {table.name} WHERE node_id IN ({marks(page)}) RETURNING user_id, node_id",  # noqa: S608
            page,
        )
        find.connections += len(rows)
        for user, node in rows:
            moments[user] = max(dead[node], moments.get(user, dead[node]))
    _leave(find, moments)


def _bury_strays(find: _Find) -> None:
    table, person = sockets(), users()
    rows = table.ask(f"DELETE FROM {table.name} WHERE id IN ({_strays()}) RETURNING user_id")  # noqa: S608
    find.connections += len(rows)
    keys = {*flat(rows), *flat(person.ask(_lingering()))}
    now, parameters = person.now()
    if keys:
        moment = person.ask(f"SELECT {now}", parameters)[0][0]
        _leave(find, dict.fromkeys(keys, moment))


def _leave(find: _Find, moments: dict[Any, Any]) -> None:
    writing.lock(moments)
    writing.leave(moments)
    find.here += writing.show_another(moments)


def _let_go(find: _Find) -> None:
    """Forget who is gone for longer than the grace: whoever deletes them says so."""
    table = users()
    long_ago, parameters = table.now(-conf().PRESENCE_GRACE)
    keys = flat(
        table.ask(f"SELECT user_id FROM {table.name} WHERE left_at < {long_ago}", parameters)  # noqa: S608
    )
    writing.lock(keys)
    find.gone += _forget(keys, long_ago, parameters)


def _forget(
    keys: Collection[Any], long_ago: str, parameters: list[Any]
) -> list[tuple[int | str, str]]:
    table, other = users(), sockets().name
    gone: list[tuple[int | str, str]] = []
    for page in pages(keys):
        rows = table.ask(
            f"DELETE FROM {table.name} WHERE user_id IN ({marks(page)}) AND left_at < {long_ago}"  # noqa: S608
            f" AND NOT EXISTS (SELECT 1 FROM {other} WHERE {other}.user_id = {table.name}.user_id)"
            " RETURNING user_id, visit",
            [*page, *parameters],
        )
        gone += [(user_key(user), text_of(visit)) for user, visit in rows]
    return gone


def _strays() -> str:
    """The sockets of no node."""
    node, socket = nodes().name, sockets().name
    return (
        f"SELECT {socket}.id FROM {socket}"  # noqa: S608
        f" WHERE NOT EXISTS (SELECT 1 FROM {node} WHERE {node}.id = {socket}.node_id)"
    )


def _lingering() -> str:
    """The users without a socket of whom it is not written that they left."""
    socket, person = sockets().name, users().name
    return (
        f"SELECT {person}.user_id FROM {person} WHERE left_at IS NULL AND NOT EXISTS"  # noqa: S608
        f" (SELECT 1 FROM {socket} WHERE {socket}.user_id = {person}.user_id)"
    )
