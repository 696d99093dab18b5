"""Cleaning up over REST, for administrators who cannot wait for the hubs' own rounds."""

from __future__ import annotations

from dataclasses import asdict

from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from scheduler_realtime.cleanup import clean_up

from .base import RealtimeViewSet
from .broadcasts import MAX_BODY

REMOVING = "scheduler_realtime.delete_connection"


class MayCleanUp(BasePermission):
    """Holders of `scheduler_realtime.delete_connection`."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Whether the user holds it."""
        return bool(request.user.has_perm(REMOVING))


class CleanedSerializer(serializers.Serializer):
    """How many of each were removed."""

    stale_connections = serializers.IntegerField()
    dead_nodes = serializers.IntegerField()
    left_users = serializers.IntegerField()
    expired_messages = serializers.IntegerField()
    trimmed_messages = serializers.IntegerField()
    tickets = serializers.IntegerField()
    samples = serializers.IntegerField()


class CleanupViewSet(RealtimeViewSet):
    """Removes what nobody needs any more."""

    permission_classes = [IsAuthenticated, MayCleanUp]
    serializer_class = CleanedSerializer

    def create(self, request: Request) -> Response:
        """`POST cleanup`: what was removed."""
        if int(request.META.get("CONTENT_LENGTH") or 0) > MAX_BODY:
            raise ValidationError({"detail": [f"A request has at most {MAX_BODY} bytes."]})
        _ = request.data  # refused where it is no JSON; there is nothing to say in it
        return Response(self.serializer_class(asdict(clean_up())).data)
