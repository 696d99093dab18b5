"""Optimisation runs over REST: which there are, and having one stopped."""

from __future__ import annotations

from typing import Any

from django.db import transaction
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

from scheduler_realtime import clock, log, orders, standing
from scheduler_realtime.frames import user_id_of
from scheduler_realtime.identity import identity_of
from scheduler_realtime.messages import FINAL
from scheduler_realtime.models import OptimizationRun
from scheduler_realtime.permissions import CLEARANCE
from scheduler_realtime.schemas import REFUSAL, described
from scheduler_realtime.wire import plain

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

    permission = "scheduler_realtime.cancel_optimization"


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
    """A run, as `optimization_progress` told its first or its final state."""

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
        with transaction.atomic(using=log.database()):
            run = self._locked(pk)
            if run.status in FINAL:
                raise HasEnded
            run.cancel_asked_at = run.cancel_asked_at or clock.now()
            run.save(using=log.database(), update_fields=["cancel_asked_at"])
            orders.cancel(run.optimization_id, plain(request.user.pk))
        shown = standing.redacted(run, is_cleared=self._is_cleared)
        return Response(self.get_serializer(shown).data, status=HTTP_202_ACCEPTED)

    def _locked(self, optimization_id: str) -> OptimizationRun:
        rows = self.get_queryset().select_for_update()
        # PostgreSQL compares nothing with NUL.
        known = "\x00" not in optimization_id
        run = rows.filter(optimization_id=optimization_id).first() if known else None
        if run is None:
            raise Http404
        return run
