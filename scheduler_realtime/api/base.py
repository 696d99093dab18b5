"""What every view of ours is: JSON only, for whom a JWT or a session names, throttled by user."""

from __future__ import annotations

from typing import Any

from rest_framework.authentication import SessionAuthentication
from rest_framework.parsers import JSONParser
from rest_framework.permissions import IsAuthenticated
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import UserRateThrottle
from rest_framework.viewsets import ViewSet
from rest_framework_simplejwt.authentication import JWTAuthentication

from scheduler_realtime.schemas import RealtimeSchema


class RealtimeThrottle(UserRateThrottle):
    """240 requests a minute for each user: a client that polls as fast as it may sends four a second."""

    scope = "scheduler_realtime"
    rate = "240/min"


class RealtimeViewSet(ViewSet):
    """The root of our views. What it says here holds whatever the host's REST_FRAMEWORK says."""

    authentication_classes = [JWTAuthentication, SessionAuthentication]
    permission_classes = [IsAuthenticated]
    parser_classes = [JSONParser]
    renderer_classes = [JSONRenderer]
    throttle_classes = [RealtimeThrottle]
    schema = RealtimeSchema()

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        """Patients' names are in it: no cache on the way may keep it."""
        response = super().finalize_response(request, response, *args, **kwargs)
        response.headers.setdefault("Cache-Control", "no-store")
        return response
