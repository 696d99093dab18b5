"""What clients may ask of the REST API, and how receipts look in its answers."""

from __future__ import annotations

import datetime as dt

from rest_framework import serializers

from scheduler_realtime.log import PAGE
from scheduler_realtime.wire import utc_text

MAX_WAIT = 25
"""Seconds an empty answer is held back at the most: proxies give up after 30."""


class MessageQuery(serializers.Serializer):
    """The parameters of `GET messages`."""

    after = serializers.IntegerField(min_value=0, max_value=2**63 - 1, default=None)
    epoch = serializers.CharField(max_length=64, default=None)
    limit = serializers.IntegerField(min_value=1, max_value=PAGE, default=100)
    type = serializers.CharField(max_length=64, default=None)
    wait = serializers.FloatField(min_value=0, max_value=MAX_WAIT, default=0)


class MomentField(serializers.DateTimeField):
    """A moment as the protocol writes it, in UTC, whatever the host's time zone."""

    def to_representation(self, value: dt.datetime) -> str:
        """As `2026-01-15T10:30:00.123Z`."""
        return utc_text(value)


class ReceiptSerializer(serializers.Serializer):
    """Who got a message, and when; `delivered_at` is null where only that it was read is known."""

    user_id = serializers.ReadOnlyField(source="pk")
    username = serializers.ReadOnlyField(source="get_username")
    delivered_at = MomentField()
    acknowledged_at = MomentField()
