"""Where a host's ASGI application meets ours."""

from __future__ import annotations

import logging
from typing import Any

from channels.routing import URLRouter
from django.urls import re_path

from . import hub
from .consumers import RealtimeConsumer
from .handshake import PATH, JWTAuthMiddleware
from .origin import OriginMiddleware

logger = logging.getLogger(__name__)

_consumer: Any = RealtimeConsumer.as_asgi()

websocket_urlpatterns = [re_path(rf"^{PATH[1:]}/?$", _consumer)]
"""For a host that has a `URLRouter` of its own; put `websocket_middleware` around that."""


def websocket_middleware(app: Any) -> Any:
    """The origin check and the JWT authentication that our consumer relies on."""
    return OriginMiddleware(JWTAuthMiddleware(app))


class RealtimeApplication:
    """The ASGI application of a host: its own for HTTP, ours for WebSockets, and the lifespan.

        application = RealtimeApplication(get_asgi_application())

    `websocket` replaces the WebSocket side, for a host that has sockets of its own.
    """

    def __init__(self, http: Any, *, websocket: Any = None) -> None:
        self.http = http
        self.websocket = websocket or websocket_middleware(_OrClosed(websocket_urlpatterns))

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        match scope["type"]:
            case "lifespan":
                await self._lifespan(receive, send)
            case "websocket":
                hub.current()
                await self.websocket(scope, receive, send)
            case _:
                hub.current()
                await self.http(scope, receive, send)

    async def _lifespan(self, receive: Any, send: Any) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                hub.current()
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                await hub.current().stop()
                await send({"type": "lifespan.shutdown.complete"})
                return


class _OrClosed:
    """A router that refuses an unknown path with 403, where Channels' own raises."""

    def __init__(self, routes: list[Any]) -> None:
        self._routes = routes
        self._router = URLRouter(routes)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path = scope["path"].lstrip("/")
        if any(route.pattern.match(path) for route in self._routes):
            await self._router(scope, receive, send)
        elif (await receive())["type"] == "websocket.connect":
            await send({"type": "websocket.close"})
