"""Conflicts and optimisation runs in the admin, as they were told."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.http import HttpRequest
from django.utils.text import Truncator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from scheduler_realtime import standing
from scheduler_realtime.messages import FINAL, ConflictNotification, OptimizationProgress
from scheduler_realtime.models import Conflict, OptimizationRun
from scheduler_realtime.permissions import CLEARANCE

from .filters import Choices
from .people import Directory
from .records import RecordAdmin, RecordList, brief, listed, moment, narrow, over, parsed, pretty


class _ChoiceFilter(admin.SimpleListFilter):
    """By a column with a few values, which the message's own model names."""

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """Those with the value."""
        return queryset.filter((self.parameter_name, self.value())) if self.value() else queryset


def _choices(payload: Any, name: str) -> Choices:
    return [(value, value) for value in payload.model_fields[name].annotation.__args__]


class ConflictStatusFilter(_ChoiceFilter):
    """By whether it is open."""

    title = _("status")
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        """The protocol's."""
        return _choices(ConflictNotification, "status")


class SeverityFilter(_ChoiceFilter):
    """By how bad it is."""

    title = _("severity")
    parameter_name = "severity"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        """The protocol's."""
        return _choices(ConflictNotification, "severity")


class RunStatusFilter(_ChoiceFilter):
    """By how far it is."""

    title = _("status")
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        """The protocol's."""
        return _choices(OptimizationProgress, "status")


class StandingList(RecordList):
    """A page of conflicts or runs, without what the reader may not see."""

    def get_results(self, request: HttpRequest) -> None:
        """As Django does."""
        super().get_results(request)
        self.result_list = [_shown(each, request) for each in self.result_list]


