"""Filters of the lists: none of them reads a whole table to know its choices."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from typing import Any, Final

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from scheduler_realtime import clock, lists, living
from scheduler_realtime.audience import addressed, permission_group, role_group
from scheduler_realtime.identity import identity_of
from scheduler_realtime.members import active_users, known_roles
from scheduler_realtime.messages import RESYNC, TYPES
from scheduler_realtime.registry import permissions

PAGES: Final = 20
"""Pages to choose from: those with the most people on them."""

Choices = Iterable[tuple[str, Any]]


class TypeFilter(admin.SimpleListFilter):
    """By the types that are kept in the log."""

    title = _("type")
    parameter_name = "type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        """The protocol's own."""
        durable = [name for name, payload in TYPES.items() if payload.durable]
        return [(name, name.replace("_", " ")) for name in [*durable, RESYNC]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Those of the type."""
        return queryset.filter(type=self.value()) if self.value() else queryset


class RoleFilter(admin.SimpleListFilter):
    """By a role among the names of a JSON list."""

    title = _("role")
    parameter_name = "role"
    column = "roles"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        """The roles that there are."""
        return [(role, role) for role in sorted(known_roles())]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Those that name the role."""
        role = self.value()
        if role is None:
            return queryset
        return queryset.filter(lists.having(self.column, self.entry(role)))

    def entry(self, role: str) -> str:
        """The role as it stands in the list."""
        return role


class AddressedRoleFilter(RoleFilter):
    """By a role that a message was addressed to."""

    title = _("role addressed")
    column = "groups"

    def entry(self, role: str) -> str:
        """The role's group."""
        return role_group(role)


class AgeFilter(admin.SimpleListFilter):
    """By when it was written."""

    title = _("time")
    parameter_name = "age"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        """From the last minutes to the last week."""
        return [
            ("15min", _("Past 15 minutes")),
            ("hour", _("Past hour")),
            ("today", _("Today")),
            ("yesterday", _("Yesterday")),
            ("week", _("Past 7 days")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Those of that time."""
        now = clock.now()
        midnight = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
        since = {
            "15min": now - dt.timedelta(minutes=15),
            "hour": now - dt.timedelta(hours=1),
            "today": midnight,
            "yesterday": midnight - dt.timedelta(days=1),
            "week": now - dt.timedelta(days=7),
        }.get(self.value() or "")
        if since is None:
            return queryset
        found = queryset.filter(created_at__gte=since)
        return found.filter(created_at__lt=midnight) if self.value() == "yesterday" else found


class UserFilter(admin.SimpleListFilter):
    """By a user whose name is typed: there are too many to list them."""

    template = "admin/scheduler_realtime/user_filter.html"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        """Nothing to choose from."""
        return ()

    def has_output(self) -> bool:
        """There is a field to type into."""
        return True

    def choices(self, changelist: Any) -> Iterator[Any]:
        """The field, and what else is asked for, to be kept."""
        kept = {k: v for k, v in changelist.params.items() if k not in (self.parameter_name, "p")}
        yield {
            "parameter": self.parameter_name,
            "value": self.value() or "",
            "kept": kept.items(),
            "all": changelist.get_query_string(remove=[self.parameter_name]),
        }

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Those of the user of that name; none where nobody has it."""
        if not self.value():
            return queryset
        users = active_users()
        model: Any = users.model
        user = users.filter((f"{model.USERNAME_FIELD}__iexact", self.value())).first()
        return queryset.none() if user is None else self.of(queryset, user)

    def of(self, queryset: QuerySet[Any], user: Any) -> QuerySet[Any]:
        """Those of that user."""
        raise NotImplementedError


class CausedByFilter(UserFilter):
    """By who caused it."""

    title = _("who caused it")
    parameter_name = "by"

    def of(self, queryset: QuerySet[Any], user: Any) -> QuerySet[Any]:
        """Those that the user caused."""
        return queryset.filter(actor=str(user.pk))


class HeardByFilter(UserFilter):
    """By who may hear it: by name, by a role or as one of all."""

    title = _("who hears it")
    parameter_name = "to"

    def of(self, queryset: QuerySet[Any], user: Any) -> QuerySet[Any]:
        """Those that are for the user, as the user's roles are now."""
        groups = identity_of(user).groups
        missing = [name for name in map(permission_group, permissions()) if name not in groups]
        heard = queryset.filter(lists.having_any("groups", addressed(groups)))
        return heard.exclude(lists.having_any("needs", missing)) if missing else heard


class NodeFilter(admin.SimpleListFilter):
    """By the process that holds the socket."""

    title = _("node")
    parameter_name = "node"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        """Those that live."""
        return [(str(each.pk), str(each)) for each in living.nodes()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Those of the node."""
        known = {key for key, _name in self.lookup_choices}
        return queryset.filter(node=self.value()) if self.value() in known else queryset


class PageFilter(admin.SimpleListFilter):
    """By the page that is looked at."""

    title = _("page")
    parameter_name = "page"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        """The pages with the most sockets, and how many."""
        rows = model_admin.get_queryset(request).exclude(current_page=None).order_by()
        counted = rows.values_list("current_page").annotate(sockets=Count("pk"))
        most = counted.order_by("-sockets", "current_page")[:PAGES]
        return [
            (page, gettext("%(page)s (%(count)d)") % {"page": page, "count": count})
            for page, count in most
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Those on the page."""
        return queryset if self.value() is None else queryset.filter(current_page=self.value())
