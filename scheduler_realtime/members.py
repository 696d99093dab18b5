"""Members: the users that groups stand for now, whether or not anybody of them is connected."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import FieldDoesNotExist
from django.db import models, router

from .audience import EVERYONE, permission_in, role_group, user_group
from .conf import conf
from .holding import has, holders_of
from .identity import has_groups, roles_of, value_in
from .paging import pages
from .wire import plain

_USER = "user."
_PAGE = 500


def members_of(groups: Collection[str], *, needs: Collection[str] = ()) -> frozenset[Any]:
    """The primary keys of the active users in any of these groups, and in all of `needs`.

    A few queries where roles are Django's groups; with `ROLES` of the host's own, its function is
    asked for every active user. Each 500 users cost two more where there are needs.
    """
    found = _in_any(groups)
    return _holding(found, [permission_in(name) for name in needs]) if needs else found


def _holding(keys: Collection[Any], permissions: Collection[str]) -> frozenset[Any]:
    """Those of the users who hold all of the permissions."""
    found: set[Any] = set()
    for page in pages(keys, _PAGE):
        users = list(active_users().filter(pk__in=page))
        known = holders_of(permissions, users)
        found.update(u.pk for u in users if all(has(u, held, known) for held in permissions))
    return frozenset(found)


def _in_any(groups: Collection[str]) -> frozenset[Any]:
    users = active_users()
    if EVERYONE in groups:
        return frozenset(users.values_list("pk", flat=True))
    found = _named(users, groups)
    if all(name.startswith(_USER) for name in groups):
        return found
    if conf().ROLES is not None or any(not name.startswith((_USER, "role")) for name in groups):
        return found | frozenset(_asked_one_by_one(users, groups))
    return found | _by_role(users, groups)


def meant_by(word: str) -> list[Any]:
    """The users whom a person may mean by a word: by primary key, and by user name."""
    users = _users()
    meant = models.Q(pk__in=())
    for column in (users.model._meta.pk, users.model._meta.get_field(users.model.USERNAME_FIELD)):
        if (value := value_in(column, word)) is not None:
            meant |= models.Q(**{column.name: value})
    return list(users.filter(meant))


def some_superuser() -> Any:
    """An active superuser, or None where there is none."""
    users = active_users()
    has_superusers = _has_column(users.model, "is_superuser")
    return users.filter(is_superuser=True).order_by("pk").first() if has_superusers else None


def unknown_users(keys: Collection[int | str]) -> list[int | str]:
    """Those of these primary keys that no user has. A query for each 500."""
    users = _users()
    column: Any = users.model._meta.pk
    values = {key: value_in(column, key) for key in keys}
    wanted = [value for value in values.values() if value is not None]
    found: set[Any] = set()
    for page in pages(wanted, _PAGE):
        found.update(users.filter(pk__in=page).values_list("pk", flat=True))
    return [key for key, value in values.items() if value not in found]


def unknown_roles(roles: Collection[str]) -> list[str]:
    """Those of these that are no role of anybody, or of no group where roles are Django's groups."""
    known = known_roles() if roles else frozenset()
    return [role for role in roles if role not in known]


def known_roles() -> frozenset[str]:
    """Django's groups by name, and `admin`; with `ROLES` of the host's own, what anybody has.

    One query, or the host's function asked for every active user.
    """
    users = active_users()
    if conf().ROLES is not None:
        return frozenset(r for user in users.iterator(chunk_size=_PAGE) for r in roles_of(user))
    known = {"admin"} if _has_column(users.model, "is_superuser") else set()
    if has_groups(users.model):
        kind: Any = users.model._meta.get_field("groups").related_model
        known |= set(kind._default_manager.using(users.db).values_list("name", flat=True))
    return frozenset(known)


def _users() -> models.QuerySet[Any]:
    model = get_user_model()
    return model._default_manager.using(router.db_for_write(model)).order_by()


def active_users() -> models.QuerySet[Any]:
    """Those whom a message may reach, where they are written."""
    users = _users()
    return users.filter(is_active=True) if _has_column(users.model, "is_active") else users


def _has_column(model: Any, name: str) -> bool:
    try:
        return bool(model._meta.get_field(name).concrete)
    except FieldDoesNotExist:
        return False


def _named(users: models.QuerySet[Any], groups: Collection[str]) -> frozenset[Any]:
    column: Any = users.model._meta.pk
    named = [name.removeprefix(_USER) for name in groups if name.startswith(_USER)]
    keys = [key for name in named if (key := value_in(column, name)) is not None]
    found: set[Any] = set()
    for page in pages(keys, _PAGE):
        found.update(users.filter(pk__in=page).values_list("pk", flat=True))
    return frozenset(found)


def _by_role(users: models.QuerySet[Any], groups: Collection[str]) -> frozenset[Any]:
    condition = models.Q(pk__in=())
    if role_group("admin") in groups and _has_column(users.model, "is_superuser"):
        condition |= models.Q(is_superuser=True)
    if has_groups(users.model):
        kind: Any = users.model._meta.get_field("groups").related_model
        names = kind._default_manager.using(users.db).values_list("name", flat=True)
        condition |= models.Q(groups__name__in=[n for n in names if role_group(n) in groups])
    return frozenset(users.filter(condition).values_list("pk", flat=True))


def _asked_one_by_one(users: models.QuerySet[Any], groups: Collection[str]) -> Iterator[Any]:
    rows = users.prefetch_related("groups") if has_groups(users.model) else users
    for user in rows.iterator(chunk_size=_PAGE):
        own = {user_group(plain(user.pk)), *map(role_group, roles_of(user))}
        if not own.isdisjoint(groups):
            yield user.pk
