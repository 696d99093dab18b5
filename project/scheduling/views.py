"""The REST API of the schedule: rooms to read, surgeries to read and to change."""

from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from rest_framework import mixins, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from .filters import DuringDay, EveryDay
from .models import OperatingRoom, Surgery
from .serializers import RoomSerializer, SurgerySerializer


class RoomViewSet(viewsets.ReadOnlyModelViewSet):
    """All rooms, whatever the date."""

    queryset = OperatingRoom.objects.all()
    serializer_class = RoomSerializer
    filter_backends = [EveryDay]


class SurgeryViewSet(
    mixins.CreateModelMixin,
    mixins.DestroyModelMixin,
    mixins.UpdateModelMixin,
    viewsets.ReadOnlyModelViewSet,
):
    """All surgeries, or those of one day."""

    queryset = Surgery.objects.select_related("room", "surgeon", "anaesthetist")
    serializer_class = SurgerySerializer
    filter_backends = [DuringDay]
    http_method_names = ["get", "post", "patch", "delete", "head", "options"]

    def get_queryset(self) -> QuerySet[Surgery]:
        queryset = super().get_queryset()
        if self.action == "partial_update":
            # Two changes at once must not each be checked against what the other is replacing.
            return queryset.select_for_update(of=("self",))
        return queryset

    @transaction.atomic
    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().partial_update(request, *args, **kwargs)
