"""The log: nothing is in it that was not committed, and all that was, in one order."""

import threading
from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone

from scheduler_realtime import log
from scheduler_realtime.exceptions import HistoryGap
from scheduler_realtime.log import Bounds, Draft
from scheduler_realtime.models import Log, Message
from scheduler_realtime.relay import Relay

EVERYONE = frozenset({"everyone"})


def draft(name: str) -> Draft:
    return Draft(type="system_notification", data={"title": name}, groups=EVERYONE)


def sequence() -> int | None:
    with transaction.atomic():
        given = log.sequence(bulk_threshold=50)
    return None if given is None else given.count


def titles() -> list[str]:
    """The titles in the log, in the order of their positions."""
    return [row.data["title"] for row in log.read_after(log.state().floor).rows]


def in_threads(*works: Callable[[], None]) -> None:
    """Run each in a thread with a connection of its own, and raise what one of them raised."""
    faults: list[BaseException] = []

    def run(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as fault:  # noqa: BLE001 - raised again below
            faults.append(fault)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise faults[0]


@pytest.mark.django_db
def test_a_message_has_no_position_until_a_relay_has_given_it_one() -> None:
    before = log.state()

    log.append([draft("a")])

    assert log.state().waiting
    assert log.state().head == before.head
    assert sequence() == 1
    assert not log.state().waiting
    assert Message.objects.get().position == log.state().head == before.head + 1


@pytest.mark.django_db
def test_a_rolled_back_message_is_not_in_the_log() -> None:
    with transaction.atomic():
        log.append([draft("a")])
        transaction.set_rollback(True)

    assert not log.state().waiting


def test_without_autocommit_a_message_is_committed_with_its_transaction(committed: None) -> None:
    connection.set_autocommit(False)
    try:
        log.append([draft("a")])
        connection.rollback()
        log.append([draft("b")])
        connection.commit()
    finally:
        connection.set_autocommit(True)
    sequence()

    assert titles() == ["b"]


def test_rows_of_a_transaction_stand_together(committed: None) -> None:
    both_wrote, may_go_on = threading.Event(), threading.Event()

    def slow() -> None:
        with transaction.atomic():
            log.append([draft("slow 1")])
            both_wrote.set()
            may_go_on.wait(5)
            log.append([draft("slow 2")])

    def quick() -> None:
        both_wrote.wait(5)
        if connection.vendor == "sqlite":
            may_go_on.set()  # it has one writer at a time
        log.append([draft("quick")])
        may_go_on.set()

    in_threads(slow, quick)
    sequence()

    order = ["slow 1", "slow 2", "quick"]
    assert titles() == (order if connection.vendor == "sqlite" else ["quick", *order[:2]])


def test_what_was_committed_before_another_began_comes_first(committed: None) -> None:
    for name in "abc":
        log.append([draft(name)])
    with transaction.atomic():
        log.append([draft("d")])
        log.append([draft("e")])

    sequence()

    assert titles() == ["a", "b", "c", "d", "e"]


WRITERS, EACH = 6, 25


def write(writer: int) -> None:
    """Append numbered messages, every fifth of them only after a try that is rolled back."""
    for number in range(EACH):
        if number % 5 == 0:
            with transaction.atomic():
                log.append([draft("rolled back")])
                transaction.set_rollback(True)
        log.append([draft(f"{writer}:{number}")])


def test_positions_are_contiguous_with_writers_and_relays_at_work(committed: None) -> None:
    done = threading.Event()

    def relay() -> None:
        own = Relay()
        while not done.is_set() or log.state().waiting:
            own.turn()

    def write_all() -> None:
        try:
            in_threads(*(partial(write, writer) for writer in range(WRITERS)))
        finally:
            done.set()

    in_threads(relay, relay, relay, write_all)

    positions = Message.objects.order_by("position").values_list("position", flat=True)
    assert list(positions) == list(range(1, WRITERS * EACH + 1))
    for writer in range(WRITERS):
        own = [title for title in titles() if title.startswith(f"{writer}:")]
        assert own == [f"{writer}:{number}" for number in range(EACH)]


@pytest.mark.postgres_only
def test_a_second_relay_leaves_the_log_to_the_first(committed: None) -> None:
    log.append([draft("a")])
    found: list[int | None] = []

    with transaction.atomic():
        Log.objects.select_for_update().get()
        in_threads(lambda: found.append(sequence()))

    assert found == [None]


@pytest.mark.django_db
def test_reading_behind_the_floor_is_a_gap() -> None:
    for name in "abc":
        log.append([draft(name)])
        sequence()
    start = log.state().head - 3
    Message.objects.update(created_at=timezone.now() - timedelta(hours=1))

    trimmed = log.trim(Bounds(keep=1, min_age=600))

    assert trimmed == 2
    assert log.state().floor == start + 2
    assert [row.data["title"] for row in log.read_after(start + 2).rows] == ["c"]
    with pytest.raises(HistoryGap) as gap:
        log.read_after(start + 1)
    assert gap.value.reason == "trimmed"


@pytest.mark.django_db
def test_what_is_young_or_awaits_an_acknowledgement_is_not_trimmed() -> None:
    log.append([draft("young")])
    waits = Draft(type="emergency_alert", data={}, groups=EVERYONE, ack_required=True)
    log.append([waits])
    sequence()
    Message.objects.filter(key=waits.key).update(created_at=timezone.now() - timedelta(hours=1))

    assert log.trim(Bounds(keep=0, min_age=600)) == 0


@pytest.mark.django_db
def test_an_expired_message_need_not_wait_for_its_acknowledgement() -> None:
    past = timezone.now() - timedelta(hours=1)
    expired = Draft(
        type="emergency_alert", data={}, groups=EVERYONE, ack_required=True, expires_at=past
    )
    log.append([expired])
    sequence()
    Message.objects.update(created_at=past)

    assert log.trim(Bounds(keep=0, min_age=600)) == 1


@pytest.mark.django_db
def test_reading_beyond_the_head_is_a_gap() -> None:
    with pytest.raises(HistoryGap) as gap:
        log.read_after(log.state().head + 1)

    assert gap.value.reason == "ahead"


@pytest.mark.django_db
def test_of_many_who_notice_a_restore_one_renews_the_epoch() -> None:
    known = log.state().epoch

    log.renew_epoch(known=known)
    renewed = log.state().epoch
    log.renew_epoch(known=known)

    assert renewed != known
    assert log.state().epoch == renewed


@pytest.mark.django_db
def test_a_log_that_was_emptied_is_another_log() -> None:
    before = log.state().epoch

    Log.objects.all().delete()

    assert log.state().epoch != before


@pytest.mark.django_db
def test_pages_follow_each_other_without_a_gap() -> None:
    start = log.state().head
    log.append([draft(str(number)) for number in range(7)])
    sequence()

    first = log.read_after(start, limit=4)
    second = log.read_after(first.rows[-1].position, limit=4)

    assert [row.data["title"] for row in first.rows + second.rows] == list("0123456")
    assert second.state.head == start + 7


@pytest.mark.postgres_only
def test_trimming_and_appending_do_not_wait_for_each_other(committed: None) -> None:
    for name in "abc":
        log.append([draft(name)])
    sequence()
    Message.objects.update(created_at=timezone.now() - timedelta(hours=1))
    trimmed: list[int] = []

    def trim() -> None:
        trimmed.append(log.trim(Bounds(keep=1, min_age=600)))

    with transaction.atomic():
        log.append([draft("not committed yet")])
        in_threads(trim)
    with transaction.atomic():
        log.trim(Bounds(keep=0, min_age=600))
        in_threads(lambda: log.append([draft("meanwhile")]))

    assert trimmed == [2]
    assert Message.objects.filter(position=None).count() == 2
