"""Users over REST: who is here, all sockets of one folded into a line."""

from __future__ import annotations

import json
from typing import Any

from django.db.models import Count, Max, OuterRef, QuerySet, Subquery
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from scheduler_realtime import living
from scheduler_realtime.identity import identity_of
from scheduler_realtime.models import Presence
from scheduler_realtime.presence import visibility
from scheduler_realtime.schemas import described

from .base import RealtimeListViewSet
from .serializers import KeyField, MomentField, TextListField


class FirstRoleField(serializers.CharField):
    """The first of a user's roles, as it stands in `user_presence`; null without any."""

    def to_representation(self, value: str) -> Any:
        """Of the list, as the table has it."""
        roles = json.loads(value)
        return roles[0] if roles else None


class ActiveUserSerializer(serializers.Serializer):
    """A user who is here. What it looks at is of the socket that was heard of last."""

    user_id = KeyField()
    username = serializers.CharField()
    role = FirstRoleField(source="roles", allow_null=True)
    roles = TextListField(child=serializers.CharField())
    connections = serializers.IntegerField()
    current_page = serializers.CharField(allow_null=True)
    active_schedule_date = serializers.CharField(allow_null=True)
    connection_id = serializers.UUIDField()
    since = MomentField(source="joined_at")
    last_seen_at = MomentField()


class ActiveUserViewSet(RealtimeListViewSet):
    """Who is here, as far as `PRESENCE_VISIBLE_TO` lets the caller know."""

    queryset = Presence.objects.none()
    serializer_class = ActiveUserSerializer

    @described(operation_id="active_users", responses=ActiveUserSerializer(many=True))
    def list(self, request: Request) -> Response:
        """Who is here, all sockets of a user in one entry."""
        return super().list(request)

    def get_queryset(self) -> QuerySet[Presence]:
        """Those with a socket on a node that lives: the others are about to be swept away."""
        own = living.sockets().filter(user=OuterRef("pk")).order_by().values("user")
        return (
            visibility.seen_by(identity_of(self.request.user))
            .filter(left_at=None)
            .annotate(
                connections=Subquery(own.annotate(count=Count("pk")).values("count")),
                last_seen_at=Subquery(own.annotate(last=Max("last_seen_at")).values("last")),
            )
            .filter(connections__gt=0)
        )
