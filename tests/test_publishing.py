"""publish(): what is stored and sent, when, and what never is."""

import datetime as dt
import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.db import IntegrityError, transaction
from pytest_django import DjangoAssertNumQueries

from scheduler_realtime import acting_as
from scheduler_realtime.exceptions import InvalidAudience, InvalidMessage
from scheduler_realtime.messages import (
    ConflictNotification,
    EmergencyAlert,
    Payload,
    ScheduleUpdate,
    SystemNotification,
    UserPresence,
)
from scheduler_realtime.models import Message
from scheduler_realtime.publishing import publish
from tests.harness import fake_hub
from tests.harness.fake_hub import FakeHub

NOTICE = SystemNotification(title="Upgrade", message="At noon")
ALERT = EmergencyAlert(emergency_id="e", emergency_type="trauma", priority="high", description="d")
PRESENCE = UserPresence(user_id=1, action="join", username="ann")


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with fake_hub.attached() as hub:
        yield hub


@pytest.fixture
def _commits(transactional_db: None, hub: FakeHub) -> None:
    """A database in which commits are commits."""


def body(message: Message | None) -> dict[str, Any]:
    assert message is not None
    data: dict[str, Any] = json.loads(message.body)
    return data


@pytest.mark.usefixtures("_commits")
def test_a_kept_message_is_stored_with_a_key_and_no_position() -> None:
    message = publish(NOTICE)

    assert message is not None
    assert message.position is None
    assert Message.objects.get().key == message.key


@pytest.mark.usefixtures("_commits")
def test_a_key_that_was_used_is_not_used_again() -> None:
    key = uuid.uuid4()
    first = publish(NOTICE, key=key)

    with pytest.raises(IntegrityError), transaction.atomic():
        publish(NOTICE, key=key)

    assert first is not None
    assert [message.key for message in Message.objects.all()] == [first.key] == [key]


@pytest.mark.usefixtures("_commits")
def test_a_message_of_a_transaction_that_rolls_back_was_never_there(hub: FakeHub) -> None:
    with transaction.atomic():
        publish(NOTICE)
        publish(PRESENCE)
        transaction.set_rollback(True)

    assert not Message.objects.exists()
    assert (hub.heard, hub.woken) == ([], 0)


@pytest.mark.usefixtures("_commits")
def test_a_message_of_a_savepoint_that_rolls_back_was_never_there(hub: FakeHub) -> None:
    with transaction.atomic():
        publish(NOTICE)
        with transaction.atomic():
            publish(ALERT)
            publish(PRESENCE)
            transaction.set_rollback(True)

    assert [message.type for message in Message.objects.all()] == ["system_notification"]
    assert hub.heard == []


@pytest.mark.usefixtures("_commits")
def test_the_relay_is_woken_by_the_commit_and_not_before(hub: FakeHub) -> None:
    with transaction.atomic():
        publish(NOTICE)
        before = hub.woken

    assert (before, hub.woken) == (0, 1)


@pytest.mark.usefixtures("_commits")
def test_a_message_of_the_moment_goes_out_with_the_commit(hub: FakeHub) -> None:
    with transaction.atomic():
        publish(PRESENCE, users=[7])
        before = list(hub.heard)

    assert before == []
    assert [message["groups"] for message in hub.heard] == [["user.7"]]
    assert hub.heard[0]["frame"]["data"]["username"] == "ann"


@pytest.mark.usefixtures("_commits")
def test_a_message_of_the_moment_is_not_stored() -> None:
    assert publish(PRESENCE) is None
    assert not Message.objects.exists()


def test_a_message_of_the_moment_outside_a_transaction_needs_no_database(hub: FakeHub) -> None:
    publish(PRESENCE, user_id=1)

    assert len(hub.heard) == 1


@pytest.mark.django_db
def test_a_kept_message_costs_two_statements(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    with django_assert_num_queries(2):
        publish(NOTICE)


BROKEN: dict[str, tuple[Payload, dict[str, Any], type[Exception]]] = {
    "nan": (ScheduleUpdate(action="update", changes={"a": float("nan")}), {}, InvalidMessage),
    "users": (NOTICE, {"users": "ann"}, InvalidAudience),
    "actor": (NOTICE, {"user_id": [1]}, InvalidMessage),
    "long actor": (NOTICE, {"user_id": "a" * 256}, InvalidMessage),
    "expiry": (NOTICE, {"expires_at": "soon"}, InvalidMessage),
    "expiry of the moment": (PRESENCE, {"expires_at": "soon"}, InvalidMessage),
    "actor of the moment": (PRESENCE, {"user_id": True}, InvalidMessage),
}


@pytest.mark.django_db
@pytest.mark.parametrize(("payload", "aim", "error"), BROKEN.values(), ids=BROKEN)
def test_what_is_refused_is_neither_stored_nor_sent(
    payload: Payload, aim: dict[str, Any], error: type[Exception], hub: FakeHub
) -> None:
    with pytest.raises(error):
        publish(payload, **aim)

    assert not Message.objects.exists()
    assert hub.heard == []


# Who caused it.


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("given", "actor"),
    [
        (5, "5"),
        (User(pk=5), "5"),
        ("simulation", "simulation"),
        (AnonymousUser(), None),
        (None, "7"),
    ],
)
def test_who_is_named_goes_before_who_acts(given: Any, actor: str | None) -> None:
    with acting_as(User(pk=7)):
        message = publish(NOTICE, user_id=given)

    assert message is not None
    assert message.actor == actor


