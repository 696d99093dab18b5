"""Health over REST: for load balancers and people on call, who need no account for it."""

from __future__ import annotations

from typing import Any

from django.core.cache.backends.locmem import LocMemCache
from django.db import transaction
from django.utils.decorators import method_decorator
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.status import HTTP_200_OK, HTTP_503_SERVICE_UNAVAILABLE
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView

from scheduler_realtime import health

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


class HealthViewSet(RealtimeViewSet):
    """How this process is. Says no more than that: anybody may ask."""

    authentication_classes = []
    permission_classes = []
    throttle_classes = [HealthThrottle]

    # A transaction would wait for a database that is frozen.
    @method_decorator(transaction.non_atomic_requests)
    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """As DRF's, outside `ATOMIC_REQUESTS`."""
        return super().dispatch(request, *args, **kwargs)

    def list(self, request: Request) -> Response:
        """200 while messages arrive, be it late; otherwise 503."""
        found = health.check()
        parts = {name: getattr(found, name) for name in ("database", "relay", "hub", "layer")}
        is_failing = found.status == "failing"
        return Response(
            {"status": found.status, "parts": parts},
            status=HTTP_503_SERVICE_UNAVAILABLE if is_failing else HTTP_200_OK,
        )
