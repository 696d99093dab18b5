"""The servers that live, by their leases, and who holds the lock under which relays give positions."""

from __future__ import annotations

from typing import Any, Final

from django.db import connections

from scheduler_realtime import log
from scheduler_realtime.living import nodes as living_nodes
from scheduler_realtime.models import Log, Node

from .findings import Finding, failed

NAMED: Final = 5
"""Nodes named in a finding; of more, how many."""

BEGINS_WITHIN: Final = 2.0
"""Seconds from a server's first guest until its lease is written."""

START: Final = (
    "Start a server (daphne begins with its first request), or `manage.py realtime_relay`."
)


def living() -> list[Node]:
    """The nodes whose lease has not passed."""
    return list(living_nodes().order_by("started_at"))


def look() -> Finding:
    """Which servers live."""
    nodes = living()
    if not nodes:
        return failed("servers", "No server is alive: none holds a lease.", START)
    named = ", ".join(map(str, nodes[:NAMED]))
    more = f" and {len(nodes) - NAMED} more" if len(nodes) > NAMED else ""
    return Finding(station="servers", state="ok", says=f"{len(nodes)} alive: {named}{more}.")


def why_no_position() -> tuple[str, str]:
    """What keeps a committed message from getting its position, and the remedy."""
    if holder := _holder():
        return holder
    nodes = living()
    if nodes:
        return (
            f"{len(nodes)} servers are alive, and none of them gives positions.",
            f"Look into the logs of {', '.join(map(str, nodes[:NAMED]))}, and restart them.",
        )
    return "No relay is at work: no server, and no `realtime_relay`.", START


_HOLDER: Final = """
SELECT a.pid, a.usename, a.application_name, a.client_addr, a.state,
       EXTRACT(EPOCH FROM clock_timestamp() - a.xact_start), LEFT(a.query, 80)
FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'transactionid' AND l.granted AND a.pid <> pg_backend_pid()
  AND l.transactionid = (SELECT xmax FROM {table} WHERE id = 1)
"""


def _holder() -> tuple[str, str] | None:
    """Who has the log's row locked, where the database can tell, and how to end that."""
    connection = connections[log.database()]
    if connection.vendor != "postgresql":
        return None
    with connection.cursor() as cursor:
        cursor.execute(_HOLDER.format(table=connection.ops.quote_name(Log._meta.db_table)))
        found = cursor.fetchone()
    return None if found is None else _described(*found)


def _described(
    pid: int, user: str, application: str, address: Any, state: str, age: Any, query: str
) -> tuple[str, str]:
    where = f" from {address}" if address is not None else ""
    name = f" ({application})" if application else ""
    says = (
        f"The relays' lock is held by process {pid} of PostgreSQL, {user}{name}{where}, for"
        f" {float(age or 0):.0f} s: {state or 'not told'}, {query or 'not told'!r}."
    )
    return says, f"End that transaction, or run `SELECT pg_terminate_backend({pid});`."
