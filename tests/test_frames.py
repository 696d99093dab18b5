"""Frames: a row of the log as one user may read it."""

import datetime as dt
import json
from typing import Any

import pytest
from django.utils import timezone

from scheduler_realtime import frames
from scheduler_realtime.frames import is_wanted, text_for
from scheduler_realtime.log import Row
from scheduler_realtime.wire import dumps

NURSE = frozenset({"everyone", "user.7", "role.nurse"})
GUEST = frozenset({"everyone", "user.8"})

ONE: dict[str, Any] = {
    "action": "update",
    "model": "scheduling.surgery",
    "surgery_id": 5,
    "room_id": 2,
    "schedule_date": "2026-01-15",
    "changes": {"patient_name": "Ann", "status": "done"},
    "previous": {"patient_name": "Bob", "status": "closing"},
    "affected_surgeries": [6],
}
MANY: dict[str, Any] = {
    "action": "bulk",
    "model": "scheduling.surgery",
    "surgery_id": None,
    "room_id": 2,
    "schedule_date": "2026-01-15",
    "changes": {},
    "previous": {},
    "affected_surgeries": [5, 6],
    "objects": [
        {key: ONE[key] for key in ONE if key not in {"model", "affected_surgeries"}}
        | {"surgery_id": pk}
        for pk in (5, 6)
    ],
}


def row(data: dict[str, Any], **changes: Any) -> Row:
    given: dict[str, Any] = {
        "position": 812,
        "key": "00000000-0000-0000-0000-000000000001",
        "type": "schedule_update",
        "actor": "1",
        "ack_required": False,
        "expires_at": None,
        "created_at": dt.datetime(2026, 1, 15, tzinfo=dt.UTC),
        "body": dumps(data),
        "groups": frozenset({"role.nurse"}),
        "left_groups": frozenset(),
        "protected": frozenset({"patient_name"}),
        "scope_text": "{}",
    }
    return Row(**given | changes)


def heard(
    message: Row, groups: frozenset[str] = NURSE, *, is_cleared: bool = True, **more: Any
) -> dict[str, Any]:
    text = text_for(message, groups=groups, is_cleared=is_cleared, **more)
    assert text is not None
    frame: dict[str, Any] = json.loads(text)
    return frame


def test_a_frame_is_the_protocols_envelope_around_the_payload() -> None:
    assert heard(row(ONE)) == {
        "id": 812,
        "type": "schedule_update",
        "timestamp": "2026-01-15T00:00:00.000Z",
        "key": "00000000-0000-0000-0000-000000000001",
        "user_id": 1,
        "data": ONE,
    }


def test_there_is_no_frame_for_who_is_not_in_the_audience() -> None:
    assert text_for(row(ONE), groups=GUEST, is_cleared=True) is None


@pytest.mark.parametrize("data", [ONE, MANY, ONE | {"patient_name": "Ann"}])
def test_what_is_protected_stands_nowhere_for_who_is_not_cleared(data: dict[str, Any]) -> None:
    text = text_for(row(data), groups=NURSE, is_cleared=False)

    assert text is not None
    assert "patient_name" not in text
    assert "Ann" not in text
    assert "Bob" not in text


def test_what_is_not_protected_stays_for_who_is_not_cleared() -> None:
    data = heard(row(ONE), is_cleared=False)["data"]

    assert data == ONE | {"changes": {"status": "done"}, "previous": {"status": "closing"}}


def test_a_row_is_not_changed_by_being_redacted() -> None:
    message = row(MANY)

    heard(message, is_cleared=False)

    assert heard(message)["data"] == MANY


@pytest.mark.parametrize("odd", [[1, None, "a"], [[{"patient_name": "Ann"}]], "a", {"a": 1}])
def test_a_message_of_an_odd_shape_is_still_told(odd: Any) -> None:
    message = row({"objects": odd, "changes": [1], "patient_name": "Ann"}, type="emergency_alert")

    assert "patient_name" not in heard(message, is_cleared=False)["data"]


def test_who_is_only_in_the_old_audience_hears_that_it_is_gone_and_no_value() -> None:
    message = row(ONE, left_groups=frozenset({"user.8"}))

    assert heard(message, GUEST)["data"] == {
        "action": "delete",
        "reason": "left",
        "model": "scheduling.surgery",
        "surgery_id": 5,
        "room_id": None,
        "schedule_date": None,
        "changes": {},
        "previous": {},
        "affected_surgeries": [],
    }


