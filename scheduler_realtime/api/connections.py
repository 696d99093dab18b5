"""Connections over REST: which sockets are open, of whom, and closing one of them."""

from __future__ import annotations

import logging
import uuid
from typing import Any

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.status import HTTP_204_NO_CONTENT

from scheduler_realtime import living, log, orders
from scheduler_realtime.identity import value_in
from scheduler_realtime.models import Connection
from scheduler_realtime.permissions import CONNECTIONS, DISCONNECTING
from scheduler_realtime.schemas import KEY, described

from .base import Holds, RealtimeListViewSet, holds
from .filters import ConnectionFilter
from .pages import RealtimePagination
from .serializers import KeyField, MomentField, TextListField

logger = logging.getLogger(__name__)

_SOCKET = OpenApiParameter(
    "id",
    OpenApiTypes.UUID,
    OpenApiParameter.PATH,
    description="The `connection_id` of a socket.",
    examples=[OpenApiExample("A socket", "9b1c8a52-98a9-4c31-8f0a-9c3e5f3b2a10")],
)
_USER = OpenApiParameter(
    "user_id",
    KEY,
    OpenApiParameter.PATH,
    description="A user's primary key.",
    examples=[OpenApiExample("A user", 1)],
)


class MayViewConnections(Holds):
    """Holders of `scheduler_realtime.view_connection`."""

    permission = CONNECTIONS


class MayDisconnect(Holds):
    """Holders of `scheduler_realtime.delete_connection`, be it their own socket."""

    permission = DISCONNECTING


class ConnectionSerializer(serializers.Serializer):
    """A socket. Neither its address nor its browser: those are for the admin."""

    connection_id = serializers.UUIDField(source="id")
    user_id = KeyField()
    username = serializers.CharField()
    roles = TextListField(child=serializers.CharField())
    node = serializers.CharField()
    connected_at = MomentField()
    last_seen_at = MomentField()
    current_page = serializers.CharField(allow_null=True)
    active_schedule_date = serializers.CharField(allow_null=True)


class NewestFirst(RealtimePagination):
    """Connections, the newest first."""

    ordering = ("-connected_at", "-pk")


class ConnectionViewSet(RealtimeListViewSet):
    """The sockets of every process whose lease has not run out."""

    queryset = Connection.objects.none()
    permission_classes = [IsAuthenticated, MayViewConnections]
    serializer_class = ConnectionSerializer
    filterset_class = ConnectionFilter
    pagination_class = NewestFirst
    lookup_value_regex = "[^/]+"

    def get_permissions(self) -> Any:
        """Whoever closes a socket needs another permission; one's own sockets anybody may see."""
        match self.action:
            case "destroy":
                return [IsAuthenticated(), MayDisconnect()]
            case "of_user":
                return [IsAuthenticated()]
            case _:
                return super().get_permissions()

    @described(operation_id="connections", responses=ConnectionSerializer(many=True))
    def list(self, request: Request) -> Response:
        """The open sockets of all processes, the newest first."""
        return super().list(request)

    def get_queryset(self) -> QuerySet[Connection]:
        """Where `kill -9` took a process, its sockets are gone with its lease."""
        return living.sockets().select_related("node")

    @described(
        operation_id="connections_of_user",
        parameters=[_USER],
        responses=ConnectionSerializer(many=True),
    )
    @action(detail=False, url_path="user/(?P<user_id>[^/]+)", url_name="of-user")
    def of_user(self, request: Request, user_id: str) -> Response:
        """One user's sockets. Whoever may not see them learns not even whether there is the user."""
        key = value_in(get_user_model()._meta.pk, user_id)
        if key != request.user.pk and not holds(request.user, CONNECTIONS):
            raise Http404
        rows = self.get_queryset()
        return self.page_of(rows.none() if key is None else rows.filter(user=key))

    @described(operation_id="disconnect", parameters=[_SOCKET], responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Close a socket with 4409, on whichever node it is."""
        with transaction.atomic(using=log.database()):
            found = self.get_queryset().filter(pk=_uuid(pk)).first()
            if found is None:
                raise Http404
            orders.disconnect([str(found.pk)])
        logger.info("User %r disconnected the socket %s.", request.user.pk, found.pk)
        return Response(status=HTTP_204_NO_CONTENT)


def _uuid(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise Http404 from None
