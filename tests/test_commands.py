"""What a client may say: which frames are commands, and what is wrong with every other."""

import json
from typing import Any

import pytest
from pytest_django import Settings

from scheduler_realtime import commands
from scheduler_realtime.commands import Ack, Authenticate, Heartbeat, Presence, Subscribe
from scheduler_realtime.exceptions import BadFrame

pytestmark = pytest.mark.sqlite_only

DEEPEST_LEGAL = '{"type":"heartbeat","data":{"x":' + "[" * 14 + "]" * 14 + "}}"
ONE_TOO_DEEP = '{"type":"heartbeat","data":{"x":' + "[" * 15 + "]" * 15 + "}}"


def refusal(text: str) -> BadFrame:
    with pytest.raises(BadFrame) as caught:
        commands.parse(text)
    return caught.value


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('{"type":"heartbeat"}', Heartbeat),
        ('{"type":"heartbeat","data":null}', Heartbeat),
        ('{"type":"heartbeat","data":{"current_page":"/board","what_else":1},"more":2}', Heartbeat),
        ('{"type":"ack","data":{"ids":[1,2]}}', Ack),
        ('{"type":"authenticate","data":{"token":"t"}}', Authenticate),
        ('{"type":"subscribe","data":{"rooms":[1,"theatre 2"]}}', Subscribe),
        ('{"type":"presence"}', Presence),
        (DEEPEST_LEGAL, Heartbeat),
        ('{"type":"heartbeat","data":{"current_page":"{[{[{[{[{[{[{[{[{["}}', Heartbeat),
        ('{"type":"heartbeat","data":{"current_page":"\\"{[{[{[{[{[{[{[{[{["}}', Heartbeat),
    ],
)
def test_a_command_is_taken(text: str, kind: type[Any]) -> None:
    assert isinstance(commands.parse(text), kind)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "{",
        '"heartbeat"',
        "[]",
        "[" * 60000,
        "null",
        '{"type":"heartbeat"} {}',
        '{"type":"heartbeat","data":{"position":NaN}}',
        '{"type":"heartbeat","data":{"position":Infinity}}',
        '{"type":"heartbeat","data":{"position":-Infinity}}',
        '{"type":"heartbeat","data":{"position":1e999}}',
        '{"type":"heartbeat","data":{"position":' + "9" * 5000 + "}}",
        '{"type":"heartbeat","type":"presence"}',
        '{"type":"heartbeat","data":{"position":1,"position":2}}',
        '{"type":"heartbeat","data":{"current_page":"\\ud800"}}',
        '{"type":"\\ud800"}',
        '{"type":"heartbeat","ref":"\\udfff"}',
        '{"type":"heartbeat","data":{"\\ud800":1}}',
        '{"type":"heartbeat","data":{"current_page":"\\u0000"}}',
        ONE_TOO_DEEP,
        "{'type': 'heartbeat'}",
        '\ufeff{"type":"heartbeat"}',
    ],
)
def test_what_is_no_json_object_is_bad_json(text: str) -> None:
    assert refusal(text).code == "bad_json"


@pytest.mark.parametrize(
    "text",
    ["{}", '{"type":null}', '{"type":5}', '{"type":["heartbeat"]}', '{"type":"__init__"}'],
)
def test_a_type_that_is_no_command_is_unknown(text: str) -> None:
    assert refusal(text).code == "unknown_type"


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ('{"type":"heartbeat","data":[]}', "data"),
        ('{"type":"heartbeat","data":{"position":-1}}', "data.position"),
        ('{"type":"heartbeat","data":{"current_page":5}}', "data.current_page"),
        ('{"type":"heartbeat","ref":5}', "ref"),
        ('{"type":"heartbeat","ref":"' + "r" * 65 + '"}', "ref"),
        ('{"type":"authenticate"}', "data.token"),
        ('{"type":"authenticate","data":{"token":""}}', "data.token"),
        ('{"type":"subscribe","data":{"rooms":"1"}}', "data.rooms"),
        ('{"type":"cancel_optimization","data":{}}', "data.optimization_id"),
    ],
)
def test_data_that_does_not_fit_is_named_by_its_field(text: str, field: str) -> None:
    bad = refusal(text)

    assert bad.code == "bad_data"
    assert bad.fields is not None
    assert field in bad.fields
    assert field in bad.detail


@pytest.mark.parametrize(
    ("frame", "ref"),
    [
        ({"type": "heartbeat", "data": {"position": -1}, "ref": "mine"}, "mine"),
        ({"type": "unheard of", "ref": "mine"}, "mine"),
        ({"type": "heartbeat", "data": {"position": -1}, "ref": 5}, None),
        ({"type": "heartbeat", "ref": "r" * 65}, None),
    ],
)
def test_a_refusal_carries_the_frames_ref_where_it_is_one(
    frame: dict[str, Any], ref: str | None
) -> None:
    text = json.dumps(frame)

    assert refusal(text).ref == ref
    assert commands.ref_in(text) == ref


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("MAX_FRAME_NESTING", '{"type":"heartbeat","data":{"x":[]}}'),
        ("MAX_FRAME_KEYS", DEEPEST_LEGAL),
    ],
)
def test_how_deep_and_how_wide_a_frame_may_be_is_a_setting(
    name: str, text: str, settings: Settings
) -> None:
    commands.parse(text)

    settings.SCHEDULER_REALTIME = {name: 1}

    assert refusal(text).code == "bad_json"


@pytest.mark.parametrize("text", ["nonsense", "[]", ONE_TOO_DEEP])
def test_what_cannot_be_read_has_no_ref(text: str) -> None:
    assert commands.ref_in(text) is None


def test_every_name_on_the_wire_is_a_command() -> None:
    needed = {
        "ack": {"id": 1},
        "authenticate": {"token": "t"},
        "cancel_optimization": {"optimization_id": "o"},
    }

    parsed = [
        commands.parse(json.dumps({"type": name, "data": needed.get(name, {})}))
        for name in commands.NAMES
    ]

    assert [command.type for command in parsed] == list(commands.NAMES)
