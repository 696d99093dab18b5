"""What may be asked of lists: by user, role, node, page, room and day."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.forms import CharField, DateField, Field
from django_filters import Filter, FilterSet
from drf_spectacular.utils import extend_schema_field

from scheduler_realtime import lists
from scheduler_realtime.identity import value_in
from scheduler_realtime.schemas import KEY


class _UserField(CharField):
    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        found = value_in(get_user_model()._meta.pk, text) if text else None
        if text and found is None:
            raise ValidationError("No user has such a key.")
        return found


@extend_schema_field(KEY)
class UserFilter(Filter):
    """By a user's primary key, as it stands on the wire."""

    field_class = _UserField


class _NodeField(CharField):
    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        hostname, colon, pid = text.rpartition(":")
        if text and not (hostname and colon and pid.isdecimal() and len(pid) < 10):
            raise ValidationError("A node is written hostname:pid.")
        return (hostname, int(pid)) if text else None


@extend_schema_field({"type": "string", "pattern": "^[0-9A-Za-z.-]+:[0-9]{1,9}$"})
class NodeFilter(Filter):
    """By a process: `hostname:pid`."""

    field_class = _NodeField

    def filter(self, qs: QuerySet[Any], value: Any) -> QuerySet[Any]:
        """Those on that node."""
        return qs if value is None else qs.filter(node__hostname=value[0], node__pid=value[1])


@extend_schema_field({"type": "string"})
class TextFilter(Filter):
    """By a text, as it is."""

    field_class: type[Field] = CharField


class RoleFilter(TextFilter):
    """By the name of a role, among others."""

    def filter(self, qs: QuerySet[Any], value: str) -> QuerySet[Any]:
        """Those whose list has it."""
        return qs.filter(lists.having("roles", value)) if value else qs


class TouchingFilter(TextFilter):
    """By one of several: whoever is not known to touch anything may touch this."""

    def filter(self, qs: QuerySet[Any], value: Any) -> QuerySet[Any]:
        """Those whose list has it, or is empty."""
        column = str(self.field_name)
        has = lists.having(column, str(value)) | lists.empty(column)
        return qs.filter(has) if value else qs


@extend_schema_field({"type": "string", "format": "date"})
class DayFilter(TouchingFilter):
    """The same by a day, `YYYY-MM-DD`."""

    field_class = DateField


class ConnectionFilter(FilterSet):
    """The parameters of `GET connections`."""

    user = UserFilter(field_name="user")
    role = RoleFilter(field_name="roles", max_length=150)
    node = NodeFilter(field_name="node", max_length=300)
    current_page = TextFilter(field_name="current_page", max_length=200)


class ConflictFilter(FilterSet):
    """The parameters of `GET conflicts`."""

    room = TouchingFilter(field_name="rooms", max_length=200)
    date = DayFilter(field_name="dates", input_formats=["%Y-%m-%d"])
