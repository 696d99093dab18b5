"""Tokens as the demo's sign-in gives them, and the ones a server must turn away."""

from datetime import timedelta
from typing import Any

import jwt
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken, Token

UserId = int | str


def access(user_id: UserId, *, lifetime: timedelta | None = None, **claims: Any) -> str:
    """A valid access token; `claims` are added or replace what simplejwt would write."""
    return str(_token(AccessToken, user_id, lifetime, claims))


def expired(user_id: UserId) -> str:
    """An access token that ended a minute ago."""
    return access(user_id, lifetime=timedelta(minutes=-1))


def refresh(user_id: UserId) -> str:
    """A valid refresh token, which opens no socket."""
    return str(_token(RefreshToken, user_id, None, {}))


def wrong_key(user_id: UserId) -> str:
    """An access token that somebody else has signed."""
    payload = _token(AccessToken, user_id, None, {}).payload
    return jwt.encode(payload, "a key of forty-two characters, and not ours", algorithm="HS256")


def unsigned(user_id: UserId) -> str:
    """An access token with the algorithm `none`."""
    return jwt.encode(_token(AccessToken, user_id, None, {}).payload, "", algorithm="none")


def _token(
    kind: type[Token], user_id: UserId, lifetime: timedelta | None, claims: dict[str, Any]
) -> Token:
    token = kind()
    token["user_id"] = str(user_id)
    if lifetime is not None:
        token.set_exp(lifetime=lifetime)
    for name, value in claims.items():
        token[name] = value
    return token
