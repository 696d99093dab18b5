"""The JSON Schema (2020-12) of every frame, in both directions, made from the models in the code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode

from scheduler_realtime import commands, control_frames, messages
from scheduler_realtime.messages import (
    EmergencyAlert,
    OptimizationProgress,
    Payload,
    ScheduleUpdate,
    must_have,
    protected_by_setting,
)

from . import rewritten

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

HEARD: Final = "ServerFrame"
"""The name of what a client may hear: one of many, told apart by `type`."""

SAID: Final = "ClientFrame"
"""The name of what a client may say."""

Schema = dict[str, Any]

_MOMENT: Final = {"type": "string", "format": "date-time"}
_REF: Final = {
    "type": "string",
    "maxLength": 64,
    "description": "Whatever the client put there: the answer to a frame carries the same.",
}
_MARKED: Final = {
    "redelivered": "It still awaits this user's acknowledgement, and is sent again.",
    "early": "Ahead of its place, where it comes again: without `id`.",
}


@dataclass(frozen=True, kw_only=True)
class Frame:
    """One frame: its type on the wire, its name among the definitions, and these."""

    type: str
    name: str
    is_control: bool = False
    is_said: bool = False
    definitions: dict[str, Schema]

    @property
    def schema(self) -> Schema:
        """The schema of the whole frame."""
        return self.definitions[self.name]


class _Plain(GenerateJsonSchema):
    """pydantic's own, without a title for each field."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def heard() -> Iterator[Frame]:
    """Every message type and every control frame, as a client hears it."""
    for kind in messages.TYPES.values():
        yield _message(kind)
    for type_, control in control_frames.TYPES.items():
        yield _control(type_, control)


def said() -> Iterator[Frame]:
    """Every command, as a client says it."""
    for kind in commands.KINDS:
        yield _command(kind)


def bundle() -> Schema:
    """One schema that holds for every frame, with a definition for each under `$defs`."""
    return {
        "$schema": DIALECT,
        "title": "Frame",
        "description": "Any frame of the scheduler.v1 protocol, in either direction.",
        "anyOf": [{"$ref": f"#/$defs/{HEARD}"}, {"$ref": f"#/$defs/{SAID}"}],
        "$defs": definitions(),
    }


def definitions() -> dict[str, Schema]:
    """Every definition by its name; they point to each other as `#/$defs/...`."""
    result: dict[str, Schema] = {}
    for name, frames, description in (
        (HEARD, list(heard()), "What a server sends."),
        (SAID, list(said()), "What a client sends."),
    ):
        choices = [{"$ref": f"#/$defs/{frame.name}"} for frame in frames]
        result[name] = {"description": description, "oneOf": choices}
        for frame in frames:
            result |= frame.definitions
    return result


def moved(value: Any, prefix: str) -> Any:
    """The same schemas where the definitions stand elsewhere: `#/components/schemas/`."""
    match value:
        case {"$ref": str(target), **rest}:
            return {"$ref": target.replace("#/$defs/", prefix), **moved(rest, prefix)}
        case dict():
            return {key: moved(each, prefix) for key, each in value.items()}
        case list():
            return [moved(each, prefix) for each in value]
        case _:
            return value


def sent() -> dict[str, Schema]:
    """What a sender writes as the `data` of each type: what has a default may be left out."""
    result: dict[str, Schema] = {}
    for kind in messages.TYPES.values():
        result |= _definitions(kind, sent_name(kind.type), "validation")
    return result


def sent_name(type_: str) -> str:
    """Under which name `sent` has a type."""
    return f"{_camel(type_)}Sent"


