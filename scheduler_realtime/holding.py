"""Holding: which users have which permissions, asked for many of both in one query."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import reduce
from operator import or_
from typing import Any, Final

from django.contrib.auth import get_backends, get_user_model
from django.db import models, router

Holders = Mapping[str, frozenset[Any] | None]
"""By permission, the primary keys of those who have it; None where only `has_perm` can tell."""

UNKNOWN: Final[Holders] = {}


def holders_of(permissions: Iterable[str], users: Iterable[Any]) -> Holders:
    """Who of these users has which of the permissions, active or not, in one query."""
    wanted = frozenset(permissions)
    if not wanted or not _tables_decide():
        return dict.fromkeys(wanted)
    people = list(users)
    found = {name: {user.pk for user in people if user.is_superuser} for name in wanted}
    for user_id, app, codename in _rows(wanted, [user.pk for user in people]):
        found[f"{app}.{codename}"].add(user_id)
    return {name: frozenset(keys) for name, keys in found.items()}


def has(user: Any, permission: str, known: Holders = UNKNOWN) -> bool:
    """Whether the user has the permission: of those that are known, or else as `has_perm` says."""
    holders = known.get(permission)
    if holders is not None:
        return bool(user.is_active) and user.pk in holders
    # A user model need not know permissions at all.
    return hasattr(user, "has_perm") and bool(user.has_perm(permission))


def _tables_decide() -> bool:
    """Whether Django's own tables say all there is to say of who has what."""
    # Not at the top: there are no models before `django.setup()`.
    from django.contrib.auth.backends import ModelBackend
    from django.contrib.auth.models import PermissionsMixin

    model: Any = get_user_model()
    return getattr(model, "has_perm", None) is PermissionsMixin.has_perm and all(
        getattr(type(backend), name, None) is getattr(ModelBackend, name)
        for backend in get_backends()
        for name in dir(ModelBackend)
        if "perm" in name and name != "with_perm"
    )


def _rows(permissions: Iterable[str], keys: Collection[Any]) -> models.QuerySet[Any, Any]:
    """User, app and codename, of what is a user's own and of what groups give."""
    own = _given("user_permissions", "", permissions, keys)
    return own.union(_given("groups", "__permissions", permissions, keys))


def _given(
    name: str, onwards: str, permissions: Iterable[str], keys: Collection[Any]
) -> models.QuerySet[Any, Any]:
    """The same, of the list `name` of a user."""
    model: Any = get_user_model()
    field = model._meta.get_field(name)
    user = field.m2m_field_name()
    app = f"{field.m2m_reverse_field_name()}{onwards}__content_type__app_label"
    codename = f"{field.m2m_reverse_field_name()}{onwards}__codename"
    parted = (permission.partition(".") for permission in permissions)
    any_of = reduce(or_, (models.Q(**{app: a, codename: c}) for a, _, c in parted))
    # The write alias: a replica may not know yet what was taken from somebody.
    table = field.remote_field.through._default_manager.using(router.db_for_write(model))
    rows: models.QuerySet[Any, Any] = table.filter(any_of, **{f"{user}__in": keys})
    return rows.order_by().values_list(user, app, codename)