# What subscribers narrow by.


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("data", "scope"),
    [
        ({"surgery_id": 7, "affected_surgeries": [8, "b"]}, {"surgeries": [7, 8, "b"]}),
        ({"room_id": 0, "schedule_date": "2026-01-15"}, {"rooms": [0], "dates": ["2026-01-15"]}),
        ({"model": "a.b"}, {"model": "a.b"}),
        ({"affected_surgeries": 5, "room_id": {}, "schedule_date": [1], "model": True}, {}),
        ({"affected_surgeries": [None, [], {"id": 1}], "room_id": "", "surgery_id": 1.5}, {}),
    ],
)
def test_whatever_stands_where_a_key_may_only_keys_are_narrowed_by(
    data: dict[str, Any], scope: dict[str, Any]
) -> None:
    message = publish(SystemNotification.checked({"title": "t", "message": "m"} | data))

    assert message is not None
    assert json.loads(message.scope) == scope


# Until when, and whether it must be acknowledged.


@pytest.mark.django_db
@pytest.mark.parametrize(
    "given",
    [
        dt.datetime(2026, 1, 15, 10, 30, tzinfo=dt.UTC),
        dt.datetime(2026, 1, 15, 11, 30),  # noqa: DTZ001 - in the project's zone
        "2026-01-15T10:30:00Z",
        "2026-01-15T11:30:00+01:00",
        "2026-01-15 11:30",
    ],
    ids=str,
)
def test_an_end_is_a_moment_however_it_is_written(given: Any) -> None:
    message = publish(NOTICE, expires_at=given)

    assert message is not None
    assert message.expires_at == dt.datetime(2026, 1, 15, 10, 30, tzinfo=dt.UTC)
    assert body(message)["expires_at"] == "2026-01-15T10:30:00.000Z"


@pytest.mark.django_db
@pytest.mark.parametrize(
    "given",
    [
        "soon",
        "",
        "2026-01-15",
        "2026-13-45T10:30:00",
        dt.date(2026, 1, 15),
        dt.timedelta(hours=1),
        5,
        dt.datetime.max.replace(tzinfo=dt.timezone(dt.timedelta(hours=-1))),
    ],
    ids=str,
)
def test_an_end_that_is_no_moment_is_refused(given: Any) -> None:
    with pytest.raises(InvalidMessage) as refusal:
        publish(NOTICE, expires_at=given)

    assert refusal.value.path == "expires_at"


@pytest.mark.django_db
def test_an_end_that_the_payload_tells_is_the_messages() -> None:
    message = publish(NOTICE.model_copy(update={"expires_at": "2026-01-15T10:30:00Z"}))

    assert message is not None
    assert message.expires_at == dt.datetime(2026, 1, 15, 10, 30, tzinfo=dt.UTC)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("payload", "asked", "is_needed"),
    [
        (NOTICE, None, False),
        (NOTICE, True, True),
        (ALERT, None, True),
        (ALERT, False, False),
        (EmergencyAlert(**ALERT.model_dump() | {"ack_required": False}), None, False),
        (EmergencyAlert(**ALERT.model_dump() | {"ack_required": False}), True, True),
    ],
)
def test_payload_and_log_agree_on_whether_it_must_be_acknowledged(
    payload: Payload, asked: bool | None, is_needed: bool
) -> None:
    message = publish(payload, ack_required=asked)

    assert message is not None
    assert message.ack_required is is_needed
    assert body(message)["ack_required"] is is_needed


@pytest.mark.django_db
def test_a_key_of_the_host_that_is_named_like_ours_is_left_alone() -> None:
    data = {"conflict_id": 1, "conflict_type": "a", "severity": "info", "description": "d"}

    message = publish(ConflictNotification.checked(data | {"expires_at": "soon"}))

    assert message is not None
    assert message.expires_at is None
    assert body(message)["expires_at"] == "soon"
