"""What a client may hear: one pydantic model a message type, its protected fields, its envelope."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .conf import conf
from .exceptions import InvalidMessage
from .values import Count, Day, Key, KeyValue, Line, Name, Text, Url
from .wire import plain, utc_text


class Payload(BaseModel):
    """The `data` of one message type. Unknown keys are kept: shapes may gain keys."""

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)

    type: ClassVar[str]
    durable: ClassVar[bool] = True
    ack_required_by_default: ClassVar[bool] = False
    protected: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def checked(cls, data: dict[str, Any]) -> Self:
        """The payload, or `InvalidMessage` naming the first field at fault."""
        try:
            return cls.model_validate(plain(data))
        except ValidationError as error:
            first = error.errors()[0]
            path = ".".join(["data", *map(str, first["loc"])])
            raise InvalidMessage(path, first["msg"].removeprefix("Value error, ")) from None


class ScheduleUpdate(Payload):
    """A surgery, or whatever is registered, was created, changed or deleted; or many were."""

    type: ClassVar[str] = "schedule_update"

    action: Literal["create", "update", "delete", "bulk"]
    model: str | None = None
    surgery_id: KeyValue | None = None
    room_id: KeyValue | None = None
    schedule_date: Day | None = None
    changes: dict[str, Any] = Field(default_factory=dict)
    previous: dict[str, Any] = Field(default_factory=dict)
    affected_surgeries: list[KeyValue] = Field(default_factory=list)


class ConflictNotification(Payload):
    """Surgeries collide, or no longer do."""

    type: ClassVar[str] = "conflict_notification"

    conflict_id: Name
    model: Annotated[str, Field(max_length=255)] | None = None
    conflict_type: Name
    severity: Literal["info", "warning", "error", "critical"]
    description: Text
    affected_surgeries: list[KeyValue] = Field(default_factory=list)
    suggested_actions: list[Any] = Field(default_factory=list)
    status: Literal["open", "resolved"] = "open"


class EmergencyAlert(Payload):
    """An emergency; the patient's name only for those with the clearance."""

    type: ClassVar[str] = "emergency_alert"
    ack_required_by_default: ClassVar[bool] = True
    protected: ClassVar[frozenset[str]] = frozenset({"patient_name"})

    emergency_id: Text
    emergency_type: Line
    priority: Literal["immediate", "urgent", "high"]
    description: Text
    surgery_id: KeyValue | None = None
    patient_name: Line | None = None
    surgery_type: Line | None = None
    ack_required: bool = True
    escalation: Count = 0


