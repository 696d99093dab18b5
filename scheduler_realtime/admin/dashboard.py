"""The live dashboard: a page that is a client of the socket itself, and the tickets that open it."""

from __future__ import annotations

from typing import Any, Final

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, get_script_prefix, path
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from scheduler_realtime import clock, handshake, statistics, tickets
from scheduler_realtime.claims import claims_of_session
from scheduler_realtime.models import Node
from scheduler_realtime.permissions import MEASURING
from scheduler_realtime.wire import utc_text

MINUTES: Final = 15
"""What the charts show."""

_TEXTS: Final = {
    "connecting": _("Connecting…"),
    "live": _("Live"),
    "late": _("Not updated since {time}. Reconnecting…"),
    "never": _("Not connected yet. Trying again…"),
    "stale": _("Connected, but the server cannot read the log since {time}."),
    "stopped": _("Ended by an administrator at {time}. Reload the page to go on."),
    "forbidden": _("You may not use this socket."),
    "loggedOut": _("You are logged out since {time}. Reload the page to log in."),
    "table": _("Show as a table"),
    "time": _("Time"),
    "other": _("other"),
    "none": _("no data"),
    "nobody": _("Nobody is connected."),
    "noNodes": _("No node has reported."),
    "lowest": _("lowest"),
    "highest": _("highest"),
    "now": _("now"),
}
"""What the page's script says; in braces what it fills in."""


def may_watch(request: HttpRequest) -> bool:
    """Holders of the permission to see statistics."""
    return bool(request.user.has_perm(MEASURING))


def urls(site: Any) -> list[URLPattern]:
    """The page, and where it asks for tickets."""

    @require_safe
    def page(request: HttpRequest) -> HttpResponse:
        return _page(request, site)

    return [
        path("dashboard/", site.admin_view(page), name="scheduler_realtime_dashboard"),
        path(
            "dashboard/ticket/",
            site.admin_view(require_POST(_ticket)),
            name="scheduler_realtime_dashboard_ticket",
        ),
    ]


def _page(request: HttpRequest, site: Any) -> HttpResponse:
    if not may_watch(request):
        raise PermissionDenied
    context = {
        **site.each_context(request),
        "title": _("Live dashboard"),
        "opts": Node._meta,
        "history": statistics.history(minutes=MINUTES),
        "texts": _TEXTS,
        "now": utc_text(clock.now()),
        "socket": f"{get_script_prefix()}{handshake.PATH[1:]}",
    }
    request.current_app = site.name
    return TemplateResponse(request, "admin/scheduler_realtime/dashboard.html", context)


@never_cache
def _ticket(request: HttpRequest) -> HttpResponse:
    """A ticket for the session's user. The socket ends when the session does."""
    if not may_watch(request):
        raise PermissionDenied
    ticket = tickets.issue(claims_of_session(request.user, request.session))
    return JsonResponse({"ticket": ticket, "expires_in": tickets.LIFETIME}, status=201)
