"""What `?date=` does to a list."""

from datetime import date
from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.filters import BaseFilterBackend
from rest_framework.request import Request
from rest_framework.views import APIView

from . import day


class DateQuery(serializers.Serializer):
    date = serializers.DateField(required=False, input_formats=["%Y-%m-%d"])


def asked_date(request: Request) -> date | None:
    """The `?date=` of a request; None without one. Raises `ValidationError` for a malformed one."""
    query = DateQuery(data=request.query_params.dict())
    query.is_valid(raise_exception=True)
    asked: date | None = query.validated_data.get("date")
    return asked


class DuringDay(BaseFilterBackend):
    """Keeps the surgeries that take up any moment of that local day."""

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: APIView) -> Any:
        asked = asked_date(request)
        if asked is None:
            return queryset
        try:
            return queryset.filter(day.during(asked))
        except OverflowError:
            problem = {"date": ["This day is beyond the calendar."]}
            raise serializers.ValidationError(problem) from None


class EveryDay(BaseFilterBackend):
    """Understands a date, and keeps everything: an empty room is part of any day's board."""

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: APIView) -> Any:
        asked_date(request)
        return queryset
