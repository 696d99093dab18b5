"""What it means when a server does not take a socket, and how that is mended."""

from __future__ import annotations

from typing import Final

from scheduler_realtime import close_codes

Told = tuple[str, str]
"""What is wrong, and the remedy."""

BY_STATUS: Final[dict[int, Told]] = {
    403: (
        "The server refuses the handshake with 403, before it knows who it is.",
        "Look at what stands in front: a proxy, a firewall, a middleware of the project.",
    ),
    404: (
        "There is no socket at this path (404).",
        "Give the path by --url; and see that ASGI_APPLICATION is a RealtimeApplication.",
    ),
    502: (
        "The proxy reaches no server (502).",
        "Start the server, or correct its address in the proxy.",
    ),
    503: (
        "The proxy has no server for it (503).",
        "Start the server, or correct its address in the proxy.",
    ),
    504: (
        "The proxy's server does not answer (504).",
        "Look whether the server hangs, and at its log.",
    ),
}

BY_CODE: Final[dict[int, Told]] = {
    close_codes.UNAUTHENTICATED: (
        "The server knows neither a ticket from this database nor a token signed here (4401).",
        "Give this command and the server the same DATABASES and the same SECRET_KEY.",
    ),
    close_codes.FORBIDDEN: (
        "The user may hold no socket (4403).",
        "Name an active one with --user.",
    ),
    close_codes.TOO_MANY: (
        "The server has had too many connections or frames of this user (4429).",
        "Wait a minute, or name another with --user.",
    ),
    close_codes.DRAINING: ("The server is about to end (4512).", "Wait until it is back."),
    close_codes.AT_CAPACITY: (
        "The server takes no more sockets, or cannot read the log (4513).",
        "Raise MAX_CONNECTIONS or start another process; and look into its log.",
    ),
}


def origin_refused(origin: str) -> Told:
    """A page of another site."""
    return (
        f"The server refuses pages of {origin} (403).",
        f"Add {origin!r} to CSRF_TRUSTED_ORIGINS or ALLOWED_ORIGINS. Behind a proxy, see that it"
        " hands on Host, and that SECURE_PROXY_SSL_HEADER is set.",
    )


def by_status(status: int, origin: str | None) -> Told:
    """A handshake that was answered by that HTTP status."""
    if status == 403 and origin is not None:
        return origin_refused(origin)
    return BY_STATUS.get(status) or (
        f"The answer to the handshake is {status}: no WebSocket is spoken there.",
        "Serve ASGI_APPLICATION with uvicorn or daphne, and let the proxy hand on Upgrade.",
    )


def by_code(code: int | None) -> Told:
    """A socket that was closed with that code."""
    return BY_CODE.get(code or 0) or (
        f"The line ended with {code or 'no code'} before the server said who it is.",
        "Look into the server's log.",
    )


def no_websocket(error: Exception) -> Told:
    """An answer that is no handshake."""
    return (
        f"What answers there speaks no WebSocket: {error}.",
        "See that --url has the server's own host, port and scheme (wss behind TLS).",
    )


def unreachable(error: OSError) -> Told:
    """No answer at all, or a TLS that is not trusted."""
    return (
        f"The server cannot be reached: {error}.",
        "Start it; and see that --url has its host, port and scheme (wss behind TLS).",
    )


def no_welcome() -> Told:
    """A socket whose first frame is not ours."""
    return (
        "What answers there is a WebSocket of something else: its first frame is no `welcome`.",
        "Give the path of the socket by --url, as in ws://127.0.0.1:8000/api/ws/ws.",
    )


def other_database(what: str) -> Told:
    """A socket that leads elsewhere."""
    return (
        f"The server works on another database: {what}.",
        "Give this command and the server the same DATABASES, and restart the server.",
    )
