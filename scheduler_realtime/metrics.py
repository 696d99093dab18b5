"""Metrics: the figures of all nodes as Prometheus reads them, whichever process it asks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from . import reports, statistics
from .counters import BOUNDS, KINDS
from .statistics import Figures, NodeFigures

if TYPE_CHECKING:
    from prometheus_client import Metric

PREFIX: Final = "scheduler_realtime"

_COUNTED: Final = {
    "published": "Messages that got a position, or were sent without one.",
    "delivered": "Frames of messages that were handed to the server.",
    "dropped": "Ephemeral frames for which a mailbox had no room.",
    "replayed": "Frames handed over to somebody who had missed them, or again.",
    "received": "Frames of clients, by command.",
}

_VERSIONS: Final = ("scheduler_realtime", "django", "channels", "python", "daphne", "uvicorn")


def text(accept: str = "") -> tuple[bytes, str]:
    """The metrics, and their content type: the format that the `Accept` header asks for.

    Raises `ImportError` where prometheus-client is not installed. Blocks on the database, a
    constant number of statements.
    """
    from prometheus_client.exposition import choose_encoder
    from prometheus_client.registry import Collector, CollectorRegistry

    now = statistics.figures()

    class _Collector(Collector):
        def collect(self) -> Iterable[Metric]:
            return _metrics(now)

    # A registry of its own: the host's, and what its processes count for themselves, stays as it is.
    registry = CollectorRegistry()
    registry.register(_Collector())
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


def _metrics(now: Figures) -> Iterator[Metric]:
    yield from _counters(now)
    yield _latency(now)
    yield from _gauges(now)
    yield _info(now)


def _counters(now: Figures) -> Iterator[Metric]:
    from prometheus_client.core import CounterMetricFamily

    for kind in KINDS:
        name = f"{PREFIX}_messages_{kind}"
        counted = CounterMetricFamily(name, _COUNTED[kind], labels=["node", "type"])
        for node in now.nodes:
            for type_, number in node.report.messages.get(kind, {}).items():
                counted.add_metric([node.id, type_], number)
        yield counted
    refused = CounterMetricFamily(
        f"{PREFIX}_handshakes_refused",
        "Handshakes that were refused, by close code.",
        labels=["node", "code"],
    )
    for node in now.nodes:
        for code, number in node.report.refused.items():
            refused.add_metric([node.id, code], number)
    yield refused


def _latency(now: Figures) -> Metric:
    from prometheus_client.core import HistogramMetricFamily

    latency = HistogramMetricFamily(
        f"{PREFIX}_delivery_latency_seconds",
        "From the writing of a message to the moment a live socket's frame is handed over.",
        labels=["node"],
    )
    for node in now.nodes:
        upto = accumulate(reports.summed([node.report.latency]))
        names = [*map(str, BOUNDS), "+Inf"]
        buckets = list(zip(names, map(float, upto), strict=True))
        latency.add_metric([node.id], buckets, node.report.latency_sum)
    return latency


def _gauges(now: Figures) -> Iterator[Metric]:
    yield _gauge("users", "Users who are here.", [([], now.users)])
    by_role = [([role], number) for role, number in now.by_role.items()]
    yield _gauge("users_by_role", "Users who are here, by role.", by_role, "role")
    peak = "The most sockets at once in the last twenty minutes."
    yield _gauge("peak_connections", peak, [([], now.peak_connections)])
    pending = "Receipts of messages that were delivered and not acknowledged."
    yield _gauge("pending_acknowledgements", pending, [([], now.pending_acknowledgements)])
    lag = "Age of the oldest committed message without a position."
    yield _gauge("relay_lag_seconds", lag, [([], now.relay_lag_seconds)])
    for name, documentation, value in (
        ("connections", "Sockets.", lambda node: node.connections),
        ("hub_lag_seconds", "How far a hub is behind the log.", _hub_lag),
        ("hub_position", "Position that a hub has reached.", lambda node: node.report.position),
        ("uptime_seconds", "Since a node was started.", now.uptime),
    ):
        values = [([node.id], value(node)) for node in now.nodes]
        yield _gauge(name, documentation, values, "node")


def _hub_lag(node: NodeFigures) -> float:
    return node.report.hub_lag_seconds


def _gauge(
    name: str, documentation: str, values: Iterable[tuple[list[str], float]], *labels: str
) -> Metric:
    from prometheus_client.core import GaugeMetricFamily

    gauge = GaugeMetricFamily(f"{PREFIX}_{name}", documentation, labels=labels)
    for given, value in values:
        gauge.add_metric(given, value)
    return gauge


def _info(now: Figures) -> Metric:
    """The versions as labels of a gauge that is always 1, as Prometheus' own exporters do it."""
    from prometheus_client.core import GaugeMetricFamily

    info = GaugeMetricFamily(
        f"{PREFIX}_node_info", "Names and versions of a node.", labels=["node", "name", *_VERSIONS]
    )
    for node in now.nodes:
        versions = [node.report.versions.get(name, "") for name in _VERSIONS]
        info.add_metric([node.id, node.name, *versions], 1)
    return info
