"""What holds for every operation of the REST API: its refusals, and the frames it speaks of."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cached_property
from typing import Any, Final, TypeVar

from drf_spectacular.extensions import OpenApiSerializerExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent
from drf_spectacular.utils import extend_schema

from scheduler_realtime import messages

from . import shapes
from .shapes import Schema

F = TypeVar("F", bound=Callable[..., Any])

_COMPONENTS: Final = "#/components/schemas/"

SENT: Final[Schema] = {"$ref": f"{_COMPONENTS}Sent"}
"""The answer to whoever sends a message."""

LOGGED: Final[Schema] = {"$ref": f"{_COMPONENTS}LoggedFrame"}
"""A frame as the log has it."""

KEY: Final[Schema] = {"anyOf": [{"type": "integer"}, {"type": "string"}]}
"""A primary key as JSON has it."""

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

_RETRY_AFTER: Final[Schema] = {
    "Retry-After": {"description": "Seconds.", "schema": {"type": "string"}}
}

_REFUSALS: Final = {
    "401": "No credential, or none that is valid.",
    "403": "The user may not, or a session came without its CSRF token.",
    "404": "There is no such thing, or not for this user.",
    "405": "Another method is meant.",
    "406": "Answers are JSON.",
    "415": "Bodies are JSON.",
    "429": "Too many requests.",
}


class RealtimeSchema(AutoSchema):
    """Adds what every view of ours may answer, so that a view says only what is its own.

    It brings its components along, so that they are in a host's own document as well.
    """

    def get_operation(self, *args: Any, **kwargs: Any) -> Schema | None:
        operation: Schema | None = super().get_operation(*args, **kwargs)
        if operation is not None:
            operation["responses"] |= self._refusals(operation)
            operation["responses"] = dict(sorted(operation["responses"].items()))
            self._bring(operation)
        return operation

    def _refusals(self, operation: Schema) -> Schema:
        """What is not said of the operation already, by what it takes."""
        parameters = operation.get("parameters", ())
        places = {parameter["in"] for parameter in parameters}
        left_out = {
            "401": not operation.get("security"),
            "403": not operation.get("security"),
            "404": "path" not in places and "cursor" not in {each["name"] for each in parameters},
            "415": "requestBody" not in operation,
            "429": not self.view.throttle_classes,
        }
        found = {code: _refusal(said) for code, said in _REFUSALS.items() if not left_out.get(code)}
        if "429" in found:
            found["429"]["headers"] = _RETRY_AFTER
        if "requestBody" in operation or "query" in places or self.method != "GET":
            found["400"] = _json("The request is malformed.", "Faults")
        return {code: said for code, said in found.items() if code not in operation["responses"]}

    def _map_serializer(self, *args: Any, **kwargs: Any) -> Schema:
        mapped: Schema = super()._map_serializer(*args, **kwargs)  # type: ignore[no-untyped-call]  # theirs
        self._bring(mapped)
        return mapped

    def _bring(self, told: Any) -> None:
        """Register every component that is spoken of and not there yet, and those it speaks of."""
        for name in re.findall(rf'"{_COMPONENTS}(\w+)"', json.dumps(told, default=str)):
            if name not in self._known:
                continue
            component = ResolvedComponent(
                name=name, type=ResolvedComponent.SCHEMA, schema=self._known[name], object=name
            )
            if component not in self.registry:
                self.registry.register(component)
                self._bring(self._known[name])

    @cached_property
    def _known(self) -> dict[str, Schema]:
        return components()


def described(**told: Any) -> Callable[[F], F]:
    """drf-spectacular's `extend_schema`, on top of ours whatever the host's default schema is.

    It stands above `@action`, which would forget it.
    """

    def decorate(deed: F) -> F:
        facts: Any = deed
        facts.kwargs = {**getattr(deed, "kwargs", {}), "schema": RealtimeSchema}
        return extend_schema(**told)(deed)

    return decorate


def components() -> dict[str, Schema]:
    """Every schema that an operation may point to by name, besides its serializers'."""
    frames: dict[str, Schema] = shapes.moved(shapes.definitions() | shapes.sent(), _COMPONENTS)
    durable = [frame.name for frame in shapes.heard() if _is_logged(frame.type)]
    choices = [{"$ref": f"{_COMPONENTS}{name}"} for name in durable]
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


def _refusal(description: str) -> Schema:
    return _json(description, "Refusal")


def _json(description: str, component: str) -> Schema:
    schema = {"$ref": f"{_COMPONENTS}{component}"}
    return {"description": description, "content": {"application/json": {"schema": schema}}}


class _BroadcastBody(OpenApiSerializerExtension):
    """The body of `POST broadcast`: its `data` is what its `type` says."""

    target_class = "scheduler_realtime.api.receivers.BroadcastSerializer"
    match_subclasses = True

    def map_serializer(self, auto_schema: AutoSchema, direction: str) -> Schema:
        whole = _by_serializer(self, auto_schema, direction)
        choices = []
        for type_ in self.target.fields["type"].choices:
            data = {"$ref": f"{_COMPONENTS}{shapes.sent_name(type_)}"}
            properties = {"type": {"type": "string", "const": type_}, "data": data}
            choices.append({"properties": properties})
        return {**whole, "oneOf": choices}


class _NotificationBody(OpenApiSerializerExtension):
    """The body of `POST notify/system`: what its serializer leaves to the model of the message."""

    target_class = "scheduler_realtime.api.receivers.NotificationSerializer"
    match_subclasses = True

    def map_serializer(self, auto_schema: AutoSchema, direction: str) -> Schema:
        whole = _by_serializer(self, auto_schema, direction)
        told = components()[shapes.sent_name("system_notification")]["properties"]
        whole["properties"] |= {name: told[name] for name in ("severity", "action_items")}
        return whole


def _by_serializer(
    extension: OpenApiSerializerExtension, auto_schema: AutoSchema, direction: str
) -> Schema:
    # As drf-spectacular's own extensions do: it has no public name for it.
    return auto_schema._map_serializer(  # type: ignore[no-any-return]  # noqa: SLF001
        extension.target, direction, bypass_extensions=True
    )
