"""Users, their groups, permissions and logins: what changes of them has them looked up again."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Final

from django.contrib.auth import get_user_model
from django.core.exceptions import FieldDoesNotExist
from django.db import Error, connections, models, transaction

from scheduler_realtime import identity, log, orders, revocation
from scheduler_realtime.values import Key
from scheduler_realtime.wire import plain

logger = logging.getLogger(__name__)

Model = type[models.Model]

NAMED: Final = 20
"""Users that a transaction names; one that changes more of them means everybody, in one row."""

_OF_NO_MATTER: Final = frozenset({"last_login"})
"""Fields of a user on which no right can depend: each login saves this one, alone."""

_MEMBERSHIPS: Final = ("groups", "user_permissions", "permissions")


@dataclass(frozen=True, kw_only=True, eq=False)
class _Told:
    """Left with a transaction by who told of it; Django takes it back with its savepoint."""

    users: frozenset[Key] | None
    is_late: bool

    def __call__(self) -> None:
        """After the commit: what is of another database than the log has no transaction with it."""
        if self.is_late:
            orders.look_up(self.users)


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
    if created or (update_fields is not None and _OF_NO_MATTER.issuperset(update_fields)):
        return
    _tell([instance.pk], using)


def on_user_deleted(sender: Model, instance: models.Model, using: str, **kwargs: Any) -> None:
    """Tell of a user who is no more."""
    _tell([instance.pk], using)


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
    if _has_changed(action, pk_set):
        _tell(pk_set if reverse else [instance.pk], using)


def on_group_saved(sender: Model, created: bool, using: str, **kwargs: Any) -> None:
    """A group was renamed, and whoever is in it has another role. A new one has no members."""
    if not created:
        _tell(None, using)


def on_everybodys_changed(
    sender: Model,
    using: str,
    action: str = "post_save",
    pk_set: set[Any] | None = None,
    **kwargs: Any,
) -> None:
    """A group is gone, has other permissions or members: who is in it is not asked for this."""
    if _has_changed(action, pk_set):
        _tell(None, using)


def _has_changed(action: str, pk_set: set[Any] | None) -> bool:
    """Whether a list has changed; None for one that was emptied, whatever was in it."""
    return action.startswith("post_") and (pk_set is None or bool(pk_set))


def on_blacklisted(sender: Model, instance: Any, created: bool, using: str, **kwargs: Any) -> None:
    """A refresh token was revoked, or replaced by another one that is written in a moment."""
    if created and instance.token.user_id is not None:
        after = revocation.ROTATION if revocation.is_rotating() else 0.0
        _tell([instance.token.user_id], using, after=after)


def on_logged_out(sender: Any, request: Any, user: Any, **kwargs: Any) -> None:
    """A session ended, and with it what its tickets opened. A token is another login, and goes on.

    A database that is out must keep nobody from logging out.
    """
    session_key = getattr(getattr(request, "session", None), "session_key", None)
    if user is None or session_key is None:
        return
    try:
        with transaction.atomic(using=log.database()):
            orders.end_session(identity.mark_of_session(session_key))
    except Error:
        logger.exception("The sockets of a session that ended could not be closed.")


def _tell(keys: Collection[Any] | None, using: str, *, after: float = 0) -> None:
    """Have users looked up, or everybody: once in a transaction, however often it changes them."""
    users = None if keys is None else frozenset(map(_key, keys))
    connection = connections[using]
    is_late = using != log.database()
    if connection.in_atomic_block and not after:
        told = [entry[1] for entry in connection.run_on_commit if isinstance(entry[1], _Told)]
        users = _untold(users, told)
        if users is not None and not users:
            return
        transaction.on_commit(_Told(users=users, is_late=is_late), using=using)
        if is_late:
            return
    if users is None or users:
        orders.look_up(users, after=after)


def _untold(users: frozenset[Key] | None, told: list[_Told]) -> frozenset[Key] | None:
    """Whom nobody told of yet, None where everybody is meant."""
    known: set[Key] = set()
    for each in told:
        if each.users is None:
            return frozenset()
        known |= each.users
    if users is None or len(users | known) > NAMED:
        return None
    return users - known


def _key(value: Any) -> Key:
    """The primary key as an identity has it, whatever it was given as."""
    model: Any = get_user_model()
    found: Key = plain(model._meta.pk.to_python(value))
    return found
