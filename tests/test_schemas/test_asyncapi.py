"""AsyncAPI 3.0 of the socket, judged by the specification's own JSON Schema."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from scheduler_realtime import (
    Payload,
    close_codes,
    commands,
    control_frames,
    messages,
    register_message,
)
from scheduler_realtime.schemas import asyncapi

OFFICIAL = Path(__file__).parent.parent / "assets" / "asyncapi-3.0.0.json"


@cache
def official() -> Draft7Validator:
    return Draft7Validator(json.loads(OFFICIAL.read_text()))


def faults(document: Any) -> list[str]:
    return [f"{fault.json_path}: {fault.message}" for fault in official().iter_errors(document)]


def test_the_document_is_valid_by_the_specification() -> None:
    assert faults(asyncapi.document()) == []


@pytest.mark.parametrize("where", ["operations", "channels", "components", "servers"])
def test_the_judge_finds_what_is_wrong(where: str) -> None:
    assert faults(asyncapi.document() | {where: {"socket": {"nonsense": 1}}})


def test_every_reference_leads_somewhere() -> None:
    document = asyncapi.document()

    for target in references(document):
        found: Any = document
        for step in target.removeprefix("#/").split("/"):
            assert step in found, target
            found = found[step]


def references(value: Any) -> set[str]:
    match value:
        case {"$ref": str(target)}:
            return {target}
        case dict():
            return set().union(*map(references, value.values()))
        case list():
            return set().union(*map(references, value))
        case _:
            return set()


def test_each_example_fits_the_payload_of_its_own_message() -> None:
    document = asyncapi.document()

    for message in document["components"]["messages"].values():
        schema = {"components": document["components"], **message["payload"]}
        (example,) = message["examples"]
        Draft7Validator(schema).validate(example["payload"])


def test_every_frame_close_code_and_credential_is_in_it() -> None:
    document = asyncapi.document()
    told = {message["name"] for message in document["components"]["messages"].values()}
    codes = {value for value in vars(close_codes).values() if isinstance(value, int)}

    assert told == {*messages.TYPES, *control_frames.TYPES, *commands.NAMES}
    assert {each["code"] for each in document["x-close-codes"]} == codes
    assert {
        each["$ref"].rpartition("/")[2] for each in document["servers"]["site"]["security"]
    } == {
        "ticket",
        "subprotocol",
        "bearer",
        "token",
    }


@pytest.mark.usefixtures("types_put_back")
def test_what_a_host_registers_appears_by_itself() -> None:
    register_message(type("BedFreed", (Payload,), {"type": "bed_freed", "__doc__": "A bed."}))

    document = asyncapi.document()

    assert faults(document) == []
    assert document["components"]["messages"]["BedFreedFrame"]["summary"] == "A bed."
    assert "#/channels/socket/messages/BedFreedFrame" in references(document["operations"]["tell"])


@pytest.mark.parametrize("name", commands.NAMES)
def test_each_command_is_taken_and_answered(name: str) -> None:
    operation = asyncapi.document()["operations"][name]

    assert operation["action"] == "receive"
    assert "#/channels/socket/messages/ErrorFrame" in references(operation["reply"])
    assert len(operation["reply"]["messages"]) == 2
