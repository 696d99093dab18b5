"""Every URL of the demo project; each API path works with and without a trailing slash."""

from django.contrib import admin
from django.urls import include, path, re_path
from rest_framework_simplejwt.views import TokenObtainPairView, TokenRefreshView

from project.scheduling.board import board

urlpatterns = [
    path("", board, name="board"),
    path("admin/", admin.site.urls),
    re_path(r"^api/token/?$", TokenObtainPairView.as_view(), name="token"),
    re_path(r"^api/token/refresh/?$", TokenRefreshView.as_view(), name="token-refresh"),
    path("api/ws/", include("scheduler_realtime.api.urls")),
    path("api/", include("project.scheduling.urls")),
]
