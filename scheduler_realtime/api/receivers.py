"""What a request to send a message may say: to whom, until when, and what."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Final

from django.contrib.auth import get_user_model
from django.utils import timezone
from rest_framework import serializers

from scheduler_realtime.identity import value_in
from scheduler_realtime.members import unknown_roles, unknown_users
from scheduler_realtime.messages import OURS, TYPES
from scheduler_realtime.wire import plain

from .serializers import KeyField

MOST: Final = 10_000
"""Receivers by name: whoever has more means a role, or everyone."""


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
        return _keys(users)

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

    # What stands there instead may be anything: a refusal does not repeat it.
    type = serializers.ChoiceField(
        choices=(), error_messages={"invalid_choice": "There is no such type."}
    )
    data = serializers.DictField()  # type: ignore[assignment]  # the protocol's name for it
    user_id = KeyField(allow_null=True, default=None)

    def get_fields(self) -> dict[str, Any]:
        """Also the types that a host has registered by now."""
        fields: dict[str, Any] = super().get_fields()
        fields["type"].choices = sorted(TYPES.keys() - OURS)
        return fields

    def validate_user_id(self, user_id: int | str | None) -> int | str | None:
        """A user that there is."""
        return None if user_id is None else _keys([user_id])[0]


class NotificationSerializer(ReceiversSerializer):
    """The body of `POST notify/system`: what is of the notification itself is checked by its model."""

    DATA: ClassVar[Sequence[str]] = ("title", "message", "severity", "action_items")

    title = serializers.CharField(max_length=2000)
    message = serializers.CharField(max_length=2000)
    severity = serializers.CharField(required=False)
    action_items = serializers.ListField(child=serializers.DictField(), required=False)


def _keys(users: list[int | str]) -> list[int | str]:
    """As the user model has them: the groups of "7" and of a UUID in capitals are nobody's."""
    column = get_user_model()._meta.pk
    return [plain(value_in(column, key)) for key in _known(users, unknown_users(users), "user")]


def _known(values: list[Any], unknown: Iterable[Any], kind: str) -> list[Any]:
    named = ", ".join(map(repr, list(unknown)[:10]))
    if named:
        raise serializers.ValidationError(f"There is no {kind} {named}.")
    return values
