"""Recognising the log: what is another one gets another epoch, once, and what is not keeps its own."""

import threading
import uuid
from typing import Any

import pytest
from django.db import connection, transaction

from scheduler_realtime import log
from scheduler_realtime.exceptions import HistoryGap
from scheduler_realtime.log import Place, recognition
from scheduler_realtime.models import Log, Message
from scheduler_realtime.relay import Relay
from tests.test_log import draft, in_threads, sequence

pytestmark = pytest.mark.django_db

FORBIDDEN = "(SELECT nothing FROM nowhere)"


def publish(number: int = 1) -> None:
    """So many more messages in the log, each with its position."""
    for _ in range(number):
        log.append([draft("told")])
        sequence()


def restored_to(place: Place) -> None:
    """What came behind a place is gone, as after a restore."""
    Message.objects.filter(position__gt=place.position).delete()
    Log.objects.update(head=place.position)


@pytest.fixture
def backup() -> Place:
    """A place in the log from which nothing has been lost so far."""
    publish(2)
    return log.recognise().head


@pytest.fixture
def known(backup: Place) -> Place:
    """A place behind the backup, which a reader knows."""
    publish(2)
    return log.recognise().head


def test_the_log_as_it_was_left_keeps_its_epoch(known: Place) -> None:
    publish()

    seen = log.recognise(known)

    assert seen.state.epoch == known.epoch
    assert seen.head.position == known.position + 1


def test_recognising_what_is_known_is_one_statement(
    known: Place, django_assert_num_queries: Any
) -> None:
    savepoint = 2 if connection.in_atomic_block else 0

    with django_assert_num_queries(1 + savepoint):
        log.recognise(known)


def test_a_head_that_fell_behind_a_known_message_is_another_log(
    backup: Place, known: Place
) -> None:
    restored_to(backup)

    assert log.recognise(known).state.epoch != known.epoch


def test_another_message_in_the_place_of_a_known_one_is_another_log_however_far_its_head(
    backup: Place, known: Place
) -> None:
    restored_to(backup)
    publish(5)

    seen = log.recognise(known)

    assert seen.state.epoch != known.epoch
    assert seen.state.head == backup.position + 5


def test_a_known_message_that_was_trimmed_or_deleted_proves_nothing(known: Place) -> None:
    publish()
    Message.objects.filter(position=known.position).delete()

    assert log.recognise(known).state.epoch == known.epoch


def test_a_log_that_others_have_renewed_is_not_renewed_again(backup: Place, known: Place) -> None:
    restored_to(backup)
    first = log.recognise(known)

    second = log.recognise(known)

    assert first.state.epoch == second.state.epoch != known.epoch


def test_messages_that_the_logs_own_row_does_not_know_of_are_another_log(
    backup: Place, known: Place
) -> None:
    Log.objects.update(head=backup.position)

    seen = log.recognise()

    assert seen.state.epoch != known.epoch
    assert seen.state.head == known.position


def test_a_log_in_another_database_than_it_was_last_seen_in_is_another_log_once(
    known: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(recognition.HOME, connection.vendor, "'somewhere'")
    Log.objects.update(home="somewhere else")

    first, second = log.recognise(), log.recognise()

    assert first.state.epoch == second.state.epoch != known.epoch
    assert Log.objects.get().home == "somewhere"


def test_a_log_that_was_seen_in_no_database_yet_keeps_its_epoch(
    known: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(recognition.HOME, connection.vendor, "'somewhere'")
    Log.objects.update(home="")

    assert log.recognise().state.epoch == known.epoch
    assert Log.objects.get().home == "somewhere"


@pytest.mark.postgres_only
@pytest.mark.parametrize("last_home", ["", "somewhere"])
def test_a_database_that_does_not_tell_who_it_is_is_believed(
    known: Place, monkeypatch: pytest.MonkeyPatch, last_home: str
) -> None:
    monkeypatch.setitem(recognition.HOME, connection.vendor, FORBIDDEN)
    Log.objects.update(home=last_home)

    with transaction.atomic():
        seen = log.recognise(known)

    assert seen.state.epoch == known.epoch
    assert Log.objects.get().home == last_home


@pytest.mark.postgres_only
def test_postgresql_tells_cluster_timeline_database_and_table() -> None:
    vendor, cluster, timeline, database, table = log.look().home.split(":")

    assert (vendor, int(timeline, 16)) == ("postgresql", 1)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT system_identifier, timeline_id FROM pg_control_system(), pg_control_checkpoint()"
        )
        assert (int(cluster), int(timeline, 16)) == tuple(map(int, cursor.fetchone()))
        cursor.execute("SELECT current_database(), 'scheduler_realtime_log'::regclass::oid")
        name, oid = cursor.fetchone()
        cursor.execute("SELECT oid FROM pg_database WHERE datname = %s", [name])
        assert (cursor.fetchone()[0], oid) == (int(database), int(table))


def test_a_renewed_log_never_gives_a_position_twice(backup: Place, known: Place) -> None:
    Log.objects.update(head=backup.position)

    log.renew_epoch()
    publish()

    assert Message.objects.filter(position=known.position + 1).count() == 1
    assert log.state().head == known.position + 1


def test_a_log_without_its_row_can_be_renewed(known: Place) -> None:
    Log.objects.all().delete()

    log.renew_epoch()

    assert log.state().head == known.position
    assert log.state().epoch != known.epoch


def test_reading_on_behind_a_message_that_is_another_one_now_is_a_gap(
    backup: Place, known: Place
) -> None:
    restored_to(backup)
    publish(5)

    with pytest.raises(HistoryGap) as gap:
        log.read_after(known.position, key=known.key)
    assert gap.value.reason == "epoch_changed"
    assert len(log.read_after(known.position).rows) == 3


def test_reading_on_behind_a_known_message_is_no_gap(known: Place) -> None:
    publish(3)

    page = log.read_after(known.position, key=known.key)

    assert len(page.rows) == 3
    assert uuid.UUID(page.rows[0].key) == Message.objects.get(position=known.position + 1).key


def test_positions_stay_contiguous_while_epochs_are_renewed(committed: None) -> None:
    is_over = threading.Event()

    def write() -> None:
        try:
            for _ in range(60):
                log.append([draft("told")])
        finally:
            is_over.set()

    def relay() -> None:
        while not is_over.is_set() or log.state().waiting:
            Relay().turn()

    def renew() -> None:
        while not is_over.is_set():
            before = log.state()
            log.renew_epoch(known=before.epoch)
            after = log.state()
            assert after.epoch != before.epoch
            assert after.head >= before.head

    in_threads(write, relay, relay, renew)

    positions = Message.objects.order_by("position").values_list("position", flat=True)
    assert list(positions) == list(range(1, 61))
    assert log.state().head == 60


def test_a_position_that_is_given_while_an_epoch_is_renewed_is_given_once(
    committed: None,
) -> None:
    def give_one_more() -> None:
        log.append([draft("told")])
        Relay().turn()

    def meanwhile(execute: Any, sql: str, *call: Any) -> Any:
        if sql.startswith("UPDATE"):
            in_threads(give_one_more)
        return execute(sql, *call)

    with connection.execute_wrapper(meanwhile):
        log.renew_epoch()
    give_one_more()

    positions = Message.objects.order_by("position").values_list("position", flat=True)
    assert list(positions) == [1, 2]
