"""The REST API of the schedule: rooms to read, surgeries to read and to change."""

from datetime import date
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from rest_framework import mixins, viewsets
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from . import day
from .models import OperatingRoom, Surgery
from .serializers import DayFilter, RoomSerializer, SurgerySerializer


def asked_date(request: Request) -> date | None:
    """The `?date=` of a request; None without one. Raises `ValidationError` for a malformed one."""
    query = DayFilter(data=request.query_params)
    query.is_valid(raise_exception=True)
    asked: date | None = query.validated_data.get("date")
    return asked


class RoomViewSet(viewsets.ReadOnlyModelViewSet):
    """All rooms, also with a `?date=`: an empty room is part of every day's board."""

    queryset = OperatingRoom.objects.all()
    serializer_class = RoomSerializer

    def filter_queryset(self, queryset: QuerySet[OperatingRoom]) -> QuerySet[OperatingRoom]:
        asked_date(self.request)
        return super().filter_queryset(queryset)


class SurgeryViewSet(
    mixins.CreateModelMixin,
    mixins.DestroyModelMixin,
    mixins.UpdateModelMixin,
    viewsets.ReadOnlyModelViewSet,
):
    """All surgeries, or with a `?date=` those that take up any moment of that local day."""

    queryset = Surgery.objects.select_related("room", "surgeon", "anaesthetist")
    serializer_class = SurgerySerializer
    http_method_names = ["get", "post", "patch", "delete", "head", "options"]

    def get_queryset(self) -> QuerySet[Surgery]:
        queryset = super().get_queryset()
        if self.action == "partial_update":
            return queryset.select_for_update(of=("self",))
        return queryset

    @transaction.atomic
    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().partial_update(request, *args, **kwargs)

    def filter_queryset(self, queryset: QuerySet[Surgery]) -> QuerySet[Surgery]:
        queryset = super().filter_queryset(queryset)
        if self.action != "list" or (asked := asked_date(self.request)) is None:
            return queryset
        try:
            return queryset.filter(day.during(asked))
        except OverflowError:
            raise ValidationError({"date": ["This day is beyond the calendar."]}) from None
