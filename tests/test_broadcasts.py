"""The named verbs: the seed's own calls, whom they reach, and what they refuse."""

import asyncio
import datetime as dt
import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.utils import timezone

import scheduler_realtime
from scheduler_realtime import (
    InvalidMessage,
    broadcast_optimization_progress,
    broadcast_schedule_update,
    send_system_notification,
)
from scheduler_realtime.models import Message
from scheduler_realtime.testing import heard_by
from tests.harness import fake_hub
from tests.harness.fake_hub import FakeHub
from tests.test_messages import SEED as SHAPES

Verb = Callable[..., Message | None]

# Each call as it stands in the project's own description.
SEED: dict[str, dict[str, Any]] = {
    "broadcast_schedule_update": SHAPES["schedule_update"] | {"user_id": 1},
    "broadcast_optimization_progress": SHAPES["optimization_progress"] | {"user_id": 1},
    "broadcast_conflict_notification": SHAPES["conflict_notification"],
    "broadcast_emergency_alert": SHAPES["emergency_alert"] | {"user_id": 1},
    "send_system_notification": SHAPES["system_notification"],
}


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with fake_hub.attached() as hub:
        yield hub


@pytest.fixture
def nurse(db: None) -> User:
    user = User.objects.create_user("nurse")
    user.groups.add(Group.objects.create(name="or_nurse"))
    return user


@pytest.fixture
def chief(db: None) -> User:
    return User.objects.create_superuser("chief")


@pytest.fixture(params=SEED)
def call(request: pytest.FixtureRequest) -> tuple[Verb, dict[str, Any]]:
    """A verb and its seed call, whose run no other test speaks of."""
    given = SEED[request.param]
    if "optimization_id" in given:
        given = given | {"optimization_id": uuid.uuid4()}
    return getattr(scheduler_realtime, request.param), given


def body(message: Message | None) -> dict[str, Any]:
    assert message is not None
    data: dict[str, Any] = json.loads(message.body)
    return data


def test_the_seeds_call_is_heard_by_everyone_with_the_seeds_values(
    call: tuple[Verb, dict[str, Any]], chief: User
) -> None:
    verb, given = call

    verb(**given)

    (frame,) = heard_by(chief)
    said = {name: value for name, value in given.items() if name != "user_id"}
    said |= {"optimization_id": str(given["optimization_id"])} if "optimization_id" in given else {}
    assert frame["data"].items() >= said.items()
    assert frame.get("user_id") == given.get("user_id")


def test_a_message_for_a_user_is_heard_by_no_other(
    call: tuple[Verb, dict[str, Any]], nurse: User, chief: User
) -> None:
    verb, given = call

    verb(**given, users=[nurse])

    assert (len(heard_by(nurse)), len(heard_by(chief))) == (1, 0)


def test_a_message_for_a_role_is_heard_by_no_other(
    call: tuple[Verb, dict[str, Any]], nurse: User, chief: User
) -> None:
    verb, given = call

    verb(**given, roles=["admin"])

    assert (len(heard_by(nurse)), len(heard_by(chief))) == (0, 1)


def test_a_message_for_an_empty_list_is_heard_by_nobody(
    call: tuple[Verb, dict[str, Any]], nurse: User, chief: User
) -> None:
    verb, given = call

    verb(**given, users=[])

    assert (heard_by(nurse), heard_by(chief)) == ([], [])


@pytest.mark.django_db
def test_only_an_emergency_must_be_acknowledged_unless_somebody_says_so(
    call: tuple[Verb, dict[str, Any]],
) -> None:
    verb, given = call

    message = verb(**given)

    assert message is not None
    assert message.ack_required is (verb.__name__ == "broadcast_emergency_alert")


@pytest.mark.django_db
@pytest.mark.parametrize("is_needed", [True, False])
def test_whoever_calls_may_say_whether_it_must_be_acknowledged(
    call: tuple[Verb, dict[str, Any]], is_needed: bool
) -> None:
    verb, given = call

    message = verb(**given, ack_required=is_needed)

    assert message is not None
    assert message.ack_required is is_needed


@pytest.mark.parametrize(("minutes", "times"), [(-1, 0), (1, 1)])
def test_a_message_is_heard_until_its_end(
    minutes: int, times: int, call: tuple[Verb, dict[str, Any]], chief: User
) -> None:
    verb, given = call

    verb(**given, expires_at=timezone.now() + dt.timedelta(minutes=minutes))

    assert len(heard_by(chief)) == times


