"""Messages in the admin: the log to read and to search, and who has what of it."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _

from scheduler_realtime import log
from scheduler_realtime.conf import conf
from scheduler_realtime.messages import CONTROL
from scheduler_realtime.models import Message
from scheduler_realtime.permissions import CLEARANCE, WATCHING
from scheduler_realtime.wire import dumps

from . import sending, told
from .filters import (
    AddressedRoleFilter,
    AgeFilter,
    CausedByFilter,
    HeardByFilter,
    TypeFilter,
)
from .receipts import standings_of
from .records import MOST, RecordAdmin, RecordList, moment, narrow, pretty, under

_NAMED_ON_ITS_PAGE = 50


class MessageList(RecordList):
    """A page of messages, with the names in them looked up at once."""

    def get_queryset(self, request: HttpRequest, *args: Any, **kwargs: Any) -> QuerySet[Any]:
        """What has its place. The rest gets it within a moment, or the dashboard shows the lag."""
        return super().get_queryset(request, *args, **kwargs).exclude(position=None)

    def get_results(self, request: HttpRequest) -> None:
        """As Django does, and what may be told of each."""
        super().get_results(request)
        self.result_list = list(self.result_list)
        told.tell(self.result_list, is_cleared=_is_cleared(request))


@admin.register(Message)
class MessageAdmin(RecordAdmin):
    """The log. To add a message is to send a notification."""

    list_display = ("position", "written_at", "text", "to", "caused_by")
    list_display_links = ("position", "text")
    list_filter = (TypeFilter, AgeFilter, AddressedRoleFilter, HeardByFilter, CausedByFilter)
    search_fields = ("body",)
    search_help_text = _(
        "Words of the message, its position or its key. The newest %(most)d that fit can be"
        " paged through."
    ) % {"most": MOST}
    ordering = ("-position",)
    fields = readonly_fields = (
        "position",
        "key",
        "type",
        "written",
        "caused_by",
        "to_all",
        "needed",
        "left",
        "ack_required",
        "expires",
        "payload",
        "withheld",
    )
    optional = ("needed", "left", "expires", "withheld")

    def get_urls(self) -> list[URLPattern]:
        """With the search for people of the form that sends."""
        view = self.admin_site.admin_view(sending.PeopleView.as_view())
        people = path("people/", view, name="scheduler_realtime_message_people")
        return [people, *super().get_urls()]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Those who may broadcast."""
        return sending.may_send(request)

    def add_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """The form that sends a notification."""
        return sending.Sender(self, request).answer()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """All but the orders to hubs."""
        return super().get_queryset(request).exclude(type=CONTROL)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Ours."""
        return MessageList

    def lookup_allowed(self, lookup: str, value: str, request: Any = None) -> bool:
        """Those of the filters: `?body__contains=` would tell by its results what nobody may read."""
        return lookup in {each.parameter_name for each in self.list_filter}

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Those with all the words in them, of which nothing is protected from the reader.

        A search that looked into what it may not show would tell it, letter by letter.
        """
        if not search_term:
            return queryset, False
        withheld = Q(type__in=list(conf().PROTECTED_FIELDS))
        readable = Q() if _is_cleared(request) else Q(protected=dumps([])) & ~withheld
        found = Q(readable)
        for word in search_term.split():
            found &= Q(body__icontains=dumps(word)[1:-1])
        return queryset.filter(found | _named_by(search_term.strip())), False

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        """One of them, and what may be told of it."""
        message = super().get_object(request, object_id, from_field)
        if message is not None:
            most = _NAMED_ON_ITS_PAGE
            told.tell([message], is_cleared=_is_cleared(request), most=most)
        return message

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """With who has it, for those who may know."""
        context = dict(extra_context or {})
        if request.user.has_perm(WATCHING):
            context |= self._receipts(request, object_id)
        return super().change_view(request, object_id, form_url, context)

    def _receipts(self, request: HttpRequest, object_id: str) -> dict[str, Any]:
        found = self.get_object(request, object_id)
        position = found and found.position
        if not position or not (message := log.at_positions([position]).get(position)):
            return {}
        standings = standings_of(message)
        return {"standings": standings, "page": standings.page(request.GET.get("page"))}

    @admin.display(description=_("time"))
    def written(self, message: Any) -> str:
        """When, in full."""
        return moment(message.created_at)

    @admin.display(description=_("time"), ordering="position")
    def written_at(self, message: Any) -> str:
        """When."""
        return narrow(message.created_at)

    @admin.display(description=_("caused by"))
    def caused_by(self, message: Any) -> str:
        """Who."""
        return str(message.told.actor)

    @admin.display(description=_("to"))
    def to(self, message: Any) -> str:
        """Whom."""
        return str(message.told.audience())

    @admin.display(description=_("to"))
    def to_all(self, message: Any) -> str:
        """Whom, of fewer messages more."""
        return str(message.told.audience(_NAMED_ON_ITS_PAGE))

    @admin.display(description=_("of them, holders of"))
    def needed(self, message: Any) -> str:
        """The permissions that whoever hears it holds."""
        return str(message.told.needed)

    @admin.display(description=_("told only that it is gone"))
    def left(self, message: Any) -> str:
        """Whose sight the object left."""
        return str(message.told.left(_NAMED_ON_ITS_PAGE))

    @admin.display(description=_("message"))
    def text(self, message: Any) -> str:
        """Its type, and a line of it."""
        return under(str(message.type).replace("_", " "), message.told.text)

    @admin.display(description=_("expires"))
    def expires(self, message: Any) -> str:
        """When."""
        return moment(message.expires_at)

    @admin.display(description=_("payload"))
    def payload(self, message: Any) -> str:
        """What was sent."""
        return pretty(message.told.data)

    @admin.display(description=_("left out"))
    def withheld(self, message: Any) -> str:
        """What the reader may not see."""
        return ", ".join(message.told.withheld)


def _is_cleared(request: HttpRequest) -> bool:
    return bool(request.user.has_perm(CLEARANCE))


def _named_by(term: str) -> Q:
    """The message with that position or that key."""
    if term.isascii() and term.isdecimal() and int(term) <= log.MOST:
        return Q(position=int(term))
    try:
        return Q(key=uuid.UUID(term))
    except ValueError:
        return Q(pk__in=())
