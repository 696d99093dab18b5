"""Revocation: whose access tokens a blacklisted refresh token takes with it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

from django.apps import apps
from django.db import router
from django.utils import timezone

APP: Final = "rest_framework_simplejwt.token_blacklist"

ROTATION: Final = 1.0
"""Seconds within which a refresh that blacklists the old token has written the new one."""


@dataclass(frozen=True, kw_only=True)
class Logout:
    """The last time that a refresh token of a user was blacklisted; `is_last`: none is left."""

    at: dt.datetime
    is_last: bool

    def ends(self, issued_at: float) -> bool:
        """Whether an access token issued at this Unix second is worth nothing any more.

        No access token says which refresh token it came from. So all end that were issued by then:
        who is still logged in elsewhere gets another one, and who logged out does not. Where each
        refresh blacklists the old token, only those of a user with no other left.
        """
        return issued_at <= self.at.timestamp() and (self.is_last or not is_rotating())


def is_installed() -> bool:
    """Whether there is a blacklist at all."""
    return apps.is_installed(APP)


def blacklisted_model() -> Any:
    """The model of what is on it, where there is one."""
    return _model("BlacklistedToken")


def has_ended(user_key: Any, issued_at: float | None) -> bool:
    """Whether this user has logged out since a token was issued, as far as there is a blacklist."""
    logout = None if issued_at is None else logouts([user_key]).get(user_key)
    return logout is not None and issued_at is not None and logout.ends(issued_at)


def _model(name: str) -> Any:
    return apps.get_model("token_blacklist", name)


def is_rotating() -> bool:
    """Whether to be blacklisted is a refresh token's ordinary end."""
    from rest_framework_simplejwt.settings import api_settings

    return bool(api_settings.ROTATE_REFRESH_TOKENS and api_settings.BLACKLIST_AFTER_ROTATION)


def logouts(user_keys: Collection[Any]) -> dict[Any, Logout]:
    """By primary key, who logged out: one query, and none without a blacklist."""
    if not (is_installed() and user_keys):
        return {}
    model = _model("OutstandingToken")
    rows = model._default_manager.using(router.db_for_write(model)).filter(
        user_id__in=user_keys, expires_at__gt=timezone.now()
    )
    ended: dict[Any, dt.datetime] = {}
    remaining = set()
    for user_key, at in rows.values_list("user_id", "blacklistedtoken__blacklisted_at"):
        if at is None:
            remaining.add(user_key)
        else:
            ended[user_key] = max(at, ended.get(user_key, at))
    return {key: Logout(at=at, is_last=key not in remaining) for key, at in ended.items()}
