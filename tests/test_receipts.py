"""Receipts in the database: each once, the first time counts, and only of what one may see."""

import threading
import uuid
from collections.abc import Collection
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from scheduler_realtime import log, receipts
from scheduler_realtime.identity import identity_of
from scheduler_realtime.log import Bounds, Draft
from scheduler_realtime.models import Message, Position, Receipt
from scheduler_realtime.receipts import Claim, Outcome
from scheduler_realtime.recipients import recipients_of
from scheduler_realtime.testing import pump
from scheduler_realtime.trimming import AWAITED, Trimmer

EVERYONE = frozenset({"everyone"})


@pytest.fixture
def nurse() -> User:
    user = User.objects.create(username="nurse")
    user.groups.add(Group.objects.create(name="nurse"))
    return user


@pytest.fixture
def surgeon() -> User:
    return User.objects.create(username="surgeon")


def write(groups: Collection[str] = EVERYONE, **facts: Any) -> int:
    """Append a message that must be acknowledged, and return its position."""
    given: dict[str, Any] = {"ack_required": True, "type": "system_notification", "data": {}}
    pump()
    log.append([Draft(groups=frozenset(groups), **given | facts)])
    pump()
    return log.state().head


def claim(user: User, *positions: int) -> Claim:
    known = identity_of(user)
    return Claim(user_id=known.user_id, groups=known.groups, positions=frozenset(positions))


def news(outcome: Outcome) -> list[tuple[Any, int]]:
    return sorted((noted.user_id, noted.message.position) for noted in outcome.news)


def awaiting(user: User) -> list[int]:
    listener = (user.pk, identity_of(user).groups)
    return [row.position for row in receipts.awaiting([listener])[listener]]


pytestmark = pytest.mark.django_db


def test_many_acknowledgements_are_one_batch(nurse: User, surgeon: User) -> None:
    positions = [write() for _ in range(3)]
    claims = [claim(nurse, *positions), claim(surgeon, positions[0])]

    with CaptureQueriesContext(connection) as statements:
        outcome = receipts.acknowledge(claims)

    assert news(outcome) == sorted(
        [(surgeon.pk, positions[0]), *((nurse.pk, each) for each in positions)]
    )
    assert len(statements) == 2


def test_the_first_acknowledgement_counts(nurse: User) -> None:
    position = write()
    receipts.acknowledge([claim(nurse, position)])
    first = Receipt.objects.get().acknowledged_at

    again = receipts.acknowledge([claim(nurse, position)])

    assert again.taken[claim(nurse, position)] == {position}
    assert again.news == []
    assert Receipt.objects.get().acknowledged_at == first


def test_a_delivery_is_kept_and_then_acknowledged(nurse: User) -> None:
    position = write()

    delivered = receipts.deliver([claim(nurse, position)])
    again = receipts.deliver([claim(nurse, position)])
    at = Receipt.objects.get().delivered_at
    acknowledged = receipts.acknowledge([claim(nurse, position)])
    late = receipts.deliver([claim(nurse, position)])

    assert [len(each.news) for each in (delivered, again, acknowledged, late)] == [1, 0, 1, 0]
    receipt = Receipt.objects.get()
    assert receipt.delivered_at == at
    assert receipt.acknowledged_at is not None


def test_of_an_ordinary_message_no_delivery_is_kept_but_an_acknowledgement_is(nurse: User) -> None:
    position = write(ack_required=False)

    delivered = receipts.deliver([claim(nurse, position)])
    acknowledged = receipts.acknowledge([claim(nurse, position)])

    assert delivered.news == []
    assert news(acknowledged) == [(nurse.pk, position)]


def test_what_one_may_not_see_is_not_taken(nurse: User, surgeon: User) -> None:
    hers = write({f"user.{nurse.pk}"})
    strange = [hers, hers + 1, 0, -1, 2**63, 10**40]

    outcome = receipts.acknowledge([claim(surgeon, *strange)])

    assert outcome.taken[claim(surgeon, *strange)] == frozenset()
    assert not Receipt.objects.exists()


@pytest.mark.parametrize("write_down", [receipts.acknowledge, receipts.deliver])
def test_positions_of_another_log_are_not_taken(nurse: User, write_down: Any) -> None:
    position = write()
    before = log.state().epoch
    log.renew_epoch()

    old = write_down([claim(nurse, position)], epoch=before)
    now = write_down([claim(nurse, position)], epoch=log.state().epoch)

    assert old.taken[claim(nurse, position)] == frozenset()
    assert news(now) == [(nurse.pk, position)]


