"""The paths of the REST API, with and without a trailing slash.

path("api/ws/", include("scheduler_realtime.api.urls"))
"""

from __future__ import annotations

from django.urls import re_path
from rest_framework.routers import SimpleRouter

from .broadcasts import BroadcastViewSet
from .cleanup import CleanupViewSet
from .health import HealthViewSet
from .messages import MessageViewSet
from .statistics import MetricsViewSet, StatisticsViewSet
from .tickets import TicketViewSet

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

urlpatterns = [
    *router.urls,
    re_path(r"^notify/system/?$", BroadcastViewSet.as_view({"post": "notify"}), name="notify"),
]
