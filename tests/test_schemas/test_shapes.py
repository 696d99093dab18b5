"""The JSON Schema of every frame: whole, valid, and true of what a host adds."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

from scheduler_realtime import Payload, commands, control_frames, messages, register_message
from scheduler_realtime.schemas import examples, shapes


class Line(Payload):
    """A host's own, whose class is called as one of ours."""

    type = "bed_freed"

    bed: int
    ward: str = "3 B"


def validator() -> Draft202012Validator:
    return Draft202012Validator(shapes.bundle(), format_checker=Draft202012Validator.FORMAT_CHECKER)


def every_example() -> Iterator[Any]:
    for type_ in (*messages.TYPES, *control_frames.TYPES):
        yield pytest.param(examples.heard(type_), id=type_)
    for type_ in commands.NAMES:
        yield pytest.param(examples.said(type_), id=f"said {type_}")


def test_the_schema_is_itself_valid() -> None:
    Draft202012Validator.check_schema(shapes.bundle())


def test_every_frame_in_both_directions_is_in_it() -> None:
    definitions = shapes.bundle()["$defs"]

    assert {frame.type for frame in shapes.heard()} == {*messages.TYPES, *control_frames.TYPES}
    assert {frame.type for frame in shapes.said()} == set(commands.NAMES)
    assert len(definitions[shapes.HEARD]["oneOf"]) == len(list(shapes.heard()))


@pytest.mark.parametrize("example", list(every_example()))
def test_each_frame_has_an_example_that_fits(example: object) -> None:
    validator().validate(example)


@pytest.mark.parametrize("type_", commands.NAMES)
def test_each_command_of_the_examples_is_taken(type_: str) -> None:
    taken = commands.parse(json.dumps(examples.said(type_)))

    assert taken.type == type_


@pytest.mark.parametrize("type_", examples.SEED)
def test_the_examples_say_what_the_seed_says(type_: str) -> None:
    example = examples.heard(type_) or {}

    assert example["data"].items() >= examples.SEED[type_].items()
    assert example["timestamp"] == "2024-01-15T10:30:00.000Z"


@pytest.mark.parametrize(
    "frame",
    [
        {"type": "nonsense", "timestamp": "2024-01-15T10:30:00.000Z", "data": {}},
        {"type": "heartbeat", "data": {"position": -1}},
        {"type": "ack", "data": {}},
        {"type": "ack", "data": {"ids": None}},
        {"type": "ack"},
        {"type": "heartbeat", "ref": "r" * 65},
    ],
)
def test_what_is_no_frame_does_not_fit(frame: object) -> None:
    with pytest.raises(ValidationError):
        validator().validate(frame)


@pytest.mark.usefixtures("types_put_back")
def test_what_a_host_registers_appears_by_itself() -> None:
    register_message(Line)

    definitions = shapes.definitions()

    assert definitions["BedFreedData"]["required"] == ["bed", "ward"]
    assert definitions["LineData"]["properties"].keys() >= {"state", "since"}
    assert {"$ref": "#/$defs/BedFreedFrame"} in definitions[shapes.HEARD]["oneOf"]


@pytest.mark.usefixtures("types_put_back")
@pytest.mark.parametrize("type_", ["server", "client", "room1", "room_", "room__1", "command_ack"])
def test_no_name_of_a_hosts_type_takes_anothers_place(type_: str) -> None:
    for each in ("room", "room_1"):
        register_message(type("Room", (Payload,), {"type": each}))
    before = shapes.definitions() | shapes.sent()
    register_message(type("Other", (Payload,), {"type": type_}))

    after = shapes.definitions() | shapes.sent()

    assert len(after) == len(before) + 3
    assert [name for name in before if after[name] != before[name]] == [shapes.HEARD]


def test_what_is_protected_may_be_missing_and_nothing_else() -> None:
    alert = shapes.definitions()["EmergencyAlertData"]

    assert set(alert["properties"]) - set(alert["required"]) == {"patient_name"}
