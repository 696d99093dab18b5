"""The form of a notification: checked by the message's own model, fault by fault at its field."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, Final, get_args

from django import forms
from django.contrib.admin.widgets import AutocompleteSelectMultiple
from django.contrib.auth import get_user_model
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from scheduler_realtime import clock
from scheduler_realtime.audience import Audience
from scheduler_realtime.members import active_users, known_roles, members_of
from scheduler_realtime.messages import SystemNotification, faults_in
from scheduler_realtime.models import Connection

from .people import named

LINKS: Final = 5
"""Action items at the most: nobody reads more."""

_SEVERITIES: Final = {
    "info": _("Information"),
    "warning": _("Warning"),
    "error": _("Error"),
    "critical": _("Critical"),
}

_MINUTES: Final = "%Y-%m-%dT%H:%M"


class PeopleSelect(AutocompleteSelectMultiple):
    """Django's own autocomplete, asking who may send rather than who may see all users."""

    def get_url(self) -> str:
        """Where people are searched for."""
        return reverse(f"{self.admin_site.name}:scheduler_realtime_message_people")


class PeopleField(forms.ModelMultipleChoiceField):
    """Users, by full name and user name."""

    def label_from_instance(self, obj: Any) -> str:
        """As everywhere in this admin."""
        return named(obj)


class NotificationForm(forms.Form):
    """To whom, what and until when."""

    audience = forms.ChoiceField(
        label=_("To"),
        choices=[("everyone", _("Everyone")), ("some", _("Only these roles and people"))],
        widget=forms.RadioSelect,
        initial="some",
    )
    roles = forms.MultipleChoiceField(
        label=_("Roles"), required=False, widget=forms.CheckboxSelectMultiple
    )
    users = PeopleField(label=_("People"), required=False, queryset=None)
    title = forms.CharField(
        label=_("Title"), max_length=200, widget=forms.TextInput(attrs={"class": "vTextField"})
    )
    message = forms.CharField(
        label=_("Message"),
        max_length=2000,
        widget=forms.Textarea(attrs={"class": "vLargeTextField", "rows": 5}),
    )
    severity = forms.ChoiceField(
        label=_("Severity"),
        choices=[
            (name, _SEVERITIES.get(name, name))
            for name in get_args(SystemNotification.model_fields["severity"].annotation)
        ],
        initial="info",
    )
    expires_at = forms.DateTimeField(
        label=_("Expires"),
        required=False,
        help_text=_("Who comes later does not see it any more. Empty: it does not expire."),
        input_formats=[_MINUTES, f"{_MINUTES}:%S"],
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format=_MINUTES),
    )
    ack_required = forms.BooleanField(
        label=_("Must be acknowledged"),
        required=False,
        help_text=_("It comes again until each has acknowledged it, and you see who has."),
    )

    def __init__(self, admin_site: Any, data: Any = None) -> None:
        super().__init__(data)
        roles: Any = self.fields["roles"]
        roles.choices = [(role, role) for role in sorted(known_roles())]
        people: Any = self.fields["users"]
        people.queryset = active_users().order_by(get_user_model().USERNAME_FIELD)
        widget = PeopleSelect(Connection._meta.get_field("user"), admin_site)
        widget.choices = people.choices
        people.widget = widget
        self.links: Any = _LinkFormSet(data, prefix="links")

    def is_valid(self) -> bool:
        """Field by field, link by link, then by the model of the message: all faults at once."""
        are_filled_in = super().is_valid() & self.links.is_valid()
        self._note(faults_in(SystemNotification, self.payload()))
        return are_filled_in and not self.errors and not any(self.links.errors)

    def clean_message(self) -> str:
        """With the line ends of every other message, not those of a form."""
        text: str = self.cleaned_data["message"]
        return text.replace("\r\n", "\n")

    def clean_expires_at(self) -> dt.datetime | None:
        """A moment still to come."""
        moment: dt.datetime | None = self.cleaned_data["expires_at"]
        if moment is not None and moment <= clock.now():
            raise forms.ValidationError(_("This lies in the past: nobody would see the message."))
        return moment

    def clean(self) -> dict[str, Any]:
        """Somebody has to be there to hear it."""
        values = dict(super().clean() or self.cleaned_data)
        if {"audience", "roles", "users"} <= values.keys():
            if values["audience"] == "some" and not values["roles"] and not values["users"]:
                self.add_error("audience", _("Choose a role or a person, or send it to everyone."))
            elif not self.receivers(values):
                self.add_error("audience", _("Nobody is in these roles: nobody would hear it."))
        return values

    def aim(self, values: dict[str, Any] | None = None) -> dict[str, Any]:
        """`users` and `roles` as `publish` takes them."""
        said = values or self.cleaned_data
        if said["audience"] == "everyone":
            return {"users": None, "roles": None}
        return {"users": [user.pk for user in said["users"]], "roles": said["roles"]}

    def receivers(self, values: dict[str, Any] | None = None) -> frozenset[Any]:
        """The primary keys of all whom it will reach."""
        return members_of(Audience(**self.aim(values)).groups)

    def payload(self) -> dict[str, Any]:
        """The `data` of the message."""
        said = self.cleaned_data
        items = [
            {"label": link.get("label", ""), "url": link.get("url", "")}
            for link in map(self._said, self.links)
            if link
        ]
        words = {name: said.get(name, "") for name in ("title", "message", "severity")}
        return words | {"action_items": items}

    @property
    def severity_label(self) -> Any:
        """How bad it is, in words."""
        return _SEVERITIES.get(self.cleaned_data["severity"], self.cleaned_data["severity"])

    def _said(self, link: Any) -> dict[str, Any]:
        return link.cleaned_data if link.has_changed() else {}

    def _note(self, faults: dict[str, list[str]]) -> None:
        """Put each fault where its value was typed: `data.action_items.0.url`, `data.title`."""
        filled = [link for link in self.links if self._said(link)]
        for name, reasons in faults.items():
            form: Any = self
            field: str | None = None
            match name.split("."):
                case ["data", "action_items", number, part] if number.isdecimal():
                    form, field = filled[int(number)], part
                case ["data", part, *_rest] if part in self.fields:
                    field = part
            if field not in form.errors:  # of what could not be read there is nothing to judge
                form.add_error(field, reasons)

    def kept(self) -> Sequence[tuple[str, str]]:
        """Everything as it was typed, to be carried from step to step."""
        typed: Any = self.data
        return [
            (name, value)
            for name, values in typed.lists()
            for value in values
            if name not in ("csrfmiddlewaretoken", "step", "key")
        ]


class LinkForm(forms.Form):
    """Something to click."""

    label = forms.CharField(label=_("Label"), max_length=100)
    url = forms.CharField(
        label=_("Address"),
        max_length=2000,
        widget=forms.TextInput(attrs={"class": "vTextField", "placeholder": "/"}),
    )


_LinkFormSet: Any = forms.formset_factory(
    LinkForm, extra=LINKS, max_num=LINKS, absolute_max=LINKS, validate_max=True
)
