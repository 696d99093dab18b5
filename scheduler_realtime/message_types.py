"""register_message(): message types of the host's own, beside those of the protocol."""

from __future__ import annotations

import re
from typing import Any, Final, TypeVar

from . import control_frames
from .exceptions import InvalidMessageType
from .messages import CONTROL, TYPES, Payload

T = TypeVar("T", bound=type[Payload])

RESERVED: Final = frozenset({CONTROL, *control_frames.TYPES})
"""The names of control frames, and of the log's own rows."""

# A client subscribes to types by name, in 40 characters at the most.
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")


def register_message(kind: T) -> T:
    """Make a type known, so that `publish` and `POST broadcast` send it; use it as a decorator.

        @register_message
        class RoomCleaned(Payload):
            type = "room_cleaned"
            room_id: int

    In the host's `realtime.py`: every process must know a type whose `protected` names are to be
    left out. Raises `InvalidMessageType` for a name that is taken, reserved or malformed, and for
    what is no `Payload`; nothing is registered then.
    """
    _check_kind(kind)
    name = vars(kind).get("type")
    _check_name(kind, name)
    # Whoever reads it takes unions with it.
    kind.protected = frozenset(kind.protected)
    TYPES[str(name)] = kind
    return kind


def _check_kind(kind: Any) -> None:
    if not (isinstance(kind, type) and issubclass(kind, Payload)):
        raise InvalidMessageType(f"{kind!r} is not a subclass of Payload.")
    protected: Any = kind.protected
    is_set = isinstance(protected, list | tuple | set | frozenset)
    if not (is_set and all(isinstance(name, str) for name in protected)):
        raise InvalidMessageType(f"`protected` of {kind.__name__} must be a set of field names.")


def _check_name(kind: type[Payload], name: object) -> None:
    if name is None:
        raise InvalidMessageType(f'{kind.__name__} needs a name of its own: type = "room_cleaned".')
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InvalidMessageType(
            f"`type` of {kind.__name__} is {name!r}; it must be 40 lower-case letters, digits and"
            " underscores at the most, a letter first."
        )
    if name in RESERVED:
        raise InvalidMessageType(f"{name!r} is the name of a control frame; choose another.")
    if name in TYPES:
        raise InvalidMessageType(f"{name!r} is taken by {TYPES[name].__name__}; choose another.")
