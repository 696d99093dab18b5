"""The REST API's paths."""

from django.urls import re_path
from rest_framework.routers import SimpleRouter

from .optimizations import Optimizations
from .people import Me, People
from .views import RoomViewSet, SurgeryViewSet

router = SimpleRouter()
router.trailing_slash = "/?"
router.register("rooms", RoomViewSet, basename="room")
router.register("surgeries", SurgeryViewSet, basename="surgery")

urlpatterns = [
    re_path(r"^optimizations/?$", Optimizations.as_view(), name="optimizations"),
    re_path(r"^me/?$", Me.as_view(), name="me"),
    re_path(r"^people/?$", People.as_view(), name="people"),
    *router.urls,
]