class ActionItem(BaseModel):
    """Something to click in a notification."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    label: Line
    url: Url


class SystemNotification(Payload):
    """A text for people, with what they may do about it."""

    type: ClassVar[str] = "system_notification"

    notification_id: Text = Field(default_factory=lambda: str(uuid.uuid4()))
    title: Line
    message: Text
    severity: Literal["info", "warning", "error", "critical"] = "info"
    action_items: list[ActionItem] = Field(default_factory=list)
    expires_at: Text | None = None
    ack_required: bool = False


FINAL: Final = frozenset({"completed", "failed", "cancelled"})
"""The states in which an optimisation has ended."""


class OptimizationProgress(Payload):
    """How far an optimisation is; only its first and its final state are kept."""

    type: ClassVar[str] = "optimization_progress"

    optimization_id: Name
    progress_percentage: float = Field(ge=0, le=100)
    current_iteration: Count | None = None
    total_iterations: Count | None = None
    current_score: float | None = None
    best_score: float | None = None
    time_elapsed: float | None = Field(default=None, ge=0)
    status: Literal["queued", "running", "completed", "failed", "cancelled"] = "running"
    metrics: dict[str, Any] = Field(default_factory=dict)
    reason: Text | None = None

    @property
    def is_final(self) -> bool:
        """Whether the run has ended with this."""
        return self.status in FINAL


class UserPresence(Payload):
    """Who came, left, or looks at something else."""

    type: ClassVar[str] = "user_presence"
    durable: ClassVar[bool] = False

    user_id: KeyValue
    action: Literal["join", "leave", "update"]
    username: Line
    role: Line | None = None
    current_page: Line | None = None
    active_schedule_date: Text | None = None
    connection_id: Text | None = None


class ReceiptUpdate(Payload):
    """Who got a message, or acknowledged it."""

    type: ClassVar[str] = "receipt_update"
    durable: ClassVar[bool] = False

    id: int
    user_id: KeyValue
    state: Literal["delivered", "acknowledged"]


class Statistics(Payload):
    """How much is going on, for those who may see it: the object of `GET statistics`."""

    type: ClassVar[str] = "statistics"
    durable: ClassVar[bool] = False

    taken_at: Text
    connections: int
    peak_connections: int
    refused: int
    refused_by_code: dict[str, int]
    users: int
    by_role: dict[str, int]
    by_node: dict[str, dict[str, Any]]
    messages: dict[str, dict[str, int]]
    rates: dict[str, float]
    latency_ms: dict[str, float | None]
    pending_acknowledgements: int
    relay_lag_seconds: float
    hub_lag_seconds: float
    uptime_seconds: float
    versions: dict[str, list[str]]


TYPES: Final[dict[str, type[Payload]]] = {
    payload.type: payload
    for payload in (
        ScheduleUpdate,
        ConflictNotification,
        EmergencyAlert,
        SystemNotification,
        OptimizationProgress,
        UserPresence,
        ReceiptUpdate,
        Statistics,
    )
}
"""Every message type by its name on the wire: the protocol's, and those that a host registered."""


OURS: Final = frozenset({UserPresence.type, ReceiptUpdate.type, Statistics.type})
"""Types that say what only the server can know: nobody else may send them."""


WITHHELD: Final = "(withheld)"
"""What stands in place of a protected text that a message must have: other fields are left out."""


def protected_by_setting(type_: str) -> frozenset[str]:
    """What `PROTECTED_FIELDS` adds to the protected fields of a message of that type."""
    return frozenset(conf().PROTECTED_FIELDS.get(type_, ()))


def carried(data: dict[str, Any], protected: frozenset[str]) -> dict[str, Any]:
    """What of a payload the channel layer may carry: whoever runs it can read what it does."""
    return {name: value for name, value in data.items() if name not in protected or value is None}


def must_have(type_: str, name: str) -> bool:
    """Whether a message of that type must have a text of that name."""
    kind = TYPES.get(type_)
    field = None if kind is None else kind.model_fields.get(name)
    return field is not None and field.is_required() and field.annotation is str


def faults_in(kind: type[Payload], data: dict[str, Any]) -> dict[str, list[str]]:
    """What is wrong with the data of that type, by dotted path (`data.room_id`); empty if nothing."""
    try:
        kind.model_validate(plain(data))
    except InvalidMessage as error:
        return {error.path: [error.reason]}
    except ValidationError as error:
        found: dict[str, list[str]] = {}
        for fault in error.errors():
            path = ".".join(["data", *map(str, fault["loc"])])
            found.setdefault(path, []).append(fault["msg"].removeprefix("Value error, "))
        return found
    return {}


RESYNC: Final = "resync"
"""The type of a row in the log that tells everyone to read their data afresh."""


CONTROL: Final = "control"
"""The type of a row in the log that no client hears: an order to every hub."""


def envelope(
    type: str,  # noqa: A002 - the wire's own word
    data: dict[str, Any],
    *,
    timestamp: dt.datetime,
    position: int | None = None,
    key: str | None = None,
    user_id: Key | None = None,
    **more: Any,
) -> dict[str, Any]:
    """One frame as the protocol has it. `data` is plain already; `more` are `ref`, `early`."""
    frame: dict[str, Any] = {"id": position} if position is not None else {}
    frame |= {"type": type, "timestamp": utc_text(timestamp)}
    if key is not None:
        frame["key"] = key
    if user_id is not None:
        frame["user_id"] = user_id
    return frame | more | {"data": data}
