"""What a server says of the connection itself: the data of each control frame, never in the log."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from .values import Key

Moment = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Position = Annotated[int, Field(ge=0)]


class Control(BaseModel):
    """What every one is: shapes may gain keys, so unknown ones are let through."""

    model_config = ConfigDict(extra="allow", frozen=True, use_attribute_docstrings=True)


class Welcome(Control):
    """The first frame: who the client is, where it stands, and how it has to behave."""

    connection_id: str
    user_id: Key
    username: str
    roles: list[str]
    groups: list[str]
    heartbeat_interval: float
    """Seconds."""
    connection_timeout: float
    """Seconds after which a silent client is let go with 4408."""
    epoch: str
    """Which log the positions are of."""
    position: Position
    """The head at the time; a place to resume from only where `recovered` is null or false."""
    recovered: bool | None
    """Whether what was missed follows; null where no `since` was sent."""
    reason: str | None
    """Why it cannot be: `epoch_changed`, `trimmed`, `too_many`, `ahead`, `bad_since`."""
    token_expires_at: Moment
    server_time: Moment


class CaughtUp(Control):
    """The last missed message has gone before this."""

    position: Position
    """Everything up to there was put on this connection before this frame."""


class HeartbeatAck(Control):
    """The answer to `heartbeat`."""

    server_time: Moment
    position: Position
    """Everything up to there was put on this connection before this frame."""


class AckResult(Control):
    """The answer to `ack`, once it is written."""

    acknowledged: list[int]
    unknown: list[Key]
    """Positions that are not there, or not for this user; a text where no browser reads it as a
    number."""


class Authenticated(Control):
    """The answer to `authenticate`: the fresh token is taken."""

    token_expires_at: Moment


class Present(Control):
    """Somebody who is here, their sessions folded."""

    user_id: Key
    username: str
    role: str | None = None
    current_page: str | None = None
    active_schedule_date: str | None = None
    connection_id: str | None = None


class PresenceState(Control):
    """The answer to `presence`: everybody who is here and whom this user may see."""

    users: list[Present]


class Subscribed(Control):
    """The answer to `subscribe`: the filter in force. An absent key does not narrow."""

    types: list[str] | None = None
    models: list[str] | None = None
    rooms: list[Key] | None = None
    dates: list[Key] | None = None
    surgeries: list[Key] | None = None


class Line(Control):
    """The server could not read the log for a while, or can again."""

    state: Literal["stale", "live"]
    since: Moment
    position: Position
    """Everything up to there was put on this connection before this frame."""


class Resync(Control):
    """Read your data afresh; live frames go on after this."""

    reason: str
    """`epoch_changed`, `trimmed`, `too_many`, `ahead`, `bad_since`, `capture_failed` and others."""
    epoch: str
    position: Position
    """Everything up to there was put on this connection before this frame."""


class TokenExpiring(Control):
    """The token ends soon: send `authenticate` with a fresh one."""

    token_expires_at: Moment


class Canary(Control):
    """The whole way from a transaction to this socket works: `realtime_doctor` asked for it."""

    canary: Annotated[str, Field(json_schema_extra={"format": "uuid"})]
    """The key of the order in the log."""


class Complaint(Control):
    """A frame of the client was not acted upon."""

    code: Literal[
        "bad_json", "unknown_type", "bad_data", "rate_limited", "not_permitted", "token_rejected"
    ]
    detail: str
    """For a person."""
    fields: dict[str, str] | None = None
    """With `bad_data`: what is wrong, by field."""


TYPES: Final[dict[str, type[Control]]] = {
    "welcome": Welcome,
    "caught_up": CaughtUp,
    "heartbeat_ack": HeartbeatAck,
    "ack_result": AckResult,
    "authenticated": Authenticated,
    "presence_state": PresenceState,
    "subscribed": Subscribed,
    "line": Line,
    "resync": Resync,
    "token_expiring": TokenExpiring,
    "canary": Canary,
    "error": Complaint,
}
"""Every control frame of the protocol, by its name on the wire."""

REPLIES: Final[dict[str, str]] = {
    "heartbeat": "heartbeat_ack",
    "ack": "ack_result",
    "authenticate": "authenticated",
    "subscribe": "subscribed",
    "presence": "presence_state",
}
"""What answers each command where no `error` does."""
