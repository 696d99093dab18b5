"""Users, their groups, permissions and logins: what changes of them has them looked up again."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from typing import Any, Final

from django.core.exceptions import FieldDoesNotExist
from django.db import Error, models, transaction

from scheduler_realtime import log, orders, revocation
from scheduler_realtime.claims import mark_of_session

from . import telling

logger = logging.getLogger(__name__)

Model = type[models.Model]

_OF_NO_MATTER: Final = frozenset({"last_login"})
"""Fields of a user on which no right can depend: each login saves this one, alone."""

_MEMBERSHIPS: Final = ("groups", "user_permissions", "permissions")


def memberships(model: Model) -> Iterator[Model]:
    """The tables between users or groups and what gives them rights."""
    for field in _fields(model):
        yield field.remote_field.through


def group_models(user_model: Model) -> set[Model]:
    """What a user is a member of: Django's groups, or the host's own."""
    return {field.related_model for field in _fields(user_model) if field.name == "groups"}


def _fields(model: Model) -> Iterator[Any]:
    for name in _MEMBERSHIPS:
        try:
            field: Any = model._meta.get_field(name)
        except FieldDoesNotExist:
            continue
        if field.many_to_many and not field.auto_created:
            yield field


def on_user_saved(
    sender: Model,
    instance: models.Model,
    created: bool,
    using: str,
    update_fields: Collection[str] | None,
    **kwargs: Any,
) -> None:
    """Tell of every save that may matter: what it changed would cost a query to know."""
    if created:
        telling.note_new(instance.pk, using)
    elif update_fields is None or not _OF_NO_MATTER.issuperset(update_fields):
        telling.tell_of([instance.pk], using)


def on_user_deleted(sender: Model, instance: models.Model, using: str, **kwargs: Any) -> None:
    """Tell of a user who is no more."""
    telling.tell_of([instance.pk], using)


def on_membership_changed(
    sender: Model,
    instance: models.Model,
    action: str,
    reverse: bool,
    pk_set: set[Any] | None,
    using: str,
    **kwargs: Any,
) -> None:
    """Tell whose groups or permissions changed, from whichever side."""
    if not _has_changed(action, pk_set):
        return
    if not reverse:
        telling.tell_of([instance.pk], using)
    elif pk_set is not None:
        telling.tell_of(pk_set, using)
    else:
        telling.tell_of_everybody(using)


def on_group_saved(sender: Model, created: bool, using: str, **kwargs: Any) -> None:
    """A group was renamed, and whoever is in it has another role. A new one has no members."""
    if not created:
        telling.tell_of_everybody(using)


def on_everybodys_changed(
    sender: Model,
    using: str,
    action: str = "post_save",
    pk_set: set[Any] | None = None,
    **kwargs: Any,
) -> None:
    """A group is gone, has other permissions or members: who is in it is not asked for this."""
    if _has_changed(action, pk_set):
        telling.tell_of_everybody(using)


def _has_changed(action: str, pk_set: set[Any] | None) -> bool:
    """Whether a list has changed; None for one that was emptied, whatever was in it."""
    return action.startswith("post_") and (pk_set is None or bool(pk_set))


def on_blacklisted(sender: Model, instance: Any, created: bool, using: str, **kwargs: Any) -> None:
    """A refresh token was revoked, or replaced by another one that is written in a moment."""
    if created and instance.token.user_id is not None:
        after = revocation.ROTATION if revocation.is_rotating() else 0.0
        telling.tell_of([instance.token.user_id], using, after=after)


def on_logged_out(sender: Any, request: Any, user: Any, **kwargs: Any) -> None:
    """A session ended, and with it what its tickets opened. A token is another login, and goes on.

    A database that is out must keep nobody from logging out.
    """
    session_key = getattr(getattr(request, "session", None), "session_key", None)
    if user is None or session_key is None:
        return
    try:
        with transaction.atomic(using=log.database()):
            orders.end_session(mark_of_session(session_key))
    except Error:
        logger.exception("The sockets of a session that ended could not be closed.")
