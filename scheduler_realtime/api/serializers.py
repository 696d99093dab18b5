"""What clients may ask of the REST API, and how receipts look in its answers."""

from __future__ import annotations

import datetime as dt

from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from scheduler_realtime.log import PAGE
from scheduler_realtime.schemas import LOGGED
from scheduler_realtime.wire import utc_text

from .receivers import KeyField

MAX_WAIT = 25
"""Seconds an empty answer is held back at the most: proxies give up after 30."""


@extend_schema_field(LOGGED)
class LoggedField(serializers.JSONField):
    """A frame as the log has it."""


class MessageQuery(serializers.Serializer):
    """The parameters of `GET messages`."""

    after = serializers.IntegerField(min_value=0, max_value=2**63 - 1, default=None)
    epoch = serializers.CharField(max_length=64, default=None)
    limit = serializers.IntegerField(min_value=1, max_value=PAGE, default=100)
    type = serializers.CharField(max_length=64, default=None)
    wait = serializers.FloatField(min_value=0, max_value=MAX_WAIT, default=0)


@extend_schema_serializer(many=False)
class ExcerptSerializer(serializers.Serializer):
    """What `GET messages` answers."""

    epoch = serializers.CharField(help_text="Which log the positions are of.")
    head = serializers.IntegerField(help_text="The last position given.")
    position = serializers.IntegerField(help_text="How far was looked: go on `after` it.")
    has_more = serializers.BooleanField()
    recovered = serializers.BooleanField(
        allow_null=True, help_text="Whether nothing is missing; null without `after`."
    )
    reason = serializers.CharField(allow_null=True, help_text="Why something is.")
    results = serializers.ListField(child=LoggedField())


class AcknowledgementSerializer(serializers.Serializer):
    """What `POST messages/{id}/ack` answers, as `ack_result` does."""

    acknowledged = serializers.ListField(child=serializers.IntegerField())
    unknown = serializers.ListField(child=serializers.IntegerField())


class MomentField(serializers.DateTimeField):
    """A moment as the protocol writes it, in UTC, whatever the host's time zone."""

    def to_representation(self, value: dt.datetime) -> str:
        """As `2026-01-15T10:30:00.123Z`."""
        return utc_text(value)


class ReceiptSerializer(serializers.Serializer):
    """Who got a message, and when; `delivered_at` is null where only that it was read is known."""

    user_id = KeyField(source="pk", read_only=True)
    username = serializers.CharField(source="get_username", read_only=True)
    delivered_at = MomentField(read_only=True, allow_null=True)
    acknowledged_at = MomentField(read_only=True, allow_null=True)
