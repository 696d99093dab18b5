"""The paths of the REST API, with and without a trailing slash.

path("api/ws/", include("scheduler_realtime.api.urls"))
"""

from __future__ import annotations

from rest_framework.routers import SimpleRouter

from .messages import MessageViewSet
from .tickets import TicketViewSet

app_name = "scheduler_realtime"

router = SimpleRouter()
router.trailing_slash = "/?"
router.register("messages", MessageViewSet, basename="message")
router.register("ticket", TicketViewSet, basename="ticket")

urlpatterns = router.urls
