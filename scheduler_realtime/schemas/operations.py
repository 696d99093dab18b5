"""What holds for every operation of the REST API, so that a view says only what is its own."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cached_property
from typing import Any, TypeVar

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent
from drf_spectacular.utils import extend_schema

from . import answers, bodies, credentials  # noqa: F401 - their classes make themselves known
from .shapes import Schema

F = TypeVar("F", bound=Callable[..., Any])


class RealtimeSchema(AutoSchema):
    """Adds what every view of ours may answer, so that a view says only what is its own.

    It brings its components along, so that they are in a host's own document as well.
    """

    def get_operation(self, *args: Any, **kwargs: Any) -> Schema | None:
        operation: Schema | None = super().get_operation(*args, **kwargs)
        if operation is not None:
            refusals = answers.refusals(
                operation,
                self.map_renderers("media_type"),
                has_body=self.method != "GET",
                is_throttled=bool(self.view.throttle_classes),
            )
            operation["responses"] = dict(sorted((refusals | operation["responses"]).items()))
            self._bring(operation)
        return operation

    def _map_serializer(self, *args: Any, **kwargs: Any) -> Schema:
        mapped: Schema = super()._map_serializer(*args, **kwargs)  # type: ignore[no-untyped-call]  # theirs
        self._bring(mapped)
        return _sheltered(mapped)

    def _bring(self, told: Any) -> None:
        """Register every component that is spoken of and not there yet, and those it speaks of."""
        for name in re.findall(rf'"{answers.COMPONENTS}(\w+)"', json.dumps(told, default=str)):
            if name not in self._known:
                continue
            component = ResolvedComponent(
                name=name,
                type=ResolvedComponent.SCHEMA,
                schema=_sheltered(self._known[name]),
                object=name,
            )
            if component not in self.registry:
                self.registry.register(component)
                self._bring(self._known[name])

    @cached_property
    def _known(self) -> dict[str, Schema]:
        return answers.components()


def _sheltered(schema: Schema) -> Schema:
    """The same where a host's own document is made with drf-spectacular's hook for enums.

    It names them after their properties, and warns where two differ: we have `status` thrice, and a
    host its own. It looks into no property that is put together.
    """
    properties = {
        name: {"allOf": [each]} if "enum" in each else each
        for name, each in schema.get("properties", {}).items()
    }
    return schema | {"properties": properties} if properties else schema


def described(**told: Any) -> Callable[[F], F]:
    """drf-spectacular's `extend_schema`, on top of ours whatever the host's default schema is.

    It stands above `@action`, which would forget it.
    """

    def decorate(deed: F) -> F:
        facts: Any = deed
        facts.kwargs = {**getattr(deed, "kwargs", {}), "schema": RealtimeSchema}
        return extend_schema(**told)(deed)

    return decorate
