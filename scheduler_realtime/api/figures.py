"""What `GET statistics` answers, figure by figure: of all nodes together, of each, and of the past."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers


def _counts(told: str) -> serializers.DictField:
    return serializers.DictField(child=serializers.IntegerField(), help_text=told)


class MessageCountsSerializer(serializers.Serializer):
    """Since the processes began, by type."""

    published = _counts("Got a position, or were sent without one.")
    delivered = _counts("Frames that were handed to the server.")
    dropped = _counts("Ephemeral frames for which a mailbox had no room.")
    replayed = _counts("Of those delivered: somebody had missed them, or gets them again.")
    received = _counts("What clients said, by command; `bad` and `rate_limited` went no further.")


class RatesSerializer(serializers.Serializer):
    """A second, over the last minute."""

    published = serializers.FloatField()
    delivered = serializers.FloatField()
    dropped = serializers.FloatField()
    replayed = serializers.FloatField()
    received = serializers.FloatField()


class LatencySerializer(serializers.Serializer):
    """From a message's writing to the server's own send; null where nothing was delivered."""

    p50 = serializers.FloatField(allow_null=True)
    p95 = serializers.FloatField(allow_null=True)
    p99 = serializers.FloatField(allow_null=True)


class FiguresSerializer(serializers.Serializer):
    """What there is of one node as of all."""

    connections = serializers.IntegerField()
    users = serializers.IntegerField()
    peak_connections = serializers.IntegerField()
    refused = serializers.IntegerField()
    refused_by_code = _counts("By close code.")
    messages = MessageCountsSerializer()
    rates = RatesSerializer(help_text="A second, over the last minute.")
    latency_ms = LatencySerializer(help_text="Of the last minute.")
    hub_lag_seconds = serializers.FloatField()
    uptime_seconds = serializers.FloatField()


class NodeFiguresSerializer(FiguresSerializer):
    """A process that lives."""

    name = serializers.CharField(help_text="hostname:pid")
    versions = serializers.DictField(child=serializers.CharField())


class PastSerializer(LatencySerializer):
    """How it was, all nodes together, at one moment of about every five seconds."""

    taken_at = serializers.DateTimeField()
    connections = serializers.IntegerField()
    users = serializers.IntegerField()
    by_role = serializers.DictField(
        child=serializers.IntegerField(),
        allow_null=True,
        help_text="Users; null where no node of that moment tells them.",
    )
    published_per_second = serializers.FloatField()
    delivered_per_second = serializers.FloatField()
    relay_lag_seconds = serializers.FloatField()
    hub_lag_seconds = serializers.FloatField()


@extend_schema_serializer(many=False)
class StatisticsSerializer(FiguresSerializer):
    """The figures of all nodes together, and of each."""

    taken_at = serializers.DateTimeField()
    by_role = _counts("Users; whoever has two roles is in both.")
    by_node = serializers.DictField(child=NodeFiguresSerializer())
    pending_acknowledgements = serializers.IntegerField()
    relay_lag_seconds = serializers.FloatField()
    versions = serializers.DictField(
        child=serializers.ListField(child=serializers.CharField()),
        help_text="More than one of a name while an update is under way.",
    )
    history = PastSerializer(many=True, required=False, help_text="Where `minutes` was given.")
