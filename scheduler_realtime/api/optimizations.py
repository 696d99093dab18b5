"""Optimisation runs over REST: which there are, and having one stopped."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import APIException
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.status import HTTP_202_ACCEPTED, HTTP_409_CONFLICT

from scheduler_realtime import orders, standing
from scheduler_realtime.exceptions import OptimizationEnded, OptimizationUnknown
from scheduler_realtime.frames import user_id_of
from scheduler_realtime.identity import identity_of
from scheduler_realtime.models import OptimizationRun
from scheduler_realtime.permissions import CANCELLING, CLEARANCE
from scheduler_realtime.schemas import REFUSAL, described

from .base import Holds, RealtimeListViewSet, holds
from .pages import RealtimePagination
from .serializers import KeyField, MomentField, TextDictField

_RUN = OpenApiParameter(
    "id",
    str,
    OpenApiParameter.PATH,
    description="The `optimization_id` of a run.",
    examples=[OpenApiExample("A run", "opt-123")],
)


class MayCancel(Holds):
    """Holders of `scheduler_realtime.cancel_optimization`."""

    permission = CANCELLING


class HasEnded(APIException):
    """What is to be stopped has ended by itself."""

    status_code = HTTP_409_CONFLICT
    default_detail = "This optimisation has ended already."
    default_code = "has_ended"


class ActorField(KeyField):
    """Who caused it: a primary key as the user model has it, or null."""

    def to_representation(self, value: str) -> Any:
        """As in a message's envelope."""
        return user_id_of(value)


class OptimizationSerializer(serializers.Serializer):
    """A run with its figures of the last second or so; told by hand, with those of its first state."""

    optimization_id = serializers.CharField()
    user_id = ActorField(source="actor", allow_null=True)
    status = serializers.CharField()
    progress_percentage = serializers.FloatField()
    current_iteration = serializers.IntegerField(allow_null=True)
    total_iterations = serializers.IntegerField(allow_null=True)
    current_score = serializers.FloatField(allow_null=True)
    best_score = serializers.FloatField(allow_null=True)
    time_elapsed = serializers.FloatField(allow_null=True)
    metrics = TextDictField()
    reason = serializers.CharField(allow_null=True)
    started_at = MomentField()
    updated_at = MomentField()
    cancel_asked_at = MomentField(allow_null=True)


class LastStartedFirst(RealtimePagination):
    """Runs, the one that was started last first."""

    ordering = ("-started_at", "-pk")


class OptimizationViewSet(RealtimeListViewSet):
    """The runs that the caller was told of, or would have been."""

    queryset = OptimizationRun.objects.none()
    serializer_class = OptimizationSerializer
    pagination_class = LastStartedFirst
    lookup_value_regex = "[^/]+"

    @described(operation_id="optimizations", responses=OptimizationSerializer(many=True))
    def list(self, request: Request) -> Response:
        """Runs now and recently, the one that was started last first."""
        return super().list(request)

    def visible(self, page: Any) -> Any:
        """Without what is protected from the caller."""
        return [standing.redacted(each, is_cleared=self._is_cleared) for each in page]

    @property
    def _is_cleared(self) -> bool:
        return holds(self.request.user, CLEARANCE)

    def get_queryset(self) -> QuerySet[OptimizationRun]:
        """By what the caller is now."""
        return standing.seen_by(identity_of(self.request.user).groups, standing.runs())

    @described(
        operation_id="cancel_optimization",
        parameters=[_RUN],
        request=None,
        responses={
            202: OptimizationSerializer,
            409: OpenApiResponse(REFUSAL, "It has ended by itself."),
        },
    )
    @action(detail=True, methods=["post"], permission_classes=[IsAuthenticated, MayCancel])
    def cancel(self, request: Request, pk: str) -> Response:
        """Ask for a run to be stopped. Asked again, it is asked for again."""
        caller = identity_of(request.user)
        try:
            run = orders.cancel(pk, user_id=caller.user_id, groups=caller.groups)
        except OptimizationUnknown:
            raise Http404 from None
        except OptimizationEnded:
            raise HasEnded from None
        shown = standing.redacted(run, is_cleared=self._is_cleared)
        return Response(self.get_serializer(shown).data, status=HTTP_202_ACCEPTED)