def test_who_is_only_in_the_old_audience_of_many_hears_which_are_gone_and_no_value() -> None:
    message = row(MANY, left_groups=frozenset({"user.8"}))
    gone = {"action": "delete", "reason": "left", "changes": {}, "previous": {}}
    nowhere = {"room_id": None, "schedule_date": None}

    assert heard(message, GUEST)["data"] == {
        "action": "bulk",
        "reason": "left",
        "model": "scheduling.surgery",
        "surgery_id": None,
        "changes": {},
        "previous": {},
        "affected_surgeries": [5, 6],
        "objects": [{"surgery_id": 5, **gone, **nowhere}, {"surgery_id": 6, **gone, **nowhere}],
        **nowhere,
    }


def test_who_is_in_the_old_audience_and_in_the_new_one_hears_the_change() -> None:
    message = row(ONE, left_groups=frozenset({"user.7"}))

    assert heard(message)["data"] == ONE


@pytest.mark.parametrize("seconds", [0, 3600])
def test_a_message_past_its_end_is_not_sent(seconds: int) -> None:
    until = timezone.now() - dt.timedelta(seconds=seconds)

    assert text_for(row(ONE, expires_at=until), groups=NURSE, is_cleared=True) is None


def test_a_message_before_its_end_is_sent() -> None:
    until = timezone.now() + dt.timedelta(hours=1)

    assert text_for(row(ONE, expires_at=until), groups=NURSE, is_cleared=True) is not None


def encodings(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    done: list[Any] = []

    def counted(value: Any) -> str:
        done.append(value)
        return dumps(value)

    monkeypatch.setattr(frames, "dumps_clean", counted)
    return done


@pytest.mark.parametrize(
    ("protected", "times"), [(frozenset({"patient_name"}), 4), (frozenset(), 2)]
)
def test_a_message_is_encoded_once_for_each_way_to_read_it(
    protected: frozenset[str], times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = row(ONE, left_groups=frozenset({"user.8"}), protected=protected)
    done = encodings(monkeypatch)

    for _ in range(100):
        for groups in (NURSE, GUEST):
            for is_cleared in (True, False):
                text_for(message, groups=groups, is_cleared=is_cleared)

    assert len(done) == times


def test_a_frame_that_says_more_has_no_position_and_is_not_kept() -> None:
    message = row(ONE)

    early = heard(message, mark="early")

    assert early["early"] is True
    assert "id" not in early
    assert "early" not in heard(message)


@pytest.mark.parametrize(("actor", "user_id"), [("1", 1), ("simulation", "simulation")])
def test_an_actor_is_told_as_the_user_model_has_its_keys(actor: str, user_id: Any) -> None:
    assert heard(row(ONE, actor=actor))["user_id"] == user_id


def test_a_message_that_nobody_caused_names_no_user() -> None:
    assert "user_id" not in heard(row(ONE, actor=None))


SCOPE = {"model": "scheduling.surgery", "rooms": [1, 2], "dates": ["2026-01-15"], "surgeries": [5]}


def wants(message: Row, **wanted: list[str]) -> bool:
    return is_wanted(message, {k: frozenset(v) for k, v in wanted.items()}, "user.7")


@pytest.mark.parametrize(
    ("wanted", "is_told"),
    [
        ({}, True),
        ({"rooms": ["1"]}, True),
        ({"rooms": ["2", "9"]}, True),
        ({"rooms": ["9"]}, False),
        ({"rooms": []}, False),
        ({"dates": ["2026-01-16"]}, False),
        ({"surgeries": ["5"], "rooms": ["1"]}, True),
        ({"surgeries": ["5"], "rooms": ["9"]}, False),
        ({"models": ["scheduling.room"]}, False),
        ({"types": ["system_notification"]}, False),
    ],
)
def test_a_subscription_narrows_what_is_told(wanted: dict[str, list[str]], is_told: bool) -> None:
    assert wants(row(ONE, scope_text=dumps(SCOPE)), **wanted) is is_told


def test_what_has_no_room_is_not_narrowed_away_by_rooms() -> None:
    assert wants(row({}, type="system_notification"), rooms=["9"])


@pytest.mark.parametrize("type_", ["emergency_alert", "resync"])
def test_what_everybody_must_know_is_never_narrowed_away(type_: str) -> None:
    assert wants(row({}, type=type_, scope_text=dumps(SCOPE)), types=[], rooms=["9"])


def test_what_is_addressed_to_oneself_is_never_narrowed_away() -> None:
    message = row(ONE, scope_text=dumps(SCOPE), groups=frozenset({"user.7"}))

    assert wants(message, rooms=["9"])


def test_what_was_written_before_texts_were_clean_is_told_clean() -> None:
    message = row(ONE | {"changes": {"status": "<b>\u202ebold"}})

    assert heard(message)["data"]["changes"] == {"status": "< b>bold"}
    assert heard(message, mark="early")["data"]["changes"] == {"status": "< b>bold"}
