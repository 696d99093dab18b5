"""Health over REST: for load balancers and people on call, who need no account for it."""

from __future__ import annotations

from typing import Any, Final, get_args

from django.core.cache.backends.locmem import LocMemCache
from django.db import transaction
from django.utils.decorators import method_decorator
from drf_spectacular.utils import OpenApiResponse, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.status import HTTP_200_OK, HTTP_503_SERVICE_UNAVAILABLE
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView

from scheduler_realtime import health
from scheduler_realtime.schemas import described

from .base import RealtimeViewSet


class HealthThrottle(SimpleRateThrottle):
    """600 requests a minute from each address: ten probes a second, of whoever balances the load.

    Counted in this process alone: the host's cache may be the very Redis that is out.
    """

    scope = "scheduler_realtime_health"
    rate = "600/min"
    cache = LocMemCache("scheduler_realtime_health", {})

    def get_cache_key(self, request: Request, view: APIView) -> str:
        """By address."""
        return self.cache_format % {"scope": self.scope, "ident": self.get_ident(request)}


WORDS: Final = get_args(health.Word)


class PartsSerializer(serializers.Serializer):
    """How each part of this process is."""

    database = serializers.ChoiceField(WORDS)
    relay = serializers.ChoiceField(WORDS)
    hub = serializers.ChoiceField(WORDS)
    layer = serializers.ChoiceField(WORDS)


@extend_schema_serializer(many=False)
class HealthSerializer(serializers.Serializer):
    """How this process is: `degraded` where messages arrive late."""

    status = serializers.ChoiceField(("ok", "degraded", "failing"))
    parts = PartsSerializer(source="*")


class HealthViewSet(RealtimeViewSet):
    """How this process is. Says no more than that: anybody may ask."""

    authentication_classes = []
    permission_classes = []
    throttle_classes = [HealthThrottle]
    serializer_class = HealthSerializer

    # A transaction would wait for a database that is frozen.
    @method_decorator(transaction.non_atomic_requests)
    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """As DRF's, outside `ATOMIC_REQUESTS`."""
        return super().dispatch(request, *args, **kwargs)

    @described(
        operation_id="health",
        responses={
            200: OpenApiResponse(HealthSerializer, "Messages arrive, be it late."),
            503: OpenApiResponse(HealthSerializer, "This process does not serve."),
        },
    )
    def list(self, request: Request) -> Response:
        """200 while messages arrive, be it late; otherwise 503."""
        found = health.check()
        is_failing = found.status == "failing"
        return Response(
            self.serializer_class(found).data,
            status=HTTP_503_SERVICE_UNAVAILABLE if is_failing else HTTP_200_OK,
        )
