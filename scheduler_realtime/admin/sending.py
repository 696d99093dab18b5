"""Sending a notification from the admin: a form, a preview that names its receivers, and once."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from typing import Any, Final

from django.contrib import messages
from django.contrib.admin.models import ADDITION, LogEntry
from django.contrib.admin.options import get_content_type_for_model
from django.core import signing
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.generic import View

from scheduler_realtime import log
from scheduler_realtime.messages import SystemNotification, protected_by_setting
from scheduler_realtime.models import Message
from scheduler_realtime.permissions import BROADCASTING
from scheduler_realtime.publishing import publish

from .notification import NotificationForm
from .people import found_by, named, names_of

PREVIEW_AGE: Final = 600
"""Seconds for which a preview may be sent: so long the log keeps a message for certain, and knows
that it was sent."""

_SALT: Final = "scheduler_realtime.admin.sending"
_NAMED: Final = 12
_FOUND: Final = 20


def may_send(request: HttpRequest) -> bool:
    """Holders of the permission to broadcast."""
    return bool(request.user.has_perm(BROADCASTING))


class PeopleView(View):
    """Finds people by name, as Django's autocomplete asks."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """Twenty at a time."""
        if not may_send(request):
            raise PermissionDenied
        text = request.GET.get("page", "1")
        start = _FOUND * (max(1, int(text[:6])) - 1) if text.isdecimal() else 0
        people = list(found_by(request.GET.get("term", ""))[start : start + _FOUND + 1])
        results = [{"id": str(user.pk), "text": named(user)} for user in people[:_FOUND]]
        return JsonResponse({"results": results, "pagination": {"more": len(people) > _FOUND}})


class Sender:
    """Answers one request of the form: to fill it in, to look at it, to go back, to send it."""

    def __init__(self, model_admin: Any, request: HttpRequest) -> None:
        self._admin = model_admin
        self._request = request

    def answer(self) -> HttpResponse:
        """The page of the step that the request is at."""
        request = self._request
        if not may_send(request):
            raise PermissionDenied
        if request.method != "POST":
            return self._form(NotificationForm(self._admin.admin_site))
        form = NotificationForm(self._admin.admin_site, request.POST)
        step = request.POST.get("step")
        if step == "back":
            form.is_valid()
            return self._form(form)
        if not form.is_valid():
            return self._form(form)
        return self._send(form) if step == "send" else self._preview(form)

    def _form(self, form: NotificationForm) -> HttpResponse:
        faulty = form.is_bound and not form.is_valid()
        return self._page("notification", form=form, media=form.media, faulty=faulty)

    def _preview(self, form: NotificationForm, *, is_late: bool = False) -> HttpResponse:
        receivers = form.receivers()
        return self._page(
            "preview",
            form=form,
            payload=form.payload(),
            expires_at=form.cleaned_data["expires_at"],
            ack_required=form.cleaned_data["ack_required"],
            receivers=receivers,
            sentence=_reach(receivers),
            is_late=is_late,
            key=signing.dumps(str(uuid.uuid4()), salt=_SALT),
        )

    def _page(self, name: str, **more: Any) -> HttpResponse:
        site, request = self._admin.admin_site, self._request
        context = {
            **site.each_context(request),
            "title": gettext_lazy("Send notification"),
            "opts": self._admin.opts,
            "has_view_permission": self._admin.has_view_permission(request),
        }
        request.current_app = site.name
        template = f"admin/scheduler_realtime/message/{name}.html"
        return TemplateResponse(request, template, context | more)

    def _send(self, form: NotificationForm) -> HttpResponse:
        try:
            text = self._request.POST.get("key", "")
            key = uuid.UUID(signing.loads(text, salt=_SALT, max_age=PREVIEW_AGE))
        except signing.BadSignature:
            return self._preview(form, is_late=True)
        count = len(form.receivers())
        try:
            message = self._sent_once(form, key, count)
        except IntegrityError:
            message = Message.objects.using(log.database()).get(key=key)
            return self._done(
                message, messages.INFO, _("{message} was sent already, and only once.")
            )
        told = ngettext(
            "{message} was sent to {count} person.", "{message} was sent to {count} people.", count
        )
        return self._done(message, messages.SUCCESS, told, count=count)

    def _sent_once(self, form: NotificationForm, key: uuid.UUID, count: int) -> Message:
        """The message; `IntegrityError` where the log has one of that key, and so has this preview."""
        said = form.cleaned_data
        user: Any = self._request.user
        with transaction.atomic(using=log.database()):
            message = publish(
                SystemNotification.checked(form.payload()),
                **form.aim(),
                user_id=user.pk,
                ack_required=said["ack_required"],
                expires_at=said["expires_at"],
                key=key,
            )
            assert message is not None  # noqa: S101 - a notification is kept in the log
            LogEntry.objects.create(
                user_id=user.pk,
                content_type=get_content_type_for_model(message),
                object_id=str(message.pk),
                object_repr=_named(message, said["title"]),
                action_flag=ADDITION,
                change_message=ngettext(
                    "Sent to %(count)d person.", "Sent to %(count)d people.", count
                )
                % {"count": count},
            )
        return message

    def _done(self, message: Message, level: int, told: str, **facts: int) -> HttpResponse:
        """Back to where one came from, with a link to the message where one may see it."""
        site, title = self._admin.admin_site.name, _("The notification")
        shown: Any = title
        if may_see := self._admin.has_view_permission(self._request):
            url = reverse(f"{site}:scheduler_realtime_message_change", args=[message.pk])
            shown = format_html('<a href="{}">{}</a>', url, title)
        self._admin.message_user(self._request, format_html(told, message=shown, **facts), level)
        page = "scheduler_realtime_message_changelist" if may_see else "index"
        return HttpResponseRedirect(reverse(f"{site}:{page}"))


def _named(message: Message, title: str) -> str:
    """The title, where everybody may read it who may read what administrators did."""
    is_open = "title" not in protected_by_setting(SystemNotification.type)
    return title if is_open else str(message)


def _reach(receivers: Collection[Any]) -> str:
    """How many, and who: `This will be sent to 42 people: ...`."""
    names = sorted(names_of({str(key) for key in sorted(receivers, key=str)[:_NAMED]}).values())
    told = ", ".join(names)
    if (more := len(receivers) - len(names)) > 0:
        told = ngettext("%(told)s and %(more)d more", "%(told)s and %(more)d more", more) % {
            "told": told,
            "more": more,
        }
    sentence = ngettext(
        "This will be sent to %(count)d person: %(told)s.",
        "This will be sent to %(count)d people: %(told)s.",
        len(receivers),
    )
    return sentence % {"count": len(receivers), "told": told}
