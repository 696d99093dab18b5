"""Writes of which nobody can say what they did to which row: everyone reads afresh."""

import pytest
from django.contrib.auth.models import User
from django.db import connection
from pytest_django import Settings

from scheduler_realtime import capture
from tests.hosts.models import Booking, Coded, Operation, Procedure
from tests.test_write_paths.conftest import Watch

pytestmark = pytest.mark.django_db

ROW = (
    "a new primary key by `update()`, `ignore_conflicts` without keys, more than `CAPTURE_LIMIT` rows at once",
    "everyone is told to `resync`",
)


def test_a_new_primary_key_makes_everyone_read_afresh(watch: Watch) -> None:
    Coded.objects.create(code="a")
    told = watch(Coded, "status")

    Coded.objects.update(code="z")

    assert told.types()[-1] == "resync"


def test_new_rows_without_keys_make_everyone_read_afresh(watch: Watch) -> None:
    told = watch(Operation, "status")

    Operation.objects.bulk_create([Operation()], ignore_conflicts=True)

    assert told.types() == ["resync"]


class TestMoreThanTheLimit:
    @pytest.fixture(autouse=True)
    def _limited(self, settings: Settings) -> None:
        settings.SCHEDULER_REALTIME = {"CAPTURE_LIMIT": 2}

    @pytest.fixture
    def rows(self, db: None) -> list[Coded]:
        return [Coded.objects.create(code=code) for code in "abc"]

    def test_updated_rows_make_everyone_read_afresh(self, watch: Watch, rows: list[Coded]) -> None:
        told = watch(Coded)

        Coded.objects.update(status="done")

        assert told.types() == ["resync"]

    def test_new_rows_make_everyone_read_afresh(self, watch: Watch) -> None:
        told = watch(Operation)

        Operation.objects.bulk_create([Operation() for _ in range(3)])

        assert told.types() == ["resync"]

    def test_emptied_keys_make_everyone_read_afresh(self, watch: Watch) -> None:
        user = User.objects.create(username="a")
        for _ in range(3):
            Operation.objects.create(deputy=user)
        told = watch(Operation, "deputy")

        user.delete()

        assert "resync" in told.types()

    def test_dependents_make_everyone_read_afresh(self, watch: Watch) -> None:
        procedure = Procedure.objects.create()
        for _ in range(3):
            Booking.objects.create(start="2026-03-10T07:00Z", procedure=procedure)
        told = watch(Booking, depends_on=["procedure.minutes"])

        procedure.minutes = 90
        procedure.save()

        assert told.types() == ["resync"]

    def test_rows_of_a_block_make_everyone_read_afresh(
        self, watch: Watch, rows: list[Coded]
    ) -> None:
        told = watch(Coded)

        with capture(Coded), connection.cursor() as cursor:
            cursor.execute("UPDATE hosts_coded SET status = 'done'")

        assert told.types() == ["resync"]

    def test_rows_that_come_into_a_block_make_everyone_read_afresh(self, watch: Watch) -> None:
        told = watch(Coded)

        with capture(Coded), connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO hosts_coded (code, status) VALUES ('a', ''), ('b', ''), ('c', '')"
            )

        assert told.types() == ["resync"]