@pytest.mark.django_db(transaction=True)
def test_two_processes_that_write_the_same_receipts_do_not_wait_for_each_other_for_ever() -> None:
    users = [User.objects.create(username=f"user {n}") for n in range(10)]
    positions = [write() for _ in range(10)]
    claims = [claim(user, *positions) for user in users]
    outcomes: list[Outcome] = []

    def work(mine: list[Claim]) -> None:
        outcomes.append(receipts.acknowledge(mine))
        connections.close_all()

    threads = [
        threading.Thread(target=partial(work, mine))
        for mine in (claims, claims[::-1], claims, claims[::-1])
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    told = [each for outcome in outcomes for each in news(outcome)]
    assert sorted(told) == sorted((user.pk, position) for user in users for position in positions)


def test_what_awaits_a_user_is_whatever_that_user_has_not_acknowledged(
    nurse: User, surgeon: User
) -> None:
    first, second = write(), write({"role.nurse"})
    write(ack_required=False)
    write(expires_at=timezone.now() - timedelta(seconds=1))

    receipts.deliver([claim(nurse, first, second)])
    receipts.acknowledge([claim(nurse, first)])

    assert awaiting(nurse) == [second]
    assert awaiting(surgeon) == [first]


def test_where_nothing_awaits_anybody_joining_costs_one_statement(nurse: User) -> None:
    listeners = [(n, frozenset({"everyone", f"user.{n}"})) for n in range(1000)]

    with CaptureQueriesContext(connection) as statements:
        receipts.awaiting(listeners)

    assert len(statements) == 1


def test_a_position_only_grows_but_begins_anew_with_another_log(nurse: User) -> None:
    epoch, another = log.state().epoch, str(uuid.uuid4())
    found = []

    for position, known in ((7, epoch), (5, epoch), (3, another), (4, another)):
        receipts.reach({nurse.pk: position}, epoch=known)
        found.append(Position.objects.get().position)

    assert found == [7, 7, 3, 4]


def test_a_position_of_another_log_makes_nobody_a_recipient(nurse: User) -> None:
    position = write({"role.nurse"}, ack_required=False)
    receipts.reach({nurse.pk: position}, epoch=str(uuid.uuid4()))

    assert not recipients_of(log.at_positions([position])[position])


def test_recipients_are_those_with_a_receipt(nurse: User, surgeon: User) -> None:
    position = write()
    receipts.deliver([claim(nurse, position)])
    receipts.reach({surgeon.pk: position}, epoch=log.state().epoch)

    found = list(recipients_of(log.at_positions([position])[position]))

    assert [user.username for user in found] == ["nurse"]
    assert found[0].delivered_at is not None
    assert found[0].acknowledged_at is None


def test_of_an_ordinary_message_recipients_are_those_entitled_who_read_beyond_it(
    nurse: User, surgeon: User
) -> None:
    position = write({"role.nurse"}, ack_required=False)
    others = User.objects.create(username="late")
    others.groups.add(Group.objects.get(name="nurse"))
    reached = {nurse.pk: position, surgeon.pk: position, others.pk: position - 1}
    receipts.reach(reached, epoch=log.state().epoch)

    found = recipients_of(log.at_positions([position])[position])

    assert [user.username for user in found] == ["nurse"]


BOUNDS = Bounds(keep=1, min_age=600)


@pytest.fixture
def aged(settings: Any) -> Any:
    """Call it to make everything written so far an hour old; one message is kept."""
    settings.SCHEDULER_REALTIME = {"MESSAGE_HISTORY_SIZE": 1}

    def age() -> None:
        Message.objects.update(created_at=timezone.now() - timedelta(hours=1))

    return age


def kept() -> list[int | None]:
    return list(Message.objects.order_by("position").values_list("position", flat=True))


def test_an_alert_stays_until_everybody_who_may_see_it_has_acknowledged_it(
    nurse: User, surgeon: User, aged: Any
) -> None:
    User.objects.create(username="gone", is_active=False)
    alert, last = write(), write(ack_required=False)
    aged()
    trimmer = Trimmer()

    receipts.acknowledge([claim(nurse, alert)])
    trimmer.trim()
    waiting = kept()
    receipts.acknowledge([claim(surgeon, alert)])
    trimmer.trim()

    assert waiting == [alert, last]
    assert kept() == [last]
    assert not Receipt.objects.exists()


def test_an_alert_that_stays_is_kept_below_the_floor(nurse: User, aged: Any) -> None:
    alert, between, last = write(), write(ack_required=False), write(ack_required=False)
    aged()

    Trimmer().trim()

    assert kept() == [alert, last]
    assert log.state().floor == between
    assert awaiting(nurse) == [alert]


def test_round_after_round_every_alert_is_asked_about(nurse: User, aged: Any) -> None:
    positions = [write({f"user.{nurse.pk}"}) for _ in range(AWAITED + 2)]
    last = write(ack_required=False)
    aged()
    receipts.acknowledge([claim(nurse, positions[-1])])
    trimmer = Trimmer()

    for _ in range(2):
        trimmer.trim()

    assert kept() == [*positions[:-1], last]


def test_retention_takes_what_is_old_however_few_there_are(settings: Any) -> None:
    settings.SCHEDULER_REALTIME = {"MESSAGE_RETENTION": 1800}
    old, alert = write(ack_required=False), write()
    Message.objects.update(created_at=timezone.now() - timedelta(hours=1))
    young = write(ack_required=False)
    User.objects.create(username="somebody")

    Trimmer().trim()

    assert kept() == [alert, young]
    assert log.state().floor == old


def test_retention_takes_nothing_that_is_too_young_to_be_trimmed(settings: Any) -> None:
    settings.SCHEDULER_REALTIME = {"MESSAGE_RETENTION": 10}
    position = write(ack_required=False)
    Message.objects.update(created_at=timezone.now() - timedelta(seconds=60))

    Trimmer().trim()

    assert kept() == [position]
