"""The controls' ASGI applications, `group_send` and `polling`."""

from typing import Any

from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.urls import re_path

django_application = get_asgi_application()

from scheduler_realtime.routing import websocket_middleware  # noqa: E402
from tests.faults.controls.group_send import Socket as GroupSendSocket  # noqa: E402
from tests.faults.controls.polling import Socket as PollingSocket  # noqa: E402
from tests.faults.controls.sockets import Socket  # noqa: E402


def _application(socket: type[Socket]) -> Any:
    """A host with this consumer where the addon's would be."""
    routes = URLRouter([re_path(r"^api/ws/ws/?$", socket.as_asgi())])
    return ProtocolTypeRouter(
        {"http": django_application, "websocket": websocket_middleware(routes)}
    )


group_send = _application(GroupSendSocket)
polling = _application(PollingSocket)
