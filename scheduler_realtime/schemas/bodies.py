"""Bodies of requests whose serializers leave something to the models of the messages."""

from __future__ import annotations

from drf_spectacular.extensions import OpenApiSerializerExtension
from drf_spectacular.openapi import AutoSchema

from scheduler_realtime import messages

from . import shapes
from .answers import COMPONENTS, components
from .shapes import Schema


class _BroadcastBody(OpenApiSerializerExtension):
    """The body of `POST broadcast`: its `data` is what its `type` says."""

    target_class = "scheduler_realtime.api.receivers.BroadcastSerializer"
    match_subclasses = True

    def map_serializer(self, auto_schema: AutoSchema, direction: str) -> Schema:
        whole = _by_serializer(self, auto_schema, direction)
        types = getattr(self.target.fields["type"], "choices", messages.TYPES)
        choices = []
        for type_ in types:
            data = {"$ref": f"{COMPONENTS}{shapes.sent_name(type_)}"}
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
