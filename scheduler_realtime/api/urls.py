"""The paths of the REST API, with and without a trailing slash.

path("api/ws/", include("scheduler_realtime.api.urls"))
"""

from __future__ import annotations

from django.urls import re_path
from rest_framework.routers import SimpleRouter

from .broadcasts import BroadcastViewSet
from .cleanup import CleanupViewSet
from .conflicts import ConflictViewSet
from .connections import ConnectionViewSet
from .health import HealthViewSet
from .messages import MessageViewSet
from .optimizations import OptimizationViewSet
from .schemas import SchemaViewSet
from .statistics import MetricsViewSet, StatisticsViewSet
from .tickets import TicketViewSet
from .users import ActiveUserViewSet

app_name = "scheduler_realtime"

router = SimpleRouter()
router.trailing_slash = "/?"
router.register("messages", MessageViewSet, basename="message")
router.register("ticket", TicketViewSet, basename="ticket")
router.register("broadcast", BroadcastViewSet, basename="broadcast")
router.register("cleanup", CleanupViewSet, basename="cleanup")
router.register("statistics", StatisticsViewSet, basename="statistics")
router.register("metrics", MetricsViewSet, basename="metrics")
router.register("health", HealthViewSet, basename="health")
router.register("connections", ConnectionViewSet, basename="connection")
router.register("conflicts", ConflictViewSet, basename="conflict")
router.register("optimizations", OptimizationViewSet, basename="optimization")

urlpatterns = [
    *router.urls,
    re_path(r"^notify/system/?$", BroadcastViewSet.as_view({"post": "notify"}), name="notify"),
    re_path(r"^users/active/?$", ActiveUserViewSet.as_view({"get": "list"}), name="active-users"),
    re_path(
        r"^schema/asyncapi\.json/?$", SchemaViewSet.as_view({"get": "asyncapi"}), name="asyncapi"
    ),
    re_path(r"^schema/openapi\.json/?$", SchemaViewSet.as_view({"get": "openapi"}), name="openapi"),
]
