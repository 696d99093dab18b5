"""The paths of the REST API, with and without a trailing slash.

path("api/ws/", include("scheduler_realtime.api.urls"))
"""

from __future__ import annotations

from django.urls import re_path
from rest_framework.routers import SimpleRouter

from .broadcasts import BroadcastViewSet
from .messages import MessageViewSet
from .schemas import SchemaViewSet
from .tickets import TicketViewSet

app_name = "scheduler_realtime"

router = SimpleRouter()
router.trailing_slash = "/?"
router.register("messages", MessageViewSet, basename="message")
router.register("ticket", TicketViewSet, basename="ticket")

router.register("broadcast", BroadcastViewSet, basename="broadcast")

urlpatterns = [
    *router.urls,
    re_path(r"^notify/system/?$", BroadcastViewSet.as_view({"post": "notify"}), name="notify"),
    re_path(
        r"^schema/asyncapi\.json/?$", SchemaViewSet.as_view({"get": "asyncapi"}), name="asyncapi"
    ),
    re_path(r"^schema/openapi\.json/?$", SchemaViewSet.as_view({"get": "openapi"}), name="openapi"),
]
