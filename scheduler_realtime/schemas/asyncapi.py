"""AsyncAPI 3.0 of the socket: how to get in, every frame in both directions, how it closes."""

from __future__ import annotations

from typing import Any, Final

from scheduler_realtime import close_codes, control_frames, handshake

from . import examples, shapes
from .shapes import Frame, Schema

_SCHEMAS: Final = "#/components/schemas/"
_MESSAGES: Final = "#/channels/socket/messages/"

_ABOUT: Final = """\
Every committed change of the schedule, and whatever else is told, reaches every entitled user in \
one order.

Durable messages have an `id`, their position in the log: strictly increasing on a connection, and \
the same for every receiver. Resume with `since` and `epoch`. A frame is one JSON object in a text \
frame; from a client at most 64 KiB, nested 16 deep, 20 at once and 10 a second. Unknown keys and \
types may come: ignore them.

Nothing is sent before the identity is known. Whoever brings no credential says `authenticate` \
first, within 10 s. A refused handshake is accepted first and then closed with one of these codes:

"""

_CREDENTIALS: Final[dict[str, Schema]] = {
    "ticket": {
        "type": "httpApiKey",
        "in": "query",
        "name": "ticket",
        "description": "From `POST ticket`: opens one socket, once, within 30 s. For browsers.",
    },
    "subprotocol": {
        "type": "httpApiKey",
        "in": "header",
        "name": "Sec-WebSocket-Protocol",
        "description": "`scheduler.v1, bearer.<jwt>`; the server selects `scheduler.v1`.",
    },
    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    "token": {
        "type": "httpApiKey",
        "in": "query",
        "name": "token",
        "description": "A JWT, where `ALLOW_QUERY_TOKEN` is on: it ends up in proxies' logs.",
    },
}

_QUERY: Final[Schema] = {
    "type": "object",
    "properties": {
        "since": {"type": "integer", "minimum": 0, "description": "The position to resume from."},
        "epoch": {"type": "string", "description": "Which log that position is of."},
        "ticket": {"type": "string"},
        "token": {"type": "string"},
    },
}


def document() -> Schema:
    """The whole document; what a host registered is in it."""
    heard, said = list(shapes.heard()), list(shapes.said())
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "scheduler_realtime",
            "version": "1.0.0",
            "description": _ABOUT + _table(),
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/json",
        "servers": {"site": _server()},
        "channels": {"socket": _channel([*heard, *said])},
        "operations": _operations(heard, said),
        "components": {
            "securitySchemes": _CREDENTIALS,
            "messages": {frame.name: _message(frame) for frame in [*heard, *said]},
            "schemas": shapes.moved(shapes.definitions(), _SCHEMAS),
        },
        "x-close-codes": [
            {"code": code, "meaning": meaning, "client": client}
            for code, (meaning, client) in close_codes.ADVICE.items()
        ],
    }


def _table() -> str:
    rows = [f"| {code} | {' | '.join(told)} |" for code, told in close_codes.ADVICE.items()]
    return "\n".join(["| code | meaning | the client should |", "|---|---|---|", *rows])


def _server() -> Schema:
    host = {"default": "localhost:8000", "description": "Where the site is served."}
    return {
        "host": "{host}",
        "protocol": "wss",
        "variables": {"host": host},
        "security": [{"$ref": f"#/components/securitySchemes/{name}"} for name in _CREDENTIALS],
    }


def _channel(frames: list[Frame]) -> Schema:
    return {
        "address": handshake.PATH,
        "description": "One socket of one user, with or without a trailing slash.",
        "messages": {
            frame.name: {"$ref": f"#/components/messages/{frame.name}"} for frame in frames
        },
        "bindings": {"ws": {"method": "GET", "query": _QUERY, "bindingVersion": "0.1.0"}},
    }


def _message(frame: Frame) -> Schema:
    """One message, with its example where there is one: a host's own types have none."""
    example = examples.said(frame.type) if frame.is_said else examples.heard(frame.type)
    told: Schema = {
        "name": frame.type,
        "title": frame.name,
        "summary": frame.schema.get("description", frame.type),
        "payload": {"$ref": f"{_SCHEMAS}{frame.name}"},
    }
    if frame.is_said or frame.is_control:
        told["correlationId"] = {"location": "$message.payload#/ref"}
    return told | ({"examples": [{"payload": example}]} if example is not None else {})


def _operations(heard: list[Frame], said: list[Frame]) -> dict[str, Any]:
    """What the server does: it tells everything a client may hear, and takes each command."""
    names = {frame.type: frame.name for frame in heard}
    tell = {
        "action": "send",
        "channel": {"$ref": "#/channels/socket"},
        "summary": "Whatever happens, and the answers.",
        "messages": [{"$ref": f"{_MESSAGES}{frame.name}"} for frame in heard],
    }
    return {"tell": tell} | {frame.type: _taken(frame, names) for frame in said}


def _taken(frame: Frame, names: dict[str, str]) -> Schema:
    reply = control_frames.REPLIES.get(frame.type, "optimization_progress")
    answers = [names[reply], names["error"]]
    return {
        "action": "receive",
        "channel": {"$ref": "#/channels/socket"},
        "summary": frame.schema.get("description", frame.type),
        "messages": [{"$ref": f"{_MESSAGES}{frame.name}"}],
        "reply": {
            "channel": {"$ref": "#/channels/socket"},
            "messages": [{"$ref": f"{_MESSAGES}{name}"} for name in answers],
        },
    }
