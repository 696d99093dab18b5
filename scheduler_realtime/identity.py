"""From a token to an identity: who is at a socket, in which groups, cleared for what, until when."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from django.contrib.auth import get_user_model
from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured, ValidationError
from django.db import Error, models, router
from django.utils.module_loading import import_string

from . import close_codes, pacing, presence, registry, revocation
from .audience import (
    PRESENCE_WATCHERS,
    RECEIPT_WATCHERS,
    STATISTICS_WATCHERS,
    groups_of,
    permission_group,
)
from .claims import Claims, claims_in, password_mark_of
from .clean_text import clean_line
from .conf import conf
from .exceptions import TokenRejected
from .gathering import PerLoop
from .holding import UNKNOWN, Holders, has, holders_of
from .permissions import CLEARANCE, MEASURING, WATCHING
from .wire import plain

logger = logging.getLogger(__name__)

_WATCHERS: Final = ((WATCHING, RECEIPT_WATCHERS), (MEASURING, STATISTICS_WATCHERS))
"""A permission, and the group that its holders are in; which sees who is here, a setting says."""


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Who is at a socket. Immutable: what changes is another identity for the same socket.

    By `password_mark` it is seen that the password is another one, whatever the token says of it.
    """

    user_id: int | str
    username: str
    roles: tuple[str, ...]
    groups: frozenset[str]
    is_cleared: bool
    is_active: bool
    claims: Claims
    password_mark: str | None = field(default=None, compare=False, repr=False)

    @cached_property
    def listener(self) -> tuple[int | str, frozenset[str]]:
        """Who is there, for whoever must know it to tell what is theirs."""
        return (self.user_id, self.groups)


def verify(token: str) -> Claims:
    """The claims of a simplejwt access token. Raises `TokenRejected` for every other text."""
    # Not at the top: simplejwt cannot be imported before `django.setup()`.
    from rest_framework_simplejwt.exceptions import TokenError
    from rest_framework_simplejwt.tokens import AccessToken

    try:
        return claims_in(AccessToken(token))  # type: ignore[arg-type]  # it takes text as well
    # A header nested a thousand levels deep is read before its signature is looked at.
    except (TokenError, KeyError, ValueError, TypeError, RecursionError):
        raise _unauthenticated("The token is not a valid access token.") from None


def token_settings() -> Any:
    """simplejwt's settings, as they are now."""
    from rest_framework_simplejwt.settings import api_settings

    return api_settings


def token_for(user: Any, *, lifetime: dt.timedelta) -> str:
    """A fresh access token of this user, as a login would give one."""
    from rest_framework_simplejwt.tokens import AccessToken

    token = AccessToken.for_user(user)
    token.set_exp(lifetime=lifetime)
    return str(token)


def _unauthenticated(detail: str) -> TokenRejected:
    return TokenRejected(detail, close_code=close_codes.UNAUTHENTICATED)


def _unavailable() -> TokenRejected:
    return TokenRejected("Try again later.", close_code=close_codes.AT_CAPACITY)


def identities(claims: Collection[Claims]) -> dict[Claims, Identity | None]:
    """The users behind claims, in three queries where Django's own tables decide everything.

    One more where simplejwt has its blacklist. None for a user that does not exist, has logged out, or whose password is not the token's any
    more; left out is whom the host's own code failed for. Blocks on the database: for the books thread.
    """
    from rest_framework_simplejwt.settings import api_settings

    model: Any = get_user_model()
    name = api_settings.USER_ID_FIELD
    column = model._meta.pk if name == "pk" else model._meta.get_field(name)
    asked = {claim: value_in(column, claim.user_key) for claim in claims}
    # The write alias: a replica may not know yet that somebody was locked out.
    rows = model._default_manager.using(router.db_for_write(model)).filter(
        **{f"{column.name}__in": [value for value in asked.values() if value is not None]}
    )
    groups = ["groups"] if has_groups(model) else []
    users = {getattr(user, column.attname): user for user in rows.prefetch_related(*groups)}
    keys = [user.pk for user in users.values()]
    holders = holders_of(
        {CLEARANCE, *(held for held, _ in _groups_by_permission())}, users.values()
    )
    logouts = revocation.logouts(keys)
    found: dict[Claims, Identity | None] = {}
    for claim, value in asked.items():
        try:
            user = users.get(value)
            is_over = user is None or _is_revoked(user, claim, logouts.get(user.pk))
            found[claim] = None if is_over else identity_of(user, claim, holders)
        except Error:
            raise
        except Exception:
            logger.exception("Who user %r is could not be told.", claim.user_key)
    return found


