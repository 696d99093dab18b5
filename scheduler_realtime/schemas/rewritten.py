"""Keys of a schedule update that only the relay writes, so that no model has them."""

from __future__ import annotations

from typing import Any, Final

_KEY_OR_NONE: Final = {"anyOf": [{"type": "integer"}, {"type": "string"}, {"type": "null"}]}
_VALUES: Final = {"type": "object", "additionalProperties": True}

CHANGED_OBJECT: Final[dict[str, Any]] = {
    "type": "object",
    "description": "One of many objects that changed.",
    "required": ["surgery_id", "action", "room_id", "schedule_date", "changes", "previous"],
    "properties": {
        "surgery_id": _KEY_OR_NONE,
        "action": {"type": "string", "enum": ["create", "update", "delete"]},
        "room_id": _KEY_OR_NONE,
        "schedule_date": {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]},
        "changes": _VALUES,
        "previous": _VALUES,
        "reason": {"type": "string", "const": "left"},
    },
}

KEYS: Final[dict[str, Any]] = {
    "objects": {
        "type": "array",
        "description": "Of `bulk`: every object that changed.",
        "items": CHANGED_OBJECT,
        "maxItems": 500,
    },
    "reason": {
        "type": "string",
        "const": "left",
        "description": "Of `delete`: it is there, but no longer for this user.",
    },
}
