"""For a host's own tests: the relay is pumped by hand, in the test's own connection."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.db import transaction
from django.test import TestCase
from django.utils import timezone

from project.scheduling import seed
from project.scheduling.models import OperatingRoom, Surgery
from scheduler_realtime import (
    broadcast_schedule_update,
    doorbell,
    send_system_notification,
)
from scheduler_realtime.log import positions
from scheduler_realtime.models import Log, Message
from scheduler_realtime.testing import heard_by, muted, pump
from tests.harness import fake_hub


def say(title: str, **aim: Any) -> None:
    send_system_notification(title=title, message="m", **aim)


def titles(user: User, *, after: int = 0) -> list[str]:
    return [frame["data"]["title"] for frame in heard_by(user, after=after)]


@pytest.fixture
def nurse(db: None) -> User:
    return User.objects.create_user("nurse")


class HostsOwnTest(TestCase):
    """As a host would write it, with Django's own runner in mind."""

    @classmethod
    def setUpTestData(cls) -> None:
        seed.open_day(timezone.localdate())
        pump()

    def test_a_moved_surgery_is_heard(self) -> None:
        surgery = Surgery.objects.all()[0]

        surgery.status = Surgery.Status.CANCELLED
        surgery.save()

        frame = heard_by(surgery.surgeon)[-1]
        assert (frame["data"]["action"], frame["data"]["surgery_id"]) == ("update", surgery.pk)
        assert frame["data"]["changes"] == {"status": "cancelled"}


def test_a_message_has_a_position_only_after_pumping(nurse: User) -> None:
    say("a")
    before = list(Message.objects.values_list("position", flat=True))

    given = pump()

    assert (before, given) == ([None], 1)
    assert Message.objects.get().position == Log.objects.get().head


def test_pumping_an_empty_log_gives_nothing(nurse: User) -> None:
    assert (pump(), pump()) == (0, 0)


def test_what_a_user_hears_is_in_order_and_only_theirs(nurse: User) -> None:
    say("a")
    say("b", users=[nurse])
    say("c", roles=["surgeon"])
    say("d")

    assert titles(nurse) == ["a", "b", "d"]


def test_what_was_heard_before_a_position_is_not_heard_behind_it(nurse: User) -> None:
    say("a")
    (first,) = heard_by(nurse)
    say("b")

    assert titles(nurse, after=first["id"]) == ["b"]


def test_permissions_are_those_of_now(nurse: User) -> None:
    broadcast_schedule_update(action="update", surgery_id=1, changes={"patient_name": "Ann"})
    before = heard_by(nurse)[0]["data"]["changes"]

    nurse.has_perm("scheduler_realtime.view_patient_details")
    nurse.user_permissions.add(
        Permission.objects.get(
            codename="view_patient_details", content_type__app_label="scheduler_realtime"
        )
    )

    assert before == {}
    assert heard_by(nurse)[0]["data"]["changes"] == {"patient_name": "Ann"}


def test_groups_are_those_of_now(nurse: User) -> None:
    say("a", roles=["surgeon"])
    before = titles(nurse)

    nurse.groups.add(Group.objects.create(name="surgeon"))

    assert (before, titles(nurse)) == ([], ["a"])


def test_who_is_inactive_hears_nothing(nurse: User) -> None:
    say("a")

    User.objects.update(is_active=False)

    assert titles(nurse) == []


def test_more_than_one_turn_of_a_relay_is_pumped_at_once(
    nurse: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(positions, "TURN", 2)
    say("a")
    Message.objects.bulk_create(
        Message(
            tx=f"tx-{number}",
            type="system_notification",
            created_at=timezone.now(),
            body='{"title": "b"}',
            groups='["everyone"]',
        )
        for number in range(5)
    )

    assert pump() == 6


def test_what_one_test_changes_and_takes_back_is_not_heard(nurse: User) -> None:
    room = OperatingRoom.objects.create(name=str(uuid.uuid4()))
    pump()
    head = Log.objects.get().head

    room.specialty = "heart"
    room.save()
    room.specialty = ""
    room.save()

    assert heard_by(nurse, after=head) == []


@pytest.mark.django_db(transaction=True)
def test_a_log_that_a_tests_flush_has_emptied_begins_anew() -> None:
    Log.objects.all().delete()
    say("a")

    assert titles(User.objects.create_user("nurse")) == ["a"]


@pytest.fixture
def _no_hub() -> Iterator[None]:
    yield
    doorbell.mute(False)


@pytest.mark.usefixtures("_no_hub")
def test_nothing_rings_while_muted_and_what_was_muted_before_stays_so() -> None:
    with fake_hub.attached() as hub:
        with muted():
            with muted():
                doorbell.ring(1)
            doorbell.ring(2)
        before = list(hub.carried)
        doorbell.ring(3)

    assert (before, hub.carried) == ([], [doorbell.LOG_GROUP])


@pytest.mark.django_db
def test_a_transaction_may_be_pumped_before_it_ends(nurse: User) -> None:
    with transaction.atomic():
        say("a")

        assert titles(nurse) == ["a"]