class StandingAdmin(RecordAdmin):
    """What conflicts and runs have in common: protected fields are neither shown nor searched."""

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        """Those that the reader may read: a search in another would tell it, letter by letter."""
        hidden = standing.withheld(self.model, is_cleared=_is_cleared(request))
        return tuple(name for name in self.search_fields if name not in hidden)

    def lookup_allowed(self, lookup: str, value: str, request: Any = None) -> bool:
        """Those of the filters, for the same reason."""
        return lookup in {getattr(each, "parameter_name", "") for each in self.list_filter}

    def get_object(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """One of them, without what the reader may not see."""
        found = super().get_object(request, *args, **kwargs)
        return None if found is None else _shown(found, request)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Likewise."""
        return StandingList


def _is_cleared(request: HttpRequest) -> bool:
    return bool(request.user.has_perm(CLEARANCE))


def _shown(row: Any, request: HttpRequest) -> Any:
    return standing.redacted(row, is_cleared=_is_cleared(request))


@admin.register(Conflict)
class ConflictAdmin(StandingAdmin):
    """Conflicts, open and resolved."""

    list_display = ("named", "state", "severity", "about", "days", "opened")
    list_filter = (ConflictStatusFilter, SeverityFilter)
    search_fields = ("conflict_id", "conflict_type", "description")
    search_help_text = _("An identifier, a type or words of the description.")
    fields = readonly_fields = (
        "conflict_id",
        "status",
        "severity",
        "conflict_type",
        "description",
        "model",
        "surgeries",
        "actions_suggested",
        "in_rooms",
        "days",
        "opened_when",
        "resolved_when",
        "known_to",
    )
    optional = ("surgeries", "actions_suggested", "in_rooms", "days", "resolved_when")

    @admin.display(description=_("conflict"), ordering="conflict_id")
    def named(self, conflict: Conflict) -> str:
        """Its identifier and its type."""
        return over(conflict.conflict_id, conflict.conflict_type.replace("_", " "))

    @admin.display(description=_("status"), ordering="status")
    def state(self, conflict: Conflict) -> str:
        """Whether it is open; since when not."""
        return over(conflict.status, brief(conflict.resolved_at))

    @admin.display(description=_("description"))
    def about(self, conflict: Conflict) -> str:
        """Its beginning."""
        return Truncator(conflict.description).chars(100)

    @admin.display(description=_("affected surgeries"))
    def surgeries(self, conflict: Conflict) -> str:
        """Their keys."""
        return listed(conflict.affected_surgeries)

    @admin.display(description=_("suggested actions"))
    def actions_suggested(self, conflict: Conflict) -> str:
        """Line by line; what is more than words as it was told."""
        actions = parsed(conflict.suggested_actions)
        if all(isinstance(action, str) for action in actions or ()):
            return "\n".join(actions or ())
        return pretty(actions)

    @admin.display(description=_("rooms"))
    def in_rooms(self, conflict: Conflict) -> str:
        """Their keys."""
        return listed(conflict.rooms)

    @admin.display(description=_("days"))
    def days(self, conflict: Conflict) -> str:
        """Which."""
        return listed(conflict.dates)

    @admin.display(description=_("opened"), ordering="opened_at")
    def opened(self, conflict: Conflict) -> str:
        """When."""
        return narrow(conflict.opened_at)

    @admin.display(description=_("opened"))
    def opened_when(self, conflict: Conflict) -> str:
        """When, in full."""
        return moment(conflict.opened_at)

    @admin.display(description=_("resolved"))
    def resolved_when(self, conflict: Conflict) -> str:
        """When, in full."""
        return moment(conflict.resolved_at)

    @admin.display(description=_("known to"))
    def known_to(self, conflict: Conflict) -> str:
        """Who may know."""
        return _audience(conflict.groups)


@admin.register(OptimizationRun)
class OptimizationRunAdmin(StandingAdmin):
    """Optimisations, running and ended."""

    list_display = ("optimization_id", "state", "progress", "best_score", "started", "updated")
    list_filter = (RunStatusFilter,)
    search_fields = ("optimization_id",)
    search_help_text = _("An identifier.")
    fields = readonly_fields = (
        "optimization_id",
        "status",
        "why",
        "progress",
        "current_iteration",
        "total_iterations",
        "current_score",
        "best_score",
        "took",
        "figures",
        "started_by",
        "started_when",
        "updated_when",
        "cancel_asked",
        "heard_of_until",
        "known_to",
    )
    optional = ("why", "took", "started_by", "cancel_asked", "heard_of_until")

    @admin.display(description=_("status"), ordering="status")
    def state(self, run: OptimizationRun) -> str:
        """How it stands; while it runs, whether it was asked to end."""
        is_awaited = run.cancel_asked_at is not None and run.status not in FINAL
        return over(run.status, gettext("cancel asked") if is_awaited else "")

    @admin.display(description=_("reason"))
    def why(self, run: OptimizationRun) -> str:
        """Why it failed, in words for a screen."""
        return run.reason or ""

    @admin.display(description=_("progress"), ordering="progress_percentage")
    def progress(self, run: OptimizationRun) -> str:
        """How far."""
        return f"{run.progress_percentage:.0f} %"

    @admin.display(description=_("time elapsed"))
    def took(self, run: OptimizationRun) -> str:
        """So many seconds."""
        return "" if run.time_elapsed is None else f"{run.time_elapsed:.1f} s"

    @admin.display(description=_("metrics"))
    def figures(self, run: OptimizationRun) -> str:
        """As the engine told them."""
        return pretty(parsed(run.metrics))

    @admin.display(description=_("started by"))
    def started_by(self, run: OptimizationRun) -> str:
        """Who."""
        return Directory((), [run.actor] if run.actor else []).person(run.actor)

    @admin.display(description=_("started"), ordering="started_at")
    def started(self, run: OptimizationRun) -> str:
        """When."""
        return narrow(run.started_at)

    @admin.display(description=_("started"))
    def started_when(self, run: OptimizationRun) -> str:
        """When, in full."""
        return moment(run.started_at)

    @admin.display(description=_("updated"), ordering="updated_at")
    def updated(self, run: OptimizationRun) -> str:
        """When it was last heard of."""
        return narrow(run.updated_at)

    @admin.display(description=_("updated"))
    def updated_when(self, run: OptimizationRun) -> str:
        """When it was last heard of, in full."""
        return moment(run.updated_at)

    @admin.display(description=_("cancel asked"))
    def cancel_asked(self, run: OptimizationRun) -> str:
        """When, in full."""
        return moment(run.cancel_asked_at)

    @admin.display(description=_("fails unless heard of until"))
    def heard_of_until(self, run: OptimizationRun) -> str:
        """When its lease ends, in full; of a run that was told by hand nobody knows."""
        return moment(run.lease_until)

    @admin.display(description=_("known to"))
    def known_to(self, run: OptimizationRun) -> str:
        """Who may know."""
        return _audience(run.groups)


def _audience(text: str) -> str:
    groups = parsed(text) or []
    return Directory(groups).audience(groups, most=50)
