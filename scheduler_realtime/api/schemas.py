"""The schemas over REST: what a client's author generates code from."""

from __future__ import annotations

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiResponse
from rest_framework.request import Request

from scheduler_realtime import schemas
from scheduler_realtime.schemas import described

from .base import RealtimeViewSet

_DOCUMENT = {"type": "object", "additionalProperties": True}


class SchemaViewSet(RealtimeViewSet):
    """Documents that stand as long as the process does."""

    @described(
        operation_id="schema_asyncapi",
        responses={200: OpenApiResponse(_DOCUMENT, "AsyncAPI 3.0 of the socket.")},
    )
    def asyncapi(self, request: Request) -> HttpResponse:
        """Every frame of the socket, in both directions."""
        return _served("asyncapi")

    @described(
        operation_id="schema_openapi",
        responses={200: OpenApiResponse(_DOCUMENT, "OpenAPI 3.1 of these paths.")},
    )
    def openapi(self, request: Request) -> HttpResponse:
        """This document."""
        return _served("openapi")


def _served(name: schemas.Format) -> HttpResponse:
    return HttpResponse(schemas.text(name), content_type="application/json")
