"""URLs of a host that puts ours elsewhere."""

from django.urls import include, path

urlpatterns = [path("hospital/live/", include("scheduler_realtime.api.urls"))]