def value_in(column: Any, key: int | str) -> Any:
    """The key as the column has it, or None for one that it cannot have."""
    try:
        # No database compares what it could not store.
        value = column.to_python(plain(key))
        if isinstance(column, models.IntegerField):
            # Beyond its range a database refuses the whole query, and with it everybody's.
            column.run_validators(value)
    except (ValidationError, ValueError, TypeError):
        return None
    return value


def _is_revoked(user: Any, claims: Claims, logout: revocation.Logout | None) -> bool:
    from rest_framework_simplejwt.settings import api_settings

    if api_settings.CHECK_REVOKE_TOKEN and claims.password_mark != password_mark_of(user):
        return True
    # A session's ticket says nothing of when a token was issued, and outlives every token.
    return logout is not None and claims.issued_at is not None and logout.ends(claims.issued_at)


def identity_of(user: Any, claims: Claims | None = None, holders: Holders = UNKNOWN) -> Identity:
    """What a user is and may see now. Asks the database for what is not told yet."""
    roles = roles_of(user)
    groups = groups_of(plain(user.pk), roles)
    groups |= {group for held, group in _groups_by_permission() if has(user, held, holders)}
    return Identity(
        user_id=plain(user.pk),
        username=clean_line(user.get_username()),
        roles=roles,
        groups=groups,
        is_cleared=has(user, CLEARANCE, holders),
        is_active=user.is_active,
        claims=claims or Claims(user_key=user.pk, expires_at=float("inf"), password_mark=None),
        password_mark=password_mark_of(user),
    )


def _groups_by_permission() -> Iterator[tuple[str, str]]:
    """Permissions, and the group that each one's holders are in."""
    yield from _WATCHERS
    if (seeing := presence.permission()) is not None:
        yield seeing, PRESENCE_WATCHERS
    for demanded in registry.permissions():
        yield demanded, permission_group(demanded)


def roles_of(user: Any) -> tuple[str, ...]:
    """The names of a user's roles, sorted, as the host or Django's groups have them."""
    if (path := conf().ROLES) is not None:
        names = import_string(path)(user)
        if isinstance(names, str):
            raise ImproperlyConfigured(f"{path} must return a list of role names, not one text.")
    else:
        names = [group.name for group in user.groups.all()] if has_groups(user) else []
        names += ["admin"] if getattr(user, "is_superuser", False) else []
    return tuple(sorted({str(plain(name)) for name in names}))


def has_groups(user: Any) -> bool:
    """Whether a user, or the user model, has groups as Django's have them."""
    try:
        return bool(user._meta.get_field("groups").many_to_many)
    except FieldDoesNotExist:
        return False


def admitted(identity: Identity | None) -> Identity:
    """The identity, if it may hold a socket open. Raises `TokenRejected` with the close code."""
    if identity is None:
        raise _unauthenticated("The token's user does not exist, or it was revoked.")
    if not identity.is_active:
        raise TokenRejected("The user is inactive.", close_code=close_codes.FORBIDDEN)
    return identity


def readmitted(before: Identity, identity: Identity | None) -> Identity:
    """The identity, if a socket that was opened as `before` may stay. Raises likewise.

    A new password ends it also where tokens do not tell whether their password is the user's.
    """
    known = admitted(identity)
    if before.password_mark is not None and before.password_mark != known.password_mark:
        raise _unauthenticated("The user's password has changed.")
    return known


def _look_up(claims: list[Claims]) -> dict[Claims, Identity | None]:
    return identities(claims)


_lookups: Final = PerLoop(_look_up)


async def authenticate(token: str) -> Identity:
    """The identity behind an access token. Raises `TokenRejected` with the code to close with."""
    from rest_framework_simplejwt.settings import api_settings

    await pacing.turn()
    # With a JWK_URL the key may have to be fetched, over the network.
    claims = await asyncio.to_thread(verify, token) if api_settings.JWK_URL else verify(token)
    return await admit(claims)


async def admit(claims: Claims) -> Identity:
    """The identity behind claims that were checked. Raises `TokenRejected` with the code to close with."""
    try:
        return admitted(await _lookups.find(claims))
    except Error:
        logger.exception("No user could be looked up: the credential is refused for now.")
        raise _unavailable() from None
    except KeyError:
        raise _unavailable() from None
