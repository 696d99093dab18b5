"""Which pages may open a socket: those of this very site, and those the settings name."""

from __future__ import annotations

from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.core.handlers.asgi import ASGIRequest
from django.utils.http import is_same_domain

from . import counters
from .conf import conf

_PORTS = {"http": 80, "https": 443}

Site = tuple[str, str, int]
"""Scheme, host and port."""


class OriginMiddleware:
    """ASGI middleware: refuses, with HTTP 403, a handshake from a page of another site.

    A handshake without an Origin passes: no browser sends one, and no credential is ambient.
    """

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if is_allowed(scope):
            await self.app(scope, receive, send)
        elif (await receive())["type"] == "websocket.connect":
            counters.refuse(403)
            await send({"type": "websocket.close"})


def is_allowed(scope: dict[str, Any]) -> bool:
    """Whether a handshake's Origin, if it has one, may open a socket here."""
    given = [value for name, value in scope.get("headers", ()) if name == b"origin"]
    if not given:
        return True
    origin = _site(given[0].decode("latin-1"))
    if origin is None or len(given) > 1:
        return False
    if origin == _own_site(scope):
        return True
    named = [*settings.CSRF_TRUSTED_ORIGINS, *conf().ALLOWED_ORIGINS]
    return any(_matches(origin, pattern) for pattern in named)


def _site(url: str) -> Site | None:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not parts.hostname or "@" in parts.netloc:
        return None
    return parts.scheme, parts.hostname, _PORTS[parts.scheme] if port is None else port


def _own_site(scope: dict[str, Any]) -> Site | None:
    """The site the request was made to, as Django sees it behind a proxy."""
    schemes = {"ws": "http", "wss": "https"}
    scheme = schemes.get(scope.get("scheme", "ws"), "http")
    request = ASGIRequest({**scope, "type": "http", "method": "GET", "scheme": scheme}, BytesIO())
    try:
        return _site(f"{request.scheme}://{request.get_host()}")
    except DisallowedHost:
        return None


def _matches(origin: Site, pattern: str) -> bool:
    """`https://board.example`, or `https://*.example` for every host below it."""
    scheme, separator, host = pattern.partition("://")
    if not separator:
        return False
    if not host.startswith("*."):
        return _site(pattern) == origin
    wild = _site(f"{scheme}://{host[2:]}")
    return (
        wild is not None
        and (wild[0], wild[2]) == (origin[0], origin[2])
        and is_same_domain(origin[1], f".{wild[1]}")
    )
