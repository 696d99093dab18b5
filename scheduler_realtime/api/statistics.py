"""Statistics over REST: as JSON for people's dashboards, and as text for Prometheus."""

from __future__ import annotations

import hmac
from typing import Any, Final

from drf_spectacular.utils import OpenApiResponse
from rest_framework import serializers
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import APIException
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.permissions import IsAuthenticated
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.status import HTTP_501_NOT_IMPLEMENTED

from scheduler_realtime import metrics, statistics
from scheduler_realtime.conf import conf
from scheduler_realtime.permissions import MEASURING
from scheduler_realtime.schemas import described

from .base import Holds, RealtimeViewSet
from .figures import StatisticsSerializer

LONGEST: Final = 15
"""Minutes of history that there are to be asked for."""


class MayViewStatistics(Holds):
    """Holders of `scheduler_realtime.view_statistics`, and Prometheus with its token."""

    permission = MEASURING


class StatisticsQuery(serializers.Serializer):
    """The parameters of `GET statistics`."""

    minutes = serializers.IntegerField(
        min_value=1, max_value=LONGEST, default=None, help_text="Answer with a `history` so long."
    )


class StatisticsViewSet(RealtimeViewSet):
    """How much is going on, on all nodes together and on each."""

    permission_classes = [IsAuthenticated, MayViewStatistics]
    serializer_class = StatisticsSerializer

    @described(
        operation_id="statistics", parameters=[StatisticsQuery], responses=StatisticsSerializer
    )
    def list(self, request: Request) -> Response:
        """The totals; with `minutes`, how it was in so many minutes as `history`."""
        query = StatisticsQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        answer = statistics.totals()
        if (minutes := query.validated_data["minutes"]) is not None:
            answer["history"] = statistics.history(minutes)
        return Response(self.serializer_class(answer).data)


class Scraper:
    """Who has the token of the metrics, and may read those alone."""

    pk = "metrics"
    is_authenticated = is_active = True

    def has_perm(self, permission: str) -> bool:
        """That one alone."""
        return permission == MEASURING


class MetricsTokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer <METRICS_TOKEN>`. Any other credential is for those that follow."""

    def authenticate(self, request: Request) -> tuple[Any, None] | None:
        """The scraper, or None."""
        expected = (conf().METRICS_TOKEN or "").encode()
        kind, _, given = get_authorization_header(request).partition(b" ")
        is_it = kind.lower() == b"bearer" and hmac.compare_digest(given.strip(), expected)
        return (Scraper(), None) if expected and is_it else None

    def authenticate_header(self, request: Request) -> str:
        """What a 401 asks for."""
        return 'Bearer realm="api"'


class AnyContent(BaseContentNegotiation):
    """The one renderer there is, whatever is asked for: the encoder looks at `Accept` itself."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        """The first."""
        return parsers[0]

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> tuple[Any, str]:
        """The first."""
        return renderers[0], renderers[0].media_type


class TextRenderer(BaseRenderer):
    """What is bytes as it is, and of an error its text."""

    media_type = "text/plain"
    format = "txt"

    def render(self, data: Any, *args: Any, **kwargs: Any) -> bytes:
        """The body."""
        if isinstance(data, bytes):
            return data
        return f"{(data or {}).get('detail', data)}\n".encode()


class PrometheusMissing(APIException):
    """This server was installed without what writes the metrics."""

    status_code = HTTP_501_NOT_IMPLEMENTED
    default_detail = 'Metrics need prometheus-client: pip install "scheduler_realtime[metrics]".'
    default_code = "not_implemented"


class MetricsViewSet(RealtimeViewSet):
    """The same for Prometheus, with a label for the node: any process answers for all."""

    authentication_classes = [
        MetricsTokenAuthentication,
        *RealtimeViewSet.authentication_classes,
    ]
    permission_classes = [IsAuthenticated, MayViewStatistics]
    renderer_classes = [TextRenderer]
    content_negotiation_class = AnyContent

    @described(
        operation_id="metrics",
        responses={
            (200, "text/plain"): OpenApiResponse(str, "In the format that `Accept` asks for."),
            (200, "application/openmetrics-text"): str,
            (501, "text/plain"): OpenApiResponse(str, "prometheus-client is not installed."),
        },
    )
    def list(self, request: Request) -> Response:
        """The same figures as text, for Prometheus."""
        try:
            body, content_type = metrics.text(request.headers.get("Accept", ""))
        except ImportError:
            raise PrometheusMissing from None
        return Response(body, content_type=content_type)
