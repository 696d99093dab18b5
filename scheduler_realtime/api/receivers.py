"""What a request to send a message may say: to whom, until when, and what."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Final

from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from scheduler_realtime.members import unknown_roles, unknown_users
from scheduler_realtime.messages import TYPES, ReceiptUpdate, UserPresence
from scheduler_realtime.schemas import KEY

MOST: Final = 10_000
"""Receivers by name: whoever has more means a role, or everyone."""

SENDABLE: Final = sorted(set(TYPES) - {UserPresence.type, ReceiptUpdate.type})
"""Types somebody may send; the others say what only the server can know."""


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
        """As it is."""
        return value


class ReceiversSerializer(serializers.Serializer):
    """To whom and until when. No users and no roles means everyone."""

    users = serializers.ListField(child=KeyField(), max_length=MOST, default=list)
    roles = serializers.ListField(
        child=serializers.CharField(max_length=150), max_length=MOST, default=list
    )
    ack_required = serializers.BooleanField(allow_null=True, default=None)
    expires_at = serializers.DateTimeField(allow_null=True, default=None)

    def validate_users(self, users: list[int | str]) -> list[int | str]:
        """Users that there are: whoever mistypes one must not think that it was told."""
        return _known(users, unknown_users(users), "user")

    def validate_roles(self, roles: list[str]) -> list[str]:
        """Roles that there are."""
        return _known(roles, unknown_roles(roles), "role")

    def validate_expires_at(self, moment: dt.datetime | None) -> dt.datetime | None:
        """A moment still to come."""
        if moment is not None and moment <= timezone.now():
            raise serializers.ValidationError("lies in the past: nobody would see the message.")
        return moment

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Everyone, where nobody is named."""
        if not attrs["users"] and not attrs["roles"]:
            attrs |= {"users": None, "roles": None}
        return attrs


class BroadcastSerializer(ReceiversSerializer):
    """The body of `POST broadcast`; `data` is checked by the model of its type."""

    type = serializers.ChoiceField(choices=SENDABLE)
    data = serializers.DictField()  # type: ignore[assignment]  # the protocol's name for it


class NotificationSerializer(ReceiversSerializer):
    """The body of `POST notify/system`: what is of the notification itself is checked by its model."""

    DATA: ClassVar[Sequence[str]] = ("title", "message", "severity", "action_items")

    title = serializers.CharField(max_length=2000)
    message = serializers.CharField(max_length=2000)
    severity = serializers.CharField(required=False)
    action_items = serializers.ListField(child=serializers.DictField(), required=False)


def _known(values: list[Any], unknown: Iterable[Any], kind: str) -> list[Any]:
    named = ", ".join(map(repr, list(unknown)[:10]))
    if named:
        raise serializers.ValidationError(f"There is no {kind} {named}.")
    return values
