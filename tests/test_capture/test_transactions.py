"""Transactions: what is folded, rolled back, or ordered between the write and the log."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test import override_settings

from scheduler_realtime import Audience, log, send_system_notification
from scheduler_realtime.models import Message
from scheduler_realtime.testing import heard_by, pump
from tests.hosts.bound import Bind, Told
from tests.hosts.models import Coded, Operation


@pytest.mark.django_db
class TestThroughTheLog:
    def test_what_is_folded_away_leaves_no_row_and_no_gap(self, bind: Bind) -> None:
        bind(Coded, tracked=["status"])
        log_of = Told()
        before = log.state().head

        coded = Coded.objects.create(code="a")
        coded.status = "done"
        coded.save()
        send_system_notification(title="t", message="m")

        rows = log_of.rows()
        assert [row.type for row in rows] == ["schedule_update", "system_notification"]
        assert [row.position for row in rows] == [before + 1, before + 2]
        assert Message.objects.filter(position=None).count() == 0

    def test_a_savepoint_that_rolls_back_takes_its_rows_with_it(self, bind: Bind) -> None:
        bind(Coded, tracked=["status"])
        coded = Coded.objects.create(code="a")
        log_of = Told()

        def lose() -> None:
            with transaction.atomic():
                coded.status = "lost"
                coded.save()
                raise LookupError

        with pytest.raises(LookupError):
            lose()
        coded.status = "kept"
        coded.save()

        assert log_of.changes() == [("update", {"status": "planned"}, {"status": "kept"})]

    def test_a_transaction_whose_first_message_was_rolled_back_is_still_one(
        self, bind: Bind
    ) -> None:
        bind(Coded, tracked=["status"])
        coded = Coded.objects.create(code="a")
        log_of = Told()

        with transaction.atomic():
            coded.delete()
            transaction.set_rollback(True)
        coded = Coded.objects.get()
        for status in ("b", "c"):
            coded.status = status
            coded.save()

        assert log_of.changes() == [("update", {"status": "planned"}, {"status": "c"})]

    def test_a_bulk_message_reaches_each_audience_with_its_objects_alone(self, bind: Bind) -> None:
        users = [User.objects.create(username=name) for name in "ab"]

        def audience(self: Any, operation: Operation) -> Audience:
            return Audience(users=[operation.lead_id])

        bind(Operation, audience=audience, tracked=["status"])
        Told()

        made = Operation.objects.bulk_create([Operation(lead=users[n % 2]) for n in range(60)])

        for user in users:
            [frame] = heard_by(user)
            own = [each.pk for each in made if each.lead_id == user.pk]
            assert frame["data"]["action"] == "bulk"
            assert [each["surgery_id"] for each in frame["data"]["objects"]] == own

    def test_those_who_lose_sight_of_many_are_told_their_keys_and_no_values(
        self, bind: Bind
    ) -> None:
        old, new = (User.objects.create(username=name) for name in ("old", "new"))
        made = Operation.objects.bulk_create(
            [Operation(lead=old, status="secret") for _ in range(4)]
        )

        def audience(self: Any, operation: Operation) -> Audience:
            return Audience(users=[operation.lead_id])

        bind(Operation, audience=audience)
        Told()

        with override_settings(SCHEDULER_REALTIME={"BULK_THRESHOLD": 3}):
            Operation.objects.update(lead=new)
            [frame] = heard_by(old)

        assert frame["data"]["affected_surgeries"] == [each.pk for each in made]
        assert {each["reason"] for each in frame["data"]["objects"]} == {"left"}
        assert "secret" not in json.dumps(frame)


@pytest.mark.django_db(transaction=True)
class TestTransactions:
    @pytest.fixture(autouse=True)
    def _watched(self, bind: Bind) -> None:
        bind(Coded, tracked=["status"])

    def test_changes_of_two_transactions_are_told_in_their_order(self) -> None:
        log_of = Told()
        coded = Coded.objects.create(code="a")

        for status in ("b", "c"):
            with transaction.atomic():
                coded.status = "between"
                coded.save()
                coded.status = status
                coded.save()

        assert [changes["status"] for _, _, changes in log_of.changes()] == ["planned", "b", "c"]

    def test_a_save_that_dies_in_a_receiver_is_undone_with_its_message(self) -> None:
        from django.db.models.signals import post_save

        def die(**kwargs: Any) -> None:
            raise LookupError

        log_of = Told()
        post_save.connect(die, sender=Coded)
        try:
            with pytest.raises(LookupError):
                Coded.objects.create(code="a")
        finally:
            post_save.disconnect(die, sender=Coded)

        assert log_of.rows() == []
        assert not Coded.objects.exists()

    @pytest.mark.postgres_only  # SQLite commits each statement all the same
    def test_a_save_without_autocommit_is_told_once_it_is_committed(self) -> None:
        log_of = Told()
        transaction.set_autocommit(False)
        try:
            Coded.objects.create(code="lost")
            transaction.rollback()
            Coded.objects.create(code="kept")
            transaction.commit()
        finally:
            transaction.set_autocommit(True)

        assert [data["surgery_id"] for data in log_of.data()] == ["kept"]

    @pytest.mark.postgres_only
    def test_of_two_writers_the_second_says_what_the_first_left(self) -> None:
        from concurrent.futures import ThreadPoolExecutor

        log_of = Told()
        Coded.objects.create(code="a")
        stale = Coded.objects.get()

        def write() -> None:
            stale.status = "second"
            stale.save()
            connection.close()

        with ThreadPoolExecutor(1) as pool:
            with transaction.atomic():
                Coded(code="a", status="first").save(force_update=True)
                done = pool.submit(write)
                while not _somebody_waits():
                    assert not done.done(), "the second writer did not wait for the first"
            done.result(10)

        assert log_of.changes()[1:] == [
            ("update", {"status": "planned"}, {"status": "first"}),
            ("update", {"status": "first"}, {"status": "second"}),
        ]


def _somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return bool(cursor.fetchone()[0])


@pytest.mark.django_db
def test_nothing_that_waits_gives_no_position() -> None:
    Told()

    assert not pump()
