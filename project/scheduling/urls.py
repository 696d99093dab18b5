"""The REST API's paths."""

from rest_framework.routers import SimpleRouter

from .views import RoomViewSet, SurgeryViewSet

router = SimpleRouter()
router.trailing_slash = "/?"
router.register("rooms", RoomViewSet, basename="room")
router.register("surgeries", SurgeryViewSet, basename="surgery")

urlpatterns = router.urls
