"""A host's own message types: registered once, checked, sent, and protected as the others are."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from scheduler_realtime import (
    InvalidMessage,
    InvalidMessageType,
    Payload,
    publish,
    register_message,
)
from scheduler_realtime.messages import TYPES, EmergencyAlert
from scheduler_realtime.testing import heard_by
from tests.harness import fake_hub
from tests.harness.desk import ask, person, read

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("unthrottled", "_put_back")]


@pytest.fixture
def _put_back() -> Iterator[None]:
    before = dict(TYPES)
    yield
    TYPES.clear()
    TYPES.update(before)


class RoomCleaned(Payload):
    type = "room_cleaned"
    ack_required_by_default = True
    protected = {"by"}  # type: ignore[assignment]  # as a host may write it

    room_id: int
    by: str | None = None


class Coffee(Payload):
    type = "coffee_is_ready"
    durable = False

    floor: int


def test_a_registered_type_is_sent_and_its_protected_fields_are() -> None:
    register_message(RoomCleaned)
    plain, cleared = person("plain"), person("cleared", "view_patient_details")

    message = publish(RoomCleaned(room_id=3, by="Rosa Secret"))

    assert message is not None
    assert message.ack_required
    assert heard_by(cleared)[-1]["data"] == {"room_id": 3, "by": "Rosa Secret"}
    assert heard_by(plain)[-1]["data"] == {"room_id": 3}


def test_one_that_is_worth_only_its_moment_is_not_kept() -> None:
    register_message(Coffee)
    with fake_hub.attached() as hub:
        assert publish(Coffee(floor=2)) is None

    assert TYPES["coffee_is_ready"] is Coffee
    assert hub.heard == []  # a test's transaction never commits


def test_one_that_nobody_registered_is_not_sent() -> None:
    with pytest.raises(InvalidMessage, match="register_message"):
        publish(RoomCleaned(room_id=3))


def broadcast(data: Any, type_: str = "room_cleaned") -> Any:
    sender = person("sender", "broadcast_message")
    return ask("POST", "broadcast", who=sender, body={"type": type_, "data": data})


def test_a_registered_type_is_broadcast_over_rest() -> None:
    register_message(RoomCleaned)

    answer = broadcast({"room_id": 3})

    assert answer.status_code == 201, answer.content
    assert heard_by(person("nurse"))[-1]["type"] == "room_cleaned"


def test_its_data_is_checked_over_rest_by_its_own_model() -> None:
    register_message(RoomCleaned)

    answer = broadcast({"room_id": "three"})

    assert (answer.status_code, set(read(answer))) == (400, {"data.room_id"})


def test_one_that_nobody_registered_is_refused_over_rest() -> None:
    answer = broadcast({"room_id": 3})

    assert (answer.status_code, set(read(answer))) == (400, {"type"})


def named(name: Any, **more: Any) -> type[Payload]:
    return type("Mine", (Payload,), {"type": name, "__module__": __name__} | more)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (named("emergency_alert"), "taken by EmergencyAlert"),
        (named("welcome"), "control frame"),
        (named("control"), "control frame"),
        (named("resync"), "control frame"),
        (named("RoomCleaned"), "lower-case"),
        (named("room cleaned"), "lower-case"),
        (named("r" * 41), "lower-case"),
        (named("1st"), "lower-case"),
        (named(""), "lower-case"),
        (named("mine", protected="name"), "set of field names"),
        (named("mine", protected={1}), "set of field names"),
        (type("Unnamed", (EmergencyAlert,), {"__module__": __name__}), "name of its own"),
        (dict, "not a subclass of Payload"),
        ("room_cleaned", "not a subclass of Payload"),
    ],
)
def test_what_cannot_be_registered_is_told_why(kind: Any, said: str) -> None:
    before = dict(TYPES)

    with pytest.raises(InvalidMessageType, match=said):
        register_message(kind)

    assert before == TYPES


def test_a_name_is_taken_once() -> None:
    register_message(RoomCleaned)

    with pytest.raises(InvalidMessageType, match="taken by RoomCleaned"):
        register_message(RoomCleaned)


def test_every_frame_that_is_no_message_has_a_reserved_name() -> None:
    from scheduler_realtime.message_types import RESERVED
    from tests.harness.child import REPOSITORY

    protocol = (REPOSITORY / "README.md").read_text()
    (line,) = [row for row in protocol.splitlines() if row.startswith("| `welcome`")]

    names = set(json.loads("[" + line.split("|")[1].replace("`", '"') + "]"))

    assert names | {"control"} == RESERVED
