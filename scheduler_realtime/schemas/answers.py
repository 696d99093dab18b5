"""What the REST API answers: why it refuses, what it says to who sends, and the log's own frames."""

from __future__ import annotations

from typing import Final

from scheduler_realtime import messages

from . import shapes
from .shapes import Schema

COMPONENTS: Final = "#/components/schemas/"
"""Where they stand in the document."""

SENT: Final[Schema] = {"$ref": f"{COMPONENTS}Sent"}
"""The answer to whoever sends a message."""

LOGGED: Final[Schema] = {"$ref": f"{COMPONENTS}LoggedFrame"}
"""A frame as the log has it."""

KEY: Final[Schema] = {"anyOf": [{"type": "integer"}, {"type": "string"}]}
"""A primary key as JSON has it."""

REFUSAL: Final[Schema] = {"$ref": f"{COMPONENTS}Refusal"}
"""Why something was refused, for a person."""

_REFUSAL: Final[Schema] = {
    "type": "object",
    "description": "Why it was refused, for a person.",
    "properties": {"detail": {"type": "string"}, "code": {"type": "string"}},
    "required": ["detail"],
}

_FAULTS: Final[Schema] = {
    "type": "object",
    "description": "What is wrong, by field; of a broadcast's data by dotted path.",
    "additionalProperties": {
        "anyOf": [
            {"type": "array", "items": {"type": "string"}},
            {"type": "object"},
            {"type": "string"},
        ]
    },
}


_TEXT: Final[Schema] = {"type": "string"}

_RETRY_AFTER: Final[Schema] = {
    "Retry-After": {"description": "Seconds.", "schema": {"type": "string"}}
}

_REFUSALS: Final = {
    "400": "What is asked is malformed.",
    "401": "No credential, or none that is valid.",
    "403": "The user may not, or a session came without its CSRF token.",
    "404": "There is no such thing, or not for this user.",
    "405": "Another method is meant.",
    "406": "Nothing that is asked for can be answered.",
    "415": "Bodies are JSON.",
    "429": "Too many requests.",
}


def refusals(
    operation: Schema, media_types: list[str], *, has_body: bool, is_throttled: bool
) -> dict[str, Schema]:
    """By status, what an operation may be refused with, as far as it can be told by what it takes."""
    parameters = operation.get("parameters", ())
    places = {parameter["in"] for parameter in parameters}
    applies = {
        "400": has_body or "query" in places,
        "401": "security" in operation,
        "403": "security" in operation,
        "404": "path" in places or "cursor" in {each["name"] for each in parameters},
        "415": has_body,
        "429": is_throttled,
    }
    found = {code: _refusal(code, media_types) for code in _REFUSALS if applies.get(code, True)}
    if is_throttled:
        found["429"]["headers"] = _RETRY_AFTER
    return found


def _refusal(code: str, media_types: list[str]) -> Schema:
    told = {"$ref": f"{COMPONENTS}Faults"} if code == "400" else REFUSAL
    content = {kind: {"schema": told if "json" in kind else _TEXT} for kind in media_types}
    return {"description": _REFUSALS[code], "content": content}


def components() -> dict[str, Schema]:
    """Every schema that an operation may point to by name, besides its serializers'."""
    frames: dict[str, Schema] = shapes.moved(shapes.definitions() | shapes.sent(), COMPONENTS)
    durable = [frame.name for frame in shapes.heard() if _is_logged(frame.type)]
    choices = [{"$ref": f"{COMPONENTS}{name}"} for name in durable]
    return frames | {
        "Refusal": _REFUSAL,
        "Faults": _FAULTS,
        "Sent": _sent(),
        "LoggedFrame": {"description": "As a socket had it.", "oneOf": choices},
    }


def _is_logged(type_: str) -> bool:
    kind = messages.TYPES.get(type_)
    return type_ == messages.RESYNC if kind is None else kind.durable


def _sent() -> Schema:
    """An envelope whose message has still to get its position."""
    return {
        "type": "object",
        "properties": {
            "id": {"type": "null"},
            "type": {"type": "string"},
            "timestamp": {"type": "string", "format": "date-time"},
            "key": {
                "type": "string",
                "format": "uuid",
                "description": "By this the sender knows it again; what is not kept has none.",
            },
            "user_id": KEY,
            "data": {"type": "object", "additionalProperties": True},
        },
        "required": ["id", "type", "timestamp", "user_id", "data"],
    }
