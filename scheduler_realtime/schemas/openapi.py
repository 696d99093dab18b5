"""OpenAPI 3.1 of the REST API alone, by drf-spectacular, whatever the host does with it or not."""

from __future__ import annotations

import threading
from typing import Any, Final

from django.urls import NoReverseMatch, reverse
from django.utils import translation
from drf_spectacular.generators import EndpointEnumerator, SchemaGenerator
from drf_spectacular.settings import SPECTACULAR_DEFAULTS, patched_settings

from .shapes import Schema

URLCONF: Final = "scheduler_realtime.api.urls"

_UNMOUNTED: Final = "/api/ws"
"""Where the paths are said to be while no URLconf of the host includes them."""

_OURS: Final[dict[str, Any]] = {
    "TITLE": "scheduler_realtime",
    "DESCRIPTION": "The REST side: sending, reading the log, acknowledging, tickets, and who is here.",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.0",
    "LICENSE": {"name": "MIT"},
    "SCHEMA_PATH_PREFIX": "/",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "POSTPROCESSING_HOOKS": [],
}

_SETTINGS: Final = {
    name: value
    for name, value in {**SPECTACULAR_DEFAULTS, **_OURS}.items()
    if not name.startswith("SERVE_") and name != "DEFAULT_GENERATOR_CLASS"
}

# The settings of drf-spectacular are one object for the whole process.
_lock = threading.Lock()


class _Paths(EndpointEnumerator):
    """Paths as the protocol writes them, without the slash that may follow."""

    def get_path_from_regex(self, path_regex: str) -> str:
        path: str = super().get_path_from_regex(path_regex)  # type: ignore[no-untyped-call]  # theirs
        return path.rstrip("/")


class _Generator(SchemaGenerator):
    endpoint_inspector_cls = _Paths


def document() -> Schema:
    """The whole document. The host's own drf-spectacular settings stand aside while it is made."""
    with _lock, patched_settings(_SETTINGS), translation.override("en"):
        generator: Any = _Generator
        made = generator(urlconf=URLCONF).get_schema(request=None, public=True)
    return {**_of_3_1(made), "servers": [{"url": _mounted_at()}]}


def _of_3_1(value: Any) -> Any:
    """The same without words of OpenAPI 3.0, such as DRF's paginators use, and marks for hooks."""
    match value:
        case {"nullable": True, "type": str(name), **others}:
            return _of_3_1({**others, "type": [name, "null"]})
        case {"example": example, "type": _, **others}:
            return _of_3_1({**others, "type": value["type"], "examples": [example]})
        case dict():
            return {key: _of_3_1(each) for key, each in value.items() if key != "x-spec-enum-id"}
        case list():
            return [_of_3_1(each) for each in value]
        case _:
            return value


def _mounted_at() -> str:
    try:
        return reverse("scheduler_realtime:ticket-list").rstrip("/").removesuffix("/ticket")
    except NoReverseMatch:
        return _UNMOUNTED
