"""Credentials that only we know of: a token as we take it, and the one Prometheus has."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension

from .shapes import Schema


class _AccessToken(OpenApiAuthenticationExtension):
    """An access token of whoever has not logged out."""

    target_class = "scheduler_realtime.api.base.TokenAuthentication"
    name = "jwtAuth"

    def get_security_definition(self, auto_schema: Any) -> Schema:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}


class _MetricsToken(OpenApiAuthenticationExtension):
    """`METRICS_TOKEN`, which is no JWT."""

    target_class = "scheduler_realtime.api.statistics.MetricsTokenAuthentication"
    name = "metricsToken"

    def get_security_definition(self, auto_schema: Any) -> Schema:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "The setting `METRICS_TOKEN`, where there is one.",
        }
