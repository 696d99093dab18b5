"""Credentials that only we know of: the token by which Prometheus reads the metrics."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension

from .shapes import Schema


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
