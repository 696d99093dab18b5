"""From a token to an identity: who is at a socket, in which groups, cleared for what, until when."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import DatabaseError, InterfaceError
from django.utils.module_loading import import_string

from . import books, close_codes
from .audience import groups_of
from .conf import conf
from .exceptions import TokenRejected
from .wire import plain

logger = logging.getLogger(__name__)

CLEARANCE = "scheduler_realtime.view_patient_details"
"""The permission without which protected fields are left out."""

SUBPROTOCOL = "scheduler.v1"
_BEARER_SUBPROTOCOL = "bearer."


@dataclass(frozen=True, kw_only=True)
class Claims:
    """What a valid access token says. `expires_at` is in Unix seconds."""

    user_key: Any
    expires_at: float
    password_mark: str | None


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Who is at a socket. Immutable: what changes is another identity for the same socket."""

    user_id: int | str
    username: str
    roles: tuple[str, ...]
    groups: frozenset[str]
    is_cleared: bool
    is_active: bool
    claims: Claims


def credential_of(scope: dict[str, Any]) -> str | None:
    """The token a handshake carries, in any of the protocol's ways, or None."""
    for offered in scope.get("subprotocols", ()):
        if offered.startswith(_BEARER_SUBPROTOCOL):
            return str(offered.removeprefix(_BEARER_SUBPROTOCOL))
    for name, value in scope.get("headers", ()):
        if name == b"authorization":
            kind, _, token = value.decode("latin-1").partition(" ")
            if kind.lower() == "bearer":
                return str(token.strip())
    if conf().ALLOW_QUERY_TOKEN:
        query: str = scope.get("query_string", b"").decode("latin-1")
        return parse_qs(query).get("token", [None])[0]
    return None


def verify(token: str) -> Claims:
    """The claims of a simplejwt access token. Raises `TokenRejected` for every other text."""
    # Not at the top: simplejwt cannot be imported before `django.setup()`.
    from rest_framework_simplejwt.exceptions import TokenError
    from rest_framework_simplejwt.settings import api_settings
    from rest_framework_simplejwt.tokens import AccessToken

    try:
        valid = AccessToken(token)  # type: ignore[arg-type]  # it takes text as well
        return Claims(
            user_key=valid[api_settings.USER_ID_CLAIM],
            expires_at=float(valid["exp"]),
            password_mark=valid.get(api_settings.REVOKE_TOKEN_CLAIM),
        )
    except (TokenError, KeyError, ValueError, TypeError):
        raise _unauthenticated("The token is not a valid access token.") from None


def _unauthenticated(detail: str) -> TokenRejected:
    return TokenRejected(detail, close_code=close_codes.UNAUTHENTICATED)


def identities(claims: Collection[Claims]) -> dict[Claims, Identity | None]:
    """The users behind claims, in a constant number of queries where groups decide the roles.

    None for a user that does not exist, or whose password is not the token's any more. Blocks
    on the database: for the books thread.
    """
    from rest_framework_simplejwt.settings import api_settings

    field: str = api_settings.USER_ID_FIELD
    manager = get_user_model()._default_manager
    users = {
        str(getattr(user, field)): user
        for user in manager.filter(**{f"{field}__in": _valid(field, claims)}).prefetch_related(
            *(["groups"] if hasattr(get_user_model(), "groups") else [])
        )
    }
    found: dict[Any, Identity | None] = {}
    for claim in claims:
        user = users.get(str(claim.user_key))
        found[claim] = _identity(user, claim) if user is not None else None
    return found


def _valid(field: str, claims: Collection[Claims]) -> Iterable[Any]:
    column = get_user_model()._meta.get_field(field)
    for claim in claims:
        try:
            yield column.get_prep_value(column.to_python(claim.user_key))  # type: ignore[union-attr]  # a column
        except (ValidationError, ValueError, TypeError):
            continue


def _identity(user: Any, claims: Claims) -> Identity | None:
    from rest_framework_simplejwt.settings import api_settings
    from rest_framework_simplejwt.utils import get_md5_hash_password

    if api_settings.CHECK_REVOKE_TOKEN and (
        claims.password_mark != get_md5_hash_password(user.password)
    ):
        return None
    return identity_of(user, claims)


def identity_of(user: Any, claims: Claims | None = None) -> Identity:
    """What a user is and may see now. Asks the database for groups and permissions."""
    roles = tuple(sorted(set(_roles(user))))
    return Identity(
        user_id=plain(user.pk),
        username=user.get_username(),
        roles=roles,
        groups=groups_of(user.pk, roles),
        is_cleared=user.has_perm(CLEARANCE),
        is_active=user.is_active,
        claims=claims or Claims(user_key=user.pk, expires_at=float("inf"), password_mark=None),
    )


def _roles(user: Any) -> Iterable[str]:
    if (path := conf().ROLES) is not None:
        return import_string(path)(user)  # type: ignore[no-any-return]  # the host's own function
    names = [group.name for group in user.groups.all()] if hasattr(user, "groups") else []
    return [*names, "admin"] if user.is_superuser else names


def admitted(identity: Identity | None) -> Identity:
    """The identity, if it may hold a socket open. Raises `TokenRejected` with the close code."""
    if identity is None:
        raise _unauthenticated("The token's user does not exist, or its password has changed.")
    if not identity.is_active:
        raise TokenRejected("The user is inactive.", close_code=close_codes.FORBIDDEN)
    return identity


class _Lookup:
    """One query for the users of all handshakes of a moment: while one runs, the next gather."""

    def __init__(self) -> None:
        self._asked: dict[Claims, asyncio.Future[Identity | None]] = {}
        self._running: asyncio.Task[None] | None = None

    async def find(self, claims: Claims) -> Identity | None:
        future = self._asked.get(claims)
        if future is None:
            future = self._asked[claims] = asyncio.get_running_loop().create_future()
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run())
        return await asyncio.shield(future)

    async def _run(self) -> None:
        while self._asked:
            asked, self._asked = self._asked, {}
            try:
                found = await books.run(identities, list(asked))
            except Exception as error:  # noqa: BLE001 - each who asked is told
                for future in asked.values():
                    future.set_exception(error)
            else:
                for claims, future in asked.items():
                    future.set_result(found[claims])


_lookups: dict[asyncio.AbstractEventLoop, _Lookup] = {}


async def authenticate(token: str) -> Identity:
    """The identity behind an access token. Raises `TokenRejected` with the code to close with."""
    claims = verify(token)
    loop = asyncio.get_running_loop()
    if loop not in _lookups:
        for closed in [other for other in _lookups if other.is_closed()]:
            del _lookups[closed]
        _lookups[loop] = _Lookup()
    return admitted(await _lookups[loop].find(claims))


class JWTAuthMiddleware:
    """ASGI middleware: puts `scope["realtime_identity"]` beside what others put there.

    An `Identity`; or the `TokenRejected` that the consumer closes with, once it has accepted, as
    a browser cannot read the status of a refused handshake; or None where no credential came.
    """

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        found: Identity | TokenRejected | None = None
        if (token := credential_of(scope)) is not None:
            try:
                found = await authenticate(token)
            except TokenRejected as refusal:
                found = refusal
            except (DatabaseError, InterfaceError):
                logger.exception("No user could be looked up: the handshake is refused.")
                found = TokenRejected("Try again later.", close_code=close_codes.AT_CAPACITY)
        await self.app({**scope, "realtime_identity": found}, receive, send)