def _message(kind: type[Payload]) -> Frame:
    camel = _camel(kind.type)
    found = _definitions(kind, f"{camel}Data", "serialization")
    data = found[f"{camel}Data"]
    # Every key is written, even where the sender left it out; what is protected is taken away.
    protected = kind.protected | protected_by_setting(kind.type)
    data["required"] = [
        name for name in kind.model_fields if name not in protected or must_have(kind.type, name)
    ]
    if kind is ScheduleUpdate:
        data["properties"] |= rewritten.KEYS
    properties: Schema = {"user_id": {"anyOf": [{"type": "integer"}, {"type": "string"}]}}
    required: list[str] = []
    if kind.durable:
        properties = _of_the_log(kind) | properties
        required = [] if kind is OptimizationProgress else ["key"]
        required = ["id", *required] if _always_has_a_place(kind) else required
    elif protected:  # kept in the log where it says any of it
        properties = _of_the_log(kind) | properties
    frame = _frame(kind.type, f"{camel}Data", properties, required)
    frame["description"] = _doc(kind)
    if kind is OptimizationProgress:  # the answer to `cancel_optimization`
        frame["properties"]["ref"] = _REF
    if kind is EmergencyAlert:
        frame["oneOf"] = [{"required": ["id"]}, {"required": ["early"]}]
    name = _frame_name(camel)
    return Frame(type=kind.type, name=name, definitions={name: frame, **found})


def _of_the_log(kind: type[Payload]) -> Schema:
    marks = set(_MARKED) if kind is EmergencyAlert else {"redelivered"}
    return {
        "id": {"type": "integer", "minimum": 1, "description": "The position in the log."},
        "key": {"type": "string", "format": "uuid", "description": "Known before the position."},
    } | {
        name: {"type": "boolean", "const": True, "description": said}
        for name, said in _MARKED.items()
        if name in marks
    }


def _always_has_a_place(kind: type[Payload]) -> bool:
    """Ticks of progress are kept nowhere, and an early alert has its place still to come."""
    return kind not in {OptimizationProgress, EmergencyAlert}


def _control(type_: str, kind: type[BaseModel]) -> Frame:
    camel = _camel(type_)
    frame = _frame(type_, f"{camel}Data", {"ref": _REF}, [])
    frame["description"] = _doc(kind)
    found = _definitions(kind, f"{camel}Data", "serialization")
    return Frame(
        type=type_,
        name=f"{camel}Frame",
        is_control=True,
        definitions={f"{camel}Frame": frame, **found},
    )


def _frame(type_: str, data: str, properties: Schema, required: list[str]) -> Schema:
    return {
        "type": "object",
        "properties": {
            "type": {"type": "string", "const": type_},
            "timestamp": _MOMENT,
            **properties,
            "data": {"$ref": f"#/$defs/{data}"},
        },
        "required": ["type", "timestamp", *required, "data"],
    }


def _command(kind: type[commands.Command]) -> Frame:
    type_ = commands.name_of(kind)
    name = f"{_camel(type_)}Command"
    found = _definitions(kind, name, "validation", prefix="Said")
    return Frame(type=type_, name=name, is_said=True, definitions=found)


def _definitions(
    kind: type[BaseModel], name: str, mode: JsonSchemaMode, *, prefix: str | None = None
) -> dict[str, Schema]:
    """The schema of a model under that name, and those of the models in it, with a prefix.

    Each model is asked by itself: pydantic would rename two of a name, ours with the host's.
    """
    prefix = name if prefix is None else prefix
    schema = kind.model_json_schema(
        mode=mode, schema_generator=_Plain, ref_template=f"#/$defs/{prefix}{{model}}"
    )
    nested = schema.pop("$defs", {})
    found = {name: schema} | {f"{prefix}{inner}": each for inner, each in nested.items()}
    for each in found.values():
        each.pop("title", None)
    return found


def _doc(kind: type[BaseModel]) -> str:
    return " ".join((kind.__doc__ or "").split())


def _frame_name(camel: str) -> str:
    """A host's type may be called `server` or `client`, as the unions are."""
    name = f"{camel}Frame"
    return f"{name}_" if name in {HEARD, SAID} else name


def _camel(type_: str) -> str:
    """`room_cleaned` as `RoomCleaned`; no two types have one name: `room_1` is `Room_1`."""
    return re.sub(r"(?:^|_)([a-z])", lambda found: found[1].upper(), type_)
