"""Who may see who is here, as `PRESENCE_VISIBLE_TO` says."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from django.core.exceptions import ImproperlyConfigured
from django.db.models import Q, QuerySet

from scheduler_realtime import lists, log
from scheduler_realtime.audience import EVERYONE, PRESENCE_WATCHERS, role_group, user_group
from scheduler_realtime.conf import conf
from scheduler_realtime.models import Presence
from scheduler_realtime.permissions import is_name


class Viewer(Protocol):
    """Who looks: an `Identity`."""

    @property
    def user_id(self) -> int | str: ...
    @property
    def roles(self) -> tuple[str, ...]: ...
    @property
    def groups(self) -> frozenset[str]: ...


def permission() -> str | None:
    """The permission without which one sees but oneself; None where none decides."""
    value = conf().PRESENCE_VISIBLE_TO
    return value if is_name(value) else None


def check() -> None:
    """Raise `ImproperlyConfigured` where the setting says nothing."""
    value = conf().PRESENCE_VISIBLE_TO
    if value not in {"everyone", "role"} and permission() is None:
        raise ImproperlyConfigured(
            "SCHEDULER_REALTIME['PRESENCE_VISIBLE_TO'] must be 'everyone', 'role' or a permission,"
            f" as 'app_label.codename', not {value!r}."
        )


def hearers(user_id: int | str, roles: Iterable[str]) -> frozenset[str]:
    """The groups of those who may see a user with these roles: whoever is in one of them."""
    match conf().PRESENCE_VISIBLE_TO:
        case "everyone":
            return frozenset({EVERYONE})
        case "role":
            return frozenset({user_group(user_id), *map(role_group, roles)})
        case _:
            return frozenset({user_group(user_id), PRESENCE_WATCHERS})


def seen_by(viewer: Viewer) -> QuerySet[Presence]:
    """Who is here, on all nodes, as far as this user may see: those in their grace included."""
    here = Presence.objects.using(log.database())
    setting = conf().PRESENCE_VISIBLE_TO
    if setting == "everyone" or (setting != "role" and PRESENCE_WATCHERS in viewer.groups):
        return here
    seen = Q(user=viewer.user_id)
    if setting == "role":
        seen |= lists.having_any("roles", viewer.roles)
    return here.filter(seen)
