"""Messages in a terminal: what a line says, what it leaves out, and that no payload breaks out."""

import json
from dataclasses import replace
from typing import Any

import pytest

from scheduler_realtime import terminal
from tests.harness.house import row

UPDATE = {
    "action": "update",
    "model": "surgeries.surgery",
    "surgery_id": 123,
    "room_id": 4,
    "changes": {"status": "done", "patient_name": "Rosa", "minutes": 90},
    "previous": {"status": "planned", "patient_name": "Anna"},
}


def told(type_: str, *, is_cleared: bool = False, **data: Any) -> str:
    """What a line says of the message itself."""
    message = replace(row(812, type_, body=json.dumps(data)), protected=frozenset({"patient_name"}))
    return terminal.line(message, is_cleared=is_cleared).split("everyone", 1)[1].strip()


def test_a_line_says_where_when_what_by_whom_to_whom() -> None:
    message = replace(
        row(
            812,
            "system_notification",
            groups=[f"user.{n}" for n in range(5)],
            title="t",
            message="m",
        ),
        actor="7",
        ack_required=True,
    )

    line = terminal.line(message, is_cleared=True)

    assert line.startswith("     812  2")
    assert line[30:].split() == [
        *("system_notification", "7", ">", "user.0,", "user.1,", "user.2", "and", "2", "more"),
        *("t:", "m", "(to", "be", "acknowledged)"),
    ]


def test_a_line_says_which_permission_they_hold() -> None:
    message = replace(row(812, title="t", message="m"), needs=frozenset({"permission.a.view_b"}))

    assert " > everyone with a.view_b " in terminal.line(message, is_cleared=True)


@pytest.mark.parametrize(
    ("type_", "data", "words"),
    [
        (
            "schedule_update",
            UPDATE,
            "update surgeries.surgery 123 in room 4: status planned -> done, minutes 90",
        ),
        (
            "schedule_update",
            {"action": "bulk", "model": "m", "objects": [{}, {}]},
            "bulk m: 2 objects",
        ),
        ("schedule_update", {"changes": "odd", "objects": "odd"}, ""),
        ("emergency_alert", {"priority": "high", "description": "fire"}, "high fire"),
        (
            "conflict_notification",
            {"severity": "error", "status": "open", "conflict_type": "room", "description": "d"},
            "error open room d",
        ),
        (
            "optimization_progress",
            {"optimization_id": "o", "status": "running", "progress_percentage": 5},
            "o running 5 %",
        ),
        ("resync", {"reason": "unseen_writes"}, "everybody reads afresh: unseen_writes"),
        ("of_the_host", {"a": [1], "patient_name": "Rosa"}, '{"a":[1]}'),
    ],
)
def test_a_line_says_what_the_message_is_about(type_: str, data: Any, words: str) -> None:
    assert told(type_, **data) == words


def test_what_is_protected_is_shown_only_to_whom_it_may_be() -> None:
    assert "patient_name Anna -> Rosa" in told("schedule_update", is_cleared=True, **UPDATE)
    assert "Rosa" not in told("schedule_update", is_cleared=False, **UPDATE)


HOSTILE = "\x1b[2J\x1b]0;owned\x07 \x9b31m \x7f \r\n\t \u202egnp \u200b\u2028 \U000e0041 Ärztin ✓"


@pytest.mark.parametrize("type_", ["system_notification", "of_the_host"])
def test_no_payload_breaks_out_of_its_line(type_: str) -> None:
    line = terminal.line(row(1, type_, title=HOSTILE, message=HOSTILE), is_cleared=True)

    assert line.isprintable()
    assert "\\u001b" in line
    assert "Ärztin ✓" in line


def test_a_type_breaks_out_no_more_than_a_payload() -> None:
    assert terminal.line(row(1, "\x1b[31mred"), is_cleared=True).isprintable()


def test_json_is_what_it_was_and_harmless_too() -> None:
    message = replace(
        row(1, "told", title=HOSTILE, patient_name="R"), protected=frozenset({"title"})
    )

    whole = terminal.json_line(message, is_cleared=True)
    redacted = json.loads(terminal.json_line(message, is_cleared=False))

    assert whole.isprintable()
    assert json.loads(whole)["data"] == {"n": 1, "title": HOSTILE, "patient_name": "R"}
    assert json.loads(whole)["groups"] == ["everyone"]
    assert redacted["data"] == {"n": 1, "patient_name": "R"}
    assert (redacted["id"], redacted["key"]) == (1, message.key)
