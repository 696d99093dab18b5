"""What a client may say, and the one way to parse it."""

from __future__ import annotations

import json
from typing import Annotated, Any, Final, Literal, Self, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictInt,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from .clean_text import clean_line
from .conf import conf
from .exceptions import BadFrame, InvalidMessage
from .wire import plain

Key = int | Annotated[str, Field(max_length=200)]
Narrowing = Annotated[list[Key], Field(max_length=1000)] | None


class _Data(BaseModel):
    """Unknown keys are ignored: a newer client may send more than this server knows."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class HeartbeatData(_Data):
    """Where the user is, and how far the client has got."""

    current_page: Annotated[str, Field(max_length=2000), AfterValidator(clean_line)] | None = None
    active_schedule_date: (
        Annotated[str, Field(max_length=40), AfterValidator(clean_line)] | None
    ) = None
    position: Annotated[int, Field(ge=0, le=2**63 - 1)] | None = None


class AckData(_Data):
    """Positions of the messages that are acknowledged: at least one, and 1,000 at the most."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {"required": ["ids"], "properties": {"ids": {"type": "array"}}},
                {"required": ["id"], "properties": {"id": {"type": "integer"}}},
            ]
        }
    )

    ids: Annotated[list[StrictInt], Field(min_length=1, max_length=1000)] | None = None
    id: StrictInt | None = None

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        if not self.positions:
            raise ValueError("name what is acknowledged: `id`, or `ids`")
        return self

    @property
    def positions(self) -> frozenset[int]:
        """All that are named, by either key."""
        return frozenset(self.ids or ()) | ({self.id} if self.id is not None else frozenset())


class AuthenticateData(_Data):
    """A fresh access token."""

    token: Annotated[str, Field(min_length=1, max_length=16 * 1024)]


class SubscribeData(_Data):
    """Lists that narrow what is sent; an absent one does not."""

    types: Annotated[list[Annotated[str, Field(max_length=40)]], Field(max_length=100)] | None = (
        None
    )
    models: Annotated[list[Annotated[str, Field(max_length=200)]], Field(max_length=100)] | None = (
        None
    )
    rooms: Narrowing = None
    dates: Narrowing = None
    surgeries: Narrowing = None


class CancelData(_Data):
    """Which run is to stop."""

    optimization_id: Annotated[str, Field(min_length=1, max_length=255)]


class _Command(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    ref: Annotated[str, Field(max_length=64)] | None = None


class Heartbeat(_Command):
    """The client is there."""

    type: Literal["heartbeat"]
    data: HeartbeatData = HeartbeatData()


class Ack(_Command):
    """Messages were seen by a person."""

    type: Literal["ack"]
    data: AckData


class Authenticate(_Command):
    """The first frame of who could set no credential, or a fresh token for an old one."""

    type: Literal["authenticate"]
    data: AuthenticateData


class Subscribe(_Command):
    """Send only what fits."""

    type: Literal["subscribe"]
    data: SubscribeData = SubscribeData()


class Presence(_Command):
    """Who is here?"""

    type: Literal["presence"]
    data: dict[str, Any] = Field(default_factory=dict)


class CancelOptimization(_Command):
    """Stop a run."""

    type: Literal["cancel_optimization"]
    data: CancelData


Command = Heartbeat | Ack | Authenticate | Subscribe | Presence | CancelOptimization

KINDS: Final[tuple[type[Command], ...]] = get_args(Command)
"""Every command's model."""


def name_of(kind: type[Command]) -> str:
    """A command's name on the wire."""
    return str(get_args(kind.model_fields["type"].annotation)[0])


NAMES: Final = tuple(sorted(map(name_of, KINDS)))
"""Every command's name on the wire."""

_ADAPTER: Final[TypeAdapter[Command]] = TypeAdapter(Annotated[Command, Field(discriminator="type")])


def parse(text: str) -> Command:
    """The command in a text frame. Raises `BadFrame` for everything that is not one."""
    frame = _loaded(text)
    try:
        return _ADAPTER.validate_python(frame)
    except ValidationError as error:
        raise _bad(error, frame, _ref(frame)) from None


def ref_in(text: str) -> str | None:
    """The reference of a frame that is not acted upon, where one can be read."""
    try:
        return _ref(_loaded(text))
    except BadFrame:
        return None


def _ref(frame: dict[str, Any]) -> str | None:
    ref = frame.get("ref")
    return ref if isinstance(ref, str) and len(ref) <= 64 else None


def _loaded(text: str) -> dict[str, Any]:
    if _nesting(text) > (most := conf().MAX_FRAME_NESTING):
        raise BadFrame("bad_json", f"The frame is nested more than {most} levels deep.")
    try:
        frame = json.loads(text, parse_constant=_no_constant, object_pairs_hook=_no_duplicates)
        plain(frame, "frame")
    except InvalidMessage as error:
        raise BadFrame("bad_json", f"The frame cannot be taken: {error}.") from None
    except (ValueError, RecursionError):
        raise BadFrame("bad_json", "The frame is not JSON as RFC 8259 has it.") from None
    if not isinstance(frame, dict):
        raise BadFrame("bad_json", "A frame is one JSON object.")
    return frame if frame.get("data") is not None else {**frame, "data": {}}


def _nesting(text: str) -> int:
    """How deep the brackets of a JSON text are nested, strings apart."""
    if text.count("{") + text.count("[") <= conf().MAX_FRAME_NESTING:
        return 0
    depth = deepest = 0
    in_string = escaped = False
    for character in text:
        if in_string:
            in_string = escaped or character != '"'
            escaped = character == "\\" and not escaped
        elif character == '"':
            in_string = True
        elif character in "{[":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "}]":
            depth -= 1
    return deepest


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > (most := conf().MAX_FRAME_KEYS):
        raise InvalidMessage("frame", f"has an object of more than {most} keys")
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return result


def _bad(error: ValidationError, frame: dict[str, Any], ref: str | None) -> BadFrame:
    first = error.errors()[0]
    if first["type"].startswith("union_tag"):
        kind = frame.get("type")
        said = (
            f"No command is called {kind[:64]!r}" if isinstance(kind, str) else "No type is given"
        )
        return BadFrame("unknown_type", f"{said}; there are {', '.join(NAMES)}.", ref=ref)
    # The first element of `loc` is the discriminator, the command's own name.
    fields = {
        ".".join(map(str, fault["loc"][1:])) or "frame": fault["msg"].removeprefix("Value error, ")
        for fault in error.errors()
    }
    detail = "; ".join(f"{name}: {message}" for name, message in sorted(fields.items()))
    return BadFrame("bad_data", detail[:500], fields=dict(list(fields.items())[:20]), ref=ref)
