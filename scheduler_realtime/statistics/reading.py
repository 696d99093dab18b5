"""Reading: what lives and what waits at a moment, as the tables say it: a statement each."""

from __future__ import annotations

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Count, Min, Q

from scheduler_realtime import clock, living, log, reports
from scheduler_realtime.models import Message, Receipt
from scheduler_realtime.reports import Report

from . import samples


@dataclass(frozen=True, kw_only=True)
class NodeFigures:
    """A node that lives, what it reports, and what the tables say of it."""

    id: str
    name: str
    started_at: dt.datetime
    connections: int
    users: int
    report: Report


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Everything there is to tell at a moment, in a constant number of statements."""

    taken_at: dt.datetime
    nodes: Sequence[NodeFigures]
    users: int
    by_role: Mapping[str, int]
    peak_connections: int
    pending_acknowledgements: int
    relay_lag_seconds: float

    def uptime(self, node: NodeFigures) -> float:
        """Seconds since a node was started."""
        return max(0.0, round((self.taken_at - node.started_at).total_seconds(), 3))

    @property
    def connections(self) -> int:
        """The sockets of all nodes."""
        return sum(node.connections for node in self.nodes)


def figures() -> Figures:
    """Read them. Blocks on the database: for the books thread, or a request's own."""
    log.state()  # by which the database's clock is known
    now = clock.now()
    nodes = _nodes()
    by_roles = _users_by_roles()
    return Figures(
        taken_at=now,
        nodes=nodes,
        users=sum(number for _, number in by_roles),
        by_role=_by_role(by_roles),
        peak_connections=max(samples.peak(), sum(node.connections for node in nodes)),
        pending_acknowledgements=_pending(now),
        relay_lag_seconds=relay_lag(now),
    )


def _nodes() -> list[NodeFigures]:
    counted = {
        node: (sockets, users)
        for node, sockets, users in living.sockets()
        .order_by()
        .values_list("node_id")
        .annotate(Count("pk"), Count("user_id", distinct=True))
    }
    found: list[NodeFigures] = []
    for node in living.nodes():
        sockets, users = counted.get(node.pk, (0, 0))
        report = reports.read(Report, node.report, whose=f"node {node.pk}")
        found.append(
            NodeFigures(
                id=str(node.pk),
                name=str(node),
                started_at=node.started_at,
                connections=sockets,
                users=users,
                report=report,
            )
        )
    return found


def _users_by_roles() -> list[tuple[str, int]]:
    rows = living.users().order_by().values_list("roles")
    return list(rows.annotate(Count("pk")))


def _by_role(by_roles: Iterable[tuple[str, int]]) -> dict[str, int]:
    found: defaultdict[str, int] = defaultdict(int)
    for text, number in by_roles:
        for role in _names(text):
            found[role] += number
    return dict(sorted(found.items()))


def _names(text: str) -> list[str]:
    try:
        names = json.loads(text)
    except ValueError:
        return []
    return [str(name) for name in names] if isinstance(names, list) else []


def _pending(now: dt.datetime) -> int:
    """Receipts of who has a message and has not acknowledged it, as long as that may be done."""
    is_current = Q(message__expires_at=None) | Q(message__expires_at__gt=now)
    waiting = Receipt.objects.using(log.database()).filter(acknowledged_at=None)
    return waiting.filter(is_current, message__ack_required=True).count()


def relay_lag(now: dt.datetime) -> float:
    """How old the oldest committed message without a position is; 0 where there is none.

    From its writing: one whose transaction was long is as old when it is committed.
    """
    waiting = Message.objects.using(log.database()).filter(position=None)
    oldest = waiting.order_by().aggregate(oldest=Min("created_at"))["oldest"]
    return 0.0 if oldest is None else max(0.0, (now - oldest).total_seconds())
