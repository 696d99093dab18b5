"""Live connections in the admin, and the action that ends them on whichever node they are."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection
from typing import Any, Final

from django.contrib import admin, messages
from django.contrib.admin import helpers
from django.contrib.admin.models import DELETION, LogEntry
from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.text import Truncator
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from scheduler_realtime import living, log, orders
from scheduler_realtime.models import Connection
from scheduler_realtime.permissions import DISCONNECTING

from .filters import NodeFilter, PageFilter, RoleFilter
from .records import RecordAdmin, brief, listed, moment, over

_NAMED: Final = 200

# In this order: each claims to be those behind it as well.
_BROWSERS: Final = {"Edg": "Edge", "Firefox": "Firefox", "Chrome": "Chrome", "Version": "Safari"}
_SYSTEM: Final = re.compile(r"Windows|Android|iPhone|iPad|Macintosh|Linux")


@admin.register(Connection)
class ConnectionAdmin(RecordAdmin):
    """The sockets of the nodes that live."""

    list_display = ("person", "looked_at", "connected", "comes_from", "node")
    list_filter = (NodeFilter, RoleFilter, PageFilter)
    list_select_related = ("node",)
    search_fields = ("username", "current_page")
    search_help_text = _("A user name or a page.")
    ordering = ("-connected_at", "id")
    actions = ("disconnect",)
    fields = readonly_fields = (
        "id",
        "username",
        "role_names",
        "node",
        "page",
        "day",
        "connected_when",
        "last_seen_when",
        "address",
        "user_agent",
    )
    optional = ("page", "day")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Those of nodes whose lease runs: the others are gone, though not swept away yet."""
        return living.sockets().order_by(*self.ordering)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody deletes a row here; but whoever may delete a user takes the user's rows along.

        Django asks for it then, and would refuse to delete anybody who is connected.
        """
        match, user = request.resolver_match, get_user_model()._meta
        page = f"{user.app_label}_{user.model_name}_"
        return match is not None and (match.url_name or "").startswith(page)

    def has_disconnect_permission(self, request: HttpRequest) -> bool:
        """Those who may delete connections over REST."""
        return bool(request.user.has_perm(DISCONNECTING))

    @admin.action(permissions=["disconnect"], description=_("Disconnect"))
    def disconnect(
        self, request: HttpRequest, queryset: QuerySet[Connection]
    ) -> HttpResponse | None:
        """Ask whether these are meant, by name; then have them closed."""
        rows = list(queryset.select_related("node"))
        if "confirmed" in request.POST:
            self._disconnect(request, rows)
            return None
        return self._question(request, rows)

    def _disconnect(self, request: HttpRequest, rows: Collection[Connection]) -> None:
        user: Any = request.user
        with transaction.atomic(using=log.database()):
            orders.disconnect(str(row.pk) for row in rows)
            LogEntry.objects.log_actions(
                user.pk, rows, DELETION, gettext("Disconnected by an administrator.")
            )
        told = ngettext(
            "%(count)d connection is being closed.",
            "%(count)d connections are being closed.",
            len(rows),
        )
        self.message_user(request, told % {"count": len(rows)}, messages.SUCCESS)

    def _question(self, request: HttpRequest, rows: Collection[Connection]) -> HttpResponse:
        sockets = Counter(row.username for row in rows)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Disconnect"),
            "opts": self.model._meta,
            "rows": rows,
            "users": sorted(sockets.items())[:_NAMED],
            "user_count": len(sockets),
            "more": max(0, len(sockets) - _NAMED),
            "action_checkbox_name": helpers.ACTION_CHECKBOX_NAME,
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(
            request, "admin/scheduler_realtime/connection/disconnect.html", context
        )

    @admin.display(description=_("user"), ordering="username")
    def person(self, connection: Connection) -> str:
        """Who, and with which roles."""
        return over(connection.username, self.role_names(connection))

    @admin.display(description=_("roles"))
    def role_names(self, connection: Connection) -> str:
        """As one line."""
        return listed(connection.roles)

    @admin.display(description=_("connected"), ordering="connected_at")
    def connected(self, connection: Connection) -> str:
        """Since when, and when something came from it."""
        seen = gettext("seen %(time)s") % {"time": brief(connection.last_seen_at)}
        return over(brief(connection.connected_at), seen)

    @admin.display(description=_("connected"))
    def connected_when(self, connection: Connection) -> str:
        """Since when, in full."""
        return moment(connection.connected_at)

    @admin.display(description=_("last seen"))
    def last_seen_when(self, connection: Connection) -> str:
        """When something came from it, in full."""
        return moment(connection.last_seen_at)

    @admin.display(description=_("looks at"), ordering="current_page")
    def looked_at(self, connection: Connection) -> str:
        """The page, and the day on it."""
        return over(self.page(connection), self.day(connection))

    @admin.display(description=_("page"))
    def page(self, connection: Connection) -> str:
        """What is looked at."""
        return connection.current_page or ""

    @admin.display(description=_("day"))
    def day(self, connection: Connection) -> str:
        """The day that is looked at."""
        return connection.active_schedule_date or ""

    @admin.display(description=_("from"), ordering="address")
    def comes_from(self, connection: Connection) -> str:
        """The browser, and the address."""
        return over(self.browser(connection), connection.address)

    def browser(self, connection: Connection) -> str:
        """`Chrome 128, Linux`; of what is no browser, the beginning of its name."""
        agent = connection.user_agent
        system = _SYSTEM.search(agent)
        for mark, name in _BROWSERS.items():
            if system and (found := re.search(rf"\b{mark}\w*/(\d+)", agent)):
                return f"{name} {found[1]}, {system[0]}"
        return Truncator(agent).chars(24)
