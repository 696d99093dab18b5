"""Conflicts over REST: those that are open now, for whom they concern."""

from __future__ import annotations

import json
from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from scheduler_realtime import standing
from scheduler_realtime.identity import identity_of
from scheduler_realtime.judging import Jury
from scheduler_realtime.log import Addressed
from scheduler_realtime.models import Conflict
from scheduler_realtime.schemas import described

from .base import RealtimeListViewSet
from .filters import ConflictFilter
from .pages import RealtimePagination
from .serializers import KeyField, MomentField, TextListField


class ConflictSerializer(serializers.Serializer):
    """A conflict, as `conflict_notification` told it."""

    conflict_id = serializers.CharField()
    model = serializers.CharField(allow_null=True)
    conflict_type = serializers.CharField()
    severity = serializers.CharField()
    description = serializers.CharField()
    affected_surgeries = TextListField(child=KeyField())
    suggested_actions = TextListField()
    status = serializers.CharField()
    opened_at = MomentField()


def _told(conflict: Conflict) -> Addressed:
    """To whom it was told."""
    return Addressed(
        groups=frozenset(json.loads(conflict.groups)),
        left_groups=frozenset(),
        needs=frozenset(json.loads(conflict.needs)),
        subject=conflict.subject,
    )


class LatestFirst(RealtimePagination):
    """Conflicts, the latest first."""

    ordering = ("-opened_at", "-pk")


class ConflictViewSet(RealtimeListViewSet):
    """The open conflicts that the caller was told of, or would have been."""

    queryset = Conflict.objects.none()
    serializer_class = ConflictSerializer
    filterset_class = ConflictFilter
    pagination_class = LatestFirst

    @described(operation_id="conflicts", responses=ConflictSerializer(many=True))
    def list(self, request: Request) -> Response:
        """The open conflicts that concern the caller, the latest first.

        A page may have fewer than the next one, where `may_see` keeps some from the caller.
        """
        return super().list(request)

    def visible(self, page: Any) -> Any:
        """Without what a binding's `may_see` keeps from the caller, and what is protected."""
        jury, reader = Jury(), identity_of(self.request.user)
        seen = [each for each in page if jury.sees(reader.listener, _told(each))]
        return [standing.redacted(each, is_cleared=reader.is_cleared) for each in seen]

    def get_queryset(self) -> QuerySet[Conflict]:
        """By what the caller is now."""
        groups = identity_of(self.request.user).groups
        return standing.seen_by(groups, standing.conflicts().filter(status="open"))
