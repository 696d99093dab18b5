"""The four documents as texts, each made once: while a process runs they cannot change."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal

from . import asyncapi, openapi, shapes, typescript

Format = Literal["asyncapi", "openapi", "json-schema", "typescript"]


@dataclass(frozen=True, kw_only=True)
class Document:
    """A file's usual name, and what makes its text."""

    file: str
    make: Callable[[], str]


def _json(make: Callable[[], Any]) -> Callable[[], str]:
    return lambda: json.dumps(make(), indent=2, ensure_ascii=False) + "\n"


FORMATS: Final[dict[Format, Document]] = {
    "asyncapi": Document(file="asyncapi.json", make=_json(asyncapi.document)),
    "openapi": Document(file="openapi.json", make=_json(openapi.document)),
    "json-schema": Document(file="frames.schema.json", make=_json(shapes.bundle)),
    "typescript": Document(file="frames.d.ts", make=typescript.document),
}
"""What `realtime_schema` writes, and under which names."""


@cache
def text(name: Format) -> str:
    """The text of that document. Made at the first call, when every app is loaded."""
    return FORMATS[name].make()
