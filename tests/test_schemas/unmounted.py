"""URLs of a host that has sockets alone."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
