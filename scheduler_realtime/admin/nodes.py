"""Nodes in the admin: the processes that hold sockets, and the dashboard of them all."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.urls import URLPattern
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from scheduler_realtime import clock
from scheduler_realtime.models import Connection, Node

from . import dashboard
from .records import RecordAdmin, brief, parsed, pretty


@admin.register(Node)
class NodeAdmin(RecordAdmin):
    """The nodes, and what each last said of itself. Whoever may see the dashboard sees them there."""

    list_display = ("name", "since", "lease", "sockets", "lag", "versions")
    list_display_links = ("name",)
    search_fields = ("hostname",)
    search_help_text = _("A host.")
    fields = readonly_fields = (
        "id",
        "name",
        "since",
        "lease",
        "sockets",
        "lag",
        "versions",
        "told",
    )

    def get_urls(self) -> list[URLPattern]:
        """With the dashboard, and the tickets for its socket."""
        return [*dashboard.urls(self.admin_site), *super().get_urls()]

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Also by the statistics, which tell the same."""
        return super().has_view_permission(request, obj) or dashboard.may_watch(request)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With how many sockets each holds."""
        rows = super().get_queryset(request)
        own = Connection.objects.using(rows.db).filter(node=OuterRef("pk")).order_by()
        held = own.values("node").annotate(held=Count("pk")).values("held")
        counted: QuerySet[Any] = rows.annotate(held=Coalesce(Subquery(held), 0))
        return counted

    @admin.display(description=_("node"), ordering="hostname")
    def name(self, node: Node) -> str:
        """Host and process."""
        return str(node)

    @admin.display(description=_("since"), ordering="started_at")
    def since(self, node: Node) -> str:
        """When it started."""
        return brief(node.started_at)

    @admin.display(description=_("lease"), ordering="lease_until")
    def lease(self, node: Node) -> str:
        """Whether it lives."""
        until = {"until": brief(node.lease_until)}
        if node.lease_until > clock.now():
            return gettext("lives, until %(until)s at the least") % until
        return gettext("gone, not heard of since %(until)s") % until

    @admin.display(description=_("connections"), ordering="held")
    def sockets(self, node: Any) -> int:
        """How many."""
        return int(node.held)

    @admin.display(description=_("behind the log"))
    def lag(self, node: Node) -> str:
        """By how many seconds, as it said."""
        seconds = _report(node).get("hub_lag_seconds")
        return f"{seconds:.1f} s" if isinstance(seconds, int | float) else ""

    @admin.display(description=_("versions"))
    def versions(self, node: Node) -> str:
        """Of the software it runs."""
        found = _report(node).get("versions")
        if not isinstance(found, dict):
            return ""
        return ", ".join(f"{name} {version}" for name, version in found.items())

    @admin.display(description=_("report"))
    def told(self, node: Node) -> str:
        """All that it said of itself, but for the histograms: the dashboard has what they tell."""
        return pretty({k: v for k, v in _report(node).items() if not k.startswith("latency")})


def _report(node: Node) -> dict[str, Any]:
    """What a node said; of another version, or unreadable, it may be anything."""
    found = parsed(node.report)
    return found if isinstance(found, dict) else {}
