"""People: users as an administrator reads them and finds them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from scheduler_realtime.audience import EVERYONE, role_group
from scheduler_realtime.identity import value_in
from scheduler_realtime.members import active_users, known_roles

_USER = "user."
_ROLE = "role."


def named(user: Any) -> str:
    """`Miriam Fuchs (nurse)`, or the user name alone."""
    full = getattr(user, "get_full_name", str)()
    name = str(user.get_username())
    return f"{full} ({name})" if full and full != name else name


def found_by(term: str) -> QuerySet[Any]:
    """The active users whose names have all these words in them."""
    users = active_users()
    model: Any = users.model
    names = {model.USERNAME_FIELD, "first_name", "last_name"}
    columns = [each.name for each in model._meta.concrete_fields if each.name in names]
    for word in term.split():
        condition = Q()
        for column in columns:
            condition |= Q((f"{column}__icontains", word))
        users = users.filter(condition)
    return users.order_by(model.USERNAME_FIELD)


class Directory:
    """The names behind groups and primary keys, looked up together: two queries at the most."""

    def __init__(self, groups: Collection[str], keys: Collection[str] = ()) -> None:
        wanted = {name.removeprefix(_USER) for name in groups if name.startswith(_USER)}
        self._people = names_of(wanted | set(keys))
        is_hashed = any(name.startswith("role-hash.") for name in groups)
        self._roles = {role_group(role): role for role in known_roles()} if is_hashed else {}

    def person(self, key: str | None) -> str:
        """The user of that primary key; the key itself for a service, and for who is deleted."""
        return "" if key is None else self._people.get(key, key)

    def group(self, name: str) -> str:
        """Everyone, a role or a user."""
        if name == EVERYONE:
            return _("everyone")
        if name.startswith(_USER):
            return self.person(name.removeprefix(_USER))
        return _("role %(role)s") % {"role": self._roles.get(name, name.removeprefix(_ROLE))}

    def audience(self, groups: Collection[str], *, most: int) -> str:
        """Who is meant, in words: roles before people, and of many the first few."""
        listed = in_order(groups)
        told = ", ".join(map(self.group, listed[:most]))
        more = len(listed) - most
        return _("%(told)s and %(more)d more") % {"told": told, "more": more} if more > 0 else told


def in_order(groups: Collection[str]) -> list[str]:
    """Everyone, roles, users."""
    return sorted(groups, key=lambda name: (name.startswith(_USER), name))


def names_of(keys: Collection[str]) -> dict[str, str]:
    """By primary key, as text, the names of those users that there are. One query."""
    model: Any = get_user_model()
    values = {value_in(model._meta.pk, key) for key in keys} - {None}
    if not values:
        return {}
    users = model._default_manager.using(active_users().db).filter(pk__in=values)
    return {str(user.pk): named(user) for user in users}
