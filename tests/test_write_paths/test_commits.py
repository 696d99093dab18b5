"""Transactions: what commits is told, once it commits, and nothing else is."""

import pytest
from django.db import transaction

from tests.hosts.models import Coded
from tests.test_write_paths.conftest import Watch

pytestmark = pytest.mark.django_db(transaction=True)

ROW = (
    "`atomic()`, savepoints, `on_commit()`, `select_for_update()`, autocommit off",
    "what commits, once it commits",
)


def test_a_durable_transaction_is_told(watch: Watch) -> None:
    told = watch(Coded)

    with transaction.atomic(durable=True):
        Coded.objects.create(code="a")

    assert [data["surgery_id"] for data in told.data()] == ["a"]


def test_nothing_is_told_before_the_commit(watch: Watch) -> None:
    told = watch(Coded)

    with transaction.atomic():
        Coded.objects.create(code="a")
        waiting = transaction.get_connection().run_on_commit

        assert len(waiting) == 1  # to ring, and nothing else is done until then
    assert [data["surgery_id"] for data in told.data()] == ["a"]


def test_a_rolled_back_transaction_is_not_told(watch: Watch) -> None:
    told = watch(Coded)

    with transaction.atomic():
        Coded.objects.create(code="a")
        Coded.objects.update(status="done")
        transaction.set_rollback(True)

    assert told.rows() == []


def test_a_rolled_back_savepoint_takes_its_own_writes_along(watch: Watch) -> None:
    told = watch(Coded, "status")

    with transaction.atomic():
        Coded.objects.create(code="kept")
        with transaction.atomic():
            Coded.objects.update(status="lost")
            Coded.objects.create(code="lost")
            transaction.set_rollback(True)

    assert told.changes() == [("create", {}, {"status": "planned"})]


def test_a_write_on_commit_is_told_behind_what_it_follows(watch: Watch) -> None:
    told = watch(Coded)

    with transaction.atomic():
        transaction.on_commit(lambda: Coded.objects.create(code="second"))
        Coded.objects.create(code="first")

    assert [data["surgery_id"] for data in told.data()] == ["first", "second"]


def test_a_save_of_a_row_that_was_locked_is_told(watch: Watch) -> None:
    Coded.objects.create(code="a")
    told = watch(Coded, "status")

    with transaction.atomic():
        coded = Coded.objects.select_for_update().get()
        coded.status = "done"
        coded.save()

    assert told.changes() == [("update", {"status": "planned"}, {"status": "done"})]


@pytest.mark.postgres_only  # SQLite commits each statement all the same
def test_without_autocommit_what_is_committed_is_told(watch: Watch) -> None:
    told = watch(Coded)

    transaction.set_autocommit(False)
    try:
        Coded.objects.create(code="lost")
        transaction.rollback()
        Coded.objects.bulk_create([Coded(code="kept")])
        Coded.objects.update(status="done")
        transaction.commit()
    finally:
        transaction.set_autocommit(True)

    assert {data["surgery_id"] for data in told.data()} == {"kept"}
