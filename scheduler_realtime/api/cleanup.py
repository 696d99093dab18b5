"""Cleaning up over REST, for administrators who cannot wait for the hubs' own rounds."""

from __future__ import annotations

from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from scheduler_realtime.cleanup import clean_up
from scheduler_realtime.permissions import DISCONNECTING
from scheduler_realtime.schemas import described

from .base import Holds, RealtimeViewSet


class MayCleanUp(Holds):
    """Holders of `scheduler_realtime.delete_connection`."""

    permission = DISCONNECTING


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

    @described(operation_id="clean_up", request=None, responses={200: CleanedSerializer})
    def create(self, request: Request) -> Response:
        """Remove at once what servers remove in their rounds: how many of each."""
        return Response(self.serializer_class(clean_up()).data)
