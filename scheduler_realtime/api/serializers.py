"""What several answers of the REST API are made of, and those of messages, tickets and receipts."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from scheduler_realtime.clean_text import clean_line, cleaned
from scheduler_realtime.log import MOST, PAGE
from scheduler_realtime.schemas import KEY, LOGGED
from scheduler_realtime.wire import plain, utc_text

MAX_WAIT = 25
"""Seconds an empty answer is held back at the most: proxies give up after 30."""


class MessageQuery(serializers.Serializer):
    """The parameters of `GET messages`."""

    after = serializers.IntegerField(min_value=0, max_value=MOST, default=None)
    epoch = serializers.CharField(max_length=64, default=None)
    limit = serializers.IntegerField(min_value=1, max_value=PAGE, default=100)
    type = serializers.CharField(max_length=64, default=None)
    wait = serializers.FloatField(min_value=0, max_value=MAX_WAIT, default=0)


@extend_schema_field(KEY)
class KeyField(serializers.Field):
    """A primary key as JSON has it: a number or a text."""

    default_error_messages: ClassVar[dict[str, Any]] = {
        "invalid": "is neither a number nor a text."
    }

    def to_internal_value(self, data: Any) -> int | str:
        """As it came."""
        if isinstance(data, bool) or not isinstance(data, int | str):
            self.fail("invalid")
        return data

    def to_representation(self, value: Any) -> Any:
        """A number as a number, whatever else it is as a text."""
        return plain(value)


class MomentField(serializers.DateTimeField):
    """A moment as the protocol writes it, in UTC, whatever the host's time zone."""

    def to_representation(self, value: dt.datetime) -> str:
        """As `2026-01-15T10:30:00.123Z`."""
        return utc_text(value)


class TextListField(serializers.ListField):
    """A list that its column has as a JSON text."""

    def to_representation(self, data: Any) -> Any:
        """The list itself, its texts clean."""
        return super().to_representation(cleaned(json.loads(data)))


class TextDictField(serializers.DictField):
    """An object that its column has as a JSON text."""

    def to_representation(self, value: Any) -> Any:
        """The object itself, its texts clean."""
        return super().to_representation(cleaned(json.loads(value)))


class LineField(serializers.CharField):
    """A name of the host's, told clean as on the socket."""

    def to_representation(self, value: Any) -> str:
        """In one line."""
        return clean_line(str(value))


class ReceiptSerializer(serializers.Serializer):
    """Who got a message, and when; `delivered_at` is null where only that it was read is known."""

    user_id = KeyField(source="pk")
    username = LineField(source="get_username")
    delivered_at = MomentField(allow_null=True)
    acknowledged_at = MomentField(allow_null=True)


class TicketSerializer(serializers.Serializer):
    """What opens one socket, and for how many seconds."""

    ticket = serializers.CharField()
    expires_in = serializers.IntegerField(help_text="Seconds.")


class AcknowledgedSerializer(serializers.Serializer):
    """The positions that were acknowledged, as in `ack_result`."""

    acknowledged = serializers.ListField(child=serializers.IntegerField())
    unknown = serializers.ListField(child=serializers.IntegerField())


@extend_schema_field(LOGGED)
class LoggedField(serializers.DictField):
    """A frame as the log has it."""


@extend_schema_serializer(many=False)
class HistorySerializer(serializers.Serializer):
    """A page of the log. `recovered` is null where no position was given to go on from."""

    epoch = serializers.CharField(help_text="Which log the positions are of.")
    head = serializers.IntegerField(help_text="The last position given.")
    position = serializers.IntegerField(help_text="How far was looked: go on `after` it.")
    has_more = serializers.BooleanField()
    recovered = serializers.BooleanField(
        allow_null=True, help_text="Whether nothing is missing; null without `after`."
    )
    reason = serializers.CharField(allow_null=True, help_text="Why something is.")
    results = serializers.ListField(child=LoggedField())
