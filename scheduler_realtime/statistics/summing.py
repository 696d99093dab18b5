"""Summing up: the object of `GET statistics`."""

from __future__ import annotations

from typing import Any

from scheduler_realtime.wire import utc_text

from .reading import NodeFigures, figures
from .telling import counted, versions


def totals() -> dict[str, Any]:
    """The object of `GET statistics`, without its history: plain JSON. Blocks on the database."""
    now = figures()
    told = [node.report for node in now.nodes]
    return {
        "taken_at": utc_text(now.taken_at),
        "connections": now.connections,
        "peak_connections": now.peak_connections,
        "users": now.users,
        "by_role": dict(now.by_role),
        "by_node": {node.id: _by_node(node, now.uptime(node)) for node in now.nodes},
        **counted(told),
        "pending_acknowledgements": now.pending_acknowledgements,
        "relay_lag_seconds": round(now.relay_lag_seconds, 3),
        "hub_lag_seconds": max((report.hub_lag_seconds for report in told), default=0.0),
        "uptime_seconds": max(map(now.uptime, now.nodes), default=0.0),
        "versions": versions(told),
    }


def _by_node(node: NodeFigures, uptime: float) -> dict[str, Any]:
    return {
        "name": node.name,
        "connections": node.connections,
        "users": node.users,
        "peak_connections": max(node.report.peak_connections, node.connections),
        **counted([node.report]),
        "hub_lag_seconds": node.report.hub_lag_seconds,
        "uptime_seconds": uptime,
        "versions": dict(node.report.versions),
    }
