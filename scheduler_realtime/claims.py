"""Claims: what a checked credential says, be it a token or a session's ticket."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .wire import plain


@dataclass(frozen=True, kw_only=True)
class Claims:
    """What a valid access token says. `expires_at` and `issued_at` are in Unix seconds.

    `session_mark` is of a ticket that a session got, instead of a token: see `mark_of_session`.
    """

    user_key: Any
    expires_at: float
    password_mark: str | None
    issued_at: float | None = None
    session_mark: str | None = None


def claims_in(token: Mapping[str, Any]) -> Claims:
    """What a token says whose signature was checked. Raises `KeyError`, `ValueError`, `TypeError`."""
    from rest_framework_simplejwt.settings import api_settings

    mark, issued_at = token.get(api_settings.REVOKE_TOKEN_CLAIM), token.get("iat")
    return Claims(
        user_key=_user_key(token[api_settings.USER_ID_CLAIM]),
        expires_at=float(token["exp"]),
        password_mark=None if mark is None else str(mark),
        issued_at=None if issued_at is None else float(issued_at),
    )


def claims_of_session(user: Any, session: Any) -> Claims:
    """What a ticket says that is given to whoever is logged in to this session: it ends with it."""
    until = session.get_expiry_date().timestamp()
    return claims_of(user, until=until, session_key=session.session_key)


def claims_of(user: Any, *, until: float, session_key: str | None = None) -> Claims:
    """What a token of this user would say that ends at this Unix second, or with this session."""
    from rest_framework_simplejwt.settings import api_settings

    key = (
        user.pk if api_settings.USER_ID_FIELD == "pk" else getattr(user, api_settings.USER_ID_FIELD)
    )
    mark = password_mark_of(user) if api_settings.CHECK_REVOKE_TOKEN else None
    session_mark = None if session_key is None else mark_of_session(session_key)
    return Claims(
        user_key=plain(key), expires_at=until, password_mark=mark, session_mark=session_mark
    )


def mark_of_session(session_key: str) -> str:
    """What names a session where its key, which is as good as a password, must not stand."""
    return hashlib.sha256(session_key.encode()).hexdigest()


def password_mark_of(user: Any) -> str | None:
    """What a token would say of the password; None for a user model that has none."""
    from rest_framework_simplejwt.utils import get_md5_hash_password

    password = getattr(user, "password", None)
    return None if password is None else get_md5_hash_password(password)


def _user_key(claim: Any) -> int | str:
    key = plain(claim, "user_id")
    if type(key) is not int and not isinstance(key, str):
        raise TypeError("a user's key is a number or a text")
    return key
