"""What every view of ours is: JSON only, for whom a JWT or a session names, throttled by user."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import IO, Any, ClassVar, Final

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import APIException, ParseError, ValidationError
from rest_framework.parsers import JSONParser
from rest_framework.permissions import SAFE_METHODS, BasePermission, IsAuthenticated
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import UserRateThrottle
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet, ViewSet
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.exceptions import InvalidToken

from scheduler_realtime import revocation
from scheduler_realtime.conf import conf
from scheduler_realtime.discretion import forget_values
from scheduler_realtime.schemas import RealtimeSchema

from .pages import RealtimePagination

MAX_BODY: Final = 64 * 1024
"""Bytes of a request: the same bound as a socket's frames have."""


class RealtimeThrottle(UserRateThrottle):
    """So many requests a minute for each user as a setting says; `rate` in a subclass goes first."""

    scope = "scheduler_realtime"
    setting: ClassVar[str] = "REQUESTS_PER_MINUTE"

    def get_rate(self) -> str:
        return f"{getattr(conf(), self.setting)}/min"


class TokenAuthentication(JWTAuthentication):
    """simplejwt's, which by itself goes on taking the access token of who has logged out."""

    def get_user(self, validated_token: Any) -> Any:
        user = super().get_user(validated_token)
        if revocation.has_ended(user.pk, validated_token.get("iat")):
            raise InvalidToken("Who had this token has logged out.")
        return user


class Holds(BasePermission):
    """Holders of the permission that a subclass names."""

    permission: ClassVar[str]

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Whether the user holds it."""
        return holds(request.user, self.permission)


def holds(user: Any, permission: str) -> bool:
    """Whether a user has a permission. A user model need not know permissions at all."""
    return hasattr(user, "has_perm") and bool(user.has_perm(permission))


class BoundedJSONParser(JSONParser):
    """JSON of 64 KiB at the most, whatever length the request says that it has, or says none."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """As DRF's. Raises `ValidationError` for what is larger, `ParseError` for what is no JSON."""
        body = stream.read(MAX_BODY + 1)
        if len(body) > MAX_BODY:
            raise ValidationError({"detail": [f"A request has at most {MAX_BODY} bytes."]})
        try:
            return super().parse(io.BytesIO(body), media_type, parser_context)
        except RecursionError:
            raise ParseError("This JSON is nested too deeply.") from None


class RealtimeViewSet(ViewSet):
    """The root of our views. What it says here holds whatever the host's REST_FRAMEWORK says."""

    authentication_classes = [TokenAuthentication, SessionAuthentication]
    permission_classes: Any = [IsAuthenticated]
    parser_classes = [BoundedJSONParser]
    renderer_classes = [JSONRenderer]
    throttle_classes = [RealtimeThrottle]
    schema = RealtimeSchema()

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        """DRF takes a body whose length was not said for none, and would act upon nothing."""
        if "HTTP_TRANSFER_ENCODING" in request.META and not request.META.get("CONTENT_LENGTH"):
            request.META["CONTENT_LENGTH"] = str(MAX_BODY)
        return super().initialize_request(request, *args, **kwargs)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse a body that is no JSON or too large, also where the view would not look at it."""
        super().initial(request, *args, **kwargs)
        if request.method not in SAFE_METHODS:
            request.data  # noqa: B018 - reading it is what raises

    def handle_exception(self, exc: Exception) -> Response:
        """As DRF's. What nobody expected is raised without the values it happened to."""
        if not isinstance(exc, APIException | Http404 | PermissionDenied):
            forget_values(exc)
        return super().handle_exception(exc)

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        """Patients' names are in it: no cache on the way may keep it."""
        response = super().finalize_response(request, response, *args, **kwargs)
        response.headers.setdefault("Cache-Control", "no-store")
        return response


class RealtimeListViewSet(RealtimeViewSet, GenericViewSet):
    """The root of those that list rows: filtered, and a page at a time."""

    filter_backends = [DjangoFilterBackend]
    pagination_class: Any = RealtimePagination

    def list(self, request: Request) -> Response:
        """A page of what `get_queryset` has."""
        return self.page_of(self.get_queryset())

    def page_of(self, rows: Any) -> Response:
        """A page of these rows, as far as the request's filters let them through."""
        page = self.visible(self.paginate_queryset(self.filter_queryset(rows)))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    def visible(self, page: Any) -> Any:
        """Those of a page's rows that the caller may see, as far as the caller may."""
        return page