@pytest.mark.django_db
@pytest.mark.parametrize("wrong", [{"expires_at": "soon"}, {"user_id": object()}, {"users": 7}])
def test_what_cannot_be_sent_is_not_stored(
    call: tuple[Verb, dict[str, Any]], wrong: dict[str, Any]
) -> None:
    verb, given = call

    with pytest.raises(scheduler_realtime.RealtimeError):
        verb(**given | wrong)

    assert not Message.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_call_in_a_transaction_that_rolls_back_says_nothing(
    call: tuple[Verb, dict[str, Any]], hub: FakeHub
) -> None:
    verb, given = call

    with transaction.atomic():
        verb(**given)
        transaction.set_rollback(True)

    assert (Message.objects.count(), hub.heard, hub.woken) == (0, [], 0)


@pytest.mark.django_db(transaction=True)
def test_the_twin_of_each_verb_says_the_same(
    call: tuple[Verb, dict[str, Any]], hub: FakeHub
) -> None:
    verb, given = call
    twin = getattr(scheduler_realtime, f"a{verb.__name__}")

    message = asyncio.run(twin(**given))

    assert message == Message.objects.get()
    assert (message.position, hub.woken) == (None, 1)


@pytest.mark.django_db
def test_a_moment_is_given_as_its_day_in_the_projects_zone() -> None:
    late = dt.datetime(2026, 1, 15, 23, 30, tzinfo=dt.UTC)

    message = broadcast_schedule_update(action="create", surgery_id=1, schedule_date=late)

    assert body(message)["schedule_date"] == "2026-01-16"


@pytest.mark.parametrize("wrong", ["124", {"124": 1}, 124])
def test_one_surgery_where_many_are_meant_is_refused(wrong: Any) -> None:
    with pytest.raises(InvalidMessage) as refusal:
        broadcast_schedule_update(action="create", surgery_id=1, affected_surgeries=wrong)

    assert refusal.value.path == "data.affected_surgeries"


@pytest.mark.parametrize("model", [None, "scheduling.surgery", "scheduling.Surgery"])
def test_what_a_binding_protects_is_protected_in_a_call_too(
    model: str | None, nurse: User, chief: User
) -> None:
    broadcast_schedule_update(
        action="update",
        surgery_id=1,
        model=model,
        changes={"patient_name": "Ann", "status": "done"},
    )

    changes = [heard_by(user)[0]["data"]["changes"] for user in (nurse, chief)]
    assert changes == [{"status": "done"}, {"patient_name": "Ann", "status": "done"}]


def test_a_patients_name_in_an_emergency_is_for_the_cleared(nurse: User, chief: User) -> None:
    scheduler_realtime.broadcast_emergency_alert(**SEED["broadcast_emergency_alert"])

    assert "patient_name" not in heard_by(nurse)[0]["data"]
    assert heard_by(chief)[0]["data"]["patient_name"] == "John Doe"


@pytest.mark.django_db
def test_a_notification_tells_its_links_and_its_end() -> None:
    links = [{"label": "Open", "url": "/schedule"}]

    data = body(
        send_system_notification(
            title="a",
            message="b",
            severity="warning",
            action_items=links,
            notification_id=7,
            expires_at="2026-01-15T10:30:00+01:00",
        )
    )

    assert data == {
        "notification_id": "7",
        "title": "a",
        "message": "b",
        "severity": "warning",
        "action_items": links,
        "expires_at": "2026-01-15T09:30:00.000Z",
        "ack_required": False,
    }


# Of an optimisation, only the first and the final state are kept.


def tell(run: object, status: str = "running") -> Message | None:
    return broadcast_optimization_progress(
        optimization_id=run, progress_percentage=1, status=status
    )


@pytest.mark.django_db
@pytest.mark.parametrize("end", ["completed", "failed", "cancelled"])
def test_the_first_and_the_final_state_are_kept(end: str, hub: FakeHub) -> None:
    run = uuid.uuid4()

    kept = [tell(run, status) is not None for status in ("queued", "running", end, "running")]

    assert kept == [True, False, True, False]


@pytest.mark.django_db
def test_each_optimisation_has_a_first_state(hub: FakeHub) -> None:
    one, two = uuid.uuid4(), uuid.uuid4()

    assert [tell(run) is not None for run in (one, two, one, two)] == [True, True, False, False]


@pytest.mark.django_db(transaction=True)
def test_a_first_state_that_was_rolled_back_is_told_again(hub: FakeHub) -> None:
    run = uuid.uuid4()
    with transaction.atomic():
        tell(run)
        transaction.set_rollback(True)

    assert [tell(run) is not None for _ in range(2)] == [True, False]


@pytest.mark.django_db
def test_a_first_state_whose_savepoint_was_rolled_back_is_told_again(hub: FakeHub) -> None:
    run = uuid.uuid4()
    with transaction.atomic():
        tell(run)
        transaction.set_rollback(True)

    assert [tell(run) is not None for _ in range(2)] == [True, False]
