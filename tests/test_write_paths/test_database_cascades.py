"""Cascades of the database's own, which Django sees nothing of; before 6.1 they are Django's."""

import pytest
from django.db import connection

from scheduler_realtime import capture
from tests.hosts.models import Bay, Bed, Porter, Wing
from tests.test_write_paths.conftest import Watch

pytestmark = pytest.mark.django_db

ROW = (
    "a delete elsewhere that the database itself follows: `DB_CASCADE`, `DB_SET_NULL`",
    "where Django deletes the target; otherwise as raw SQL (W014)",
)


@pytest.fixture
def bed() -> Bed:
    bay = Bay.objects.create(wing=Wing.objects.create())
    return Bed.objects.create(bay=bay, porter=Porter.objects.create())


def test_what_goes_with_a_row_that_django_deletes_is_told(watch: Watch, bed: Bed) -> None:
    told, key = watch(Bed), bed.pk

    bed.bay.wing.delete()

    assert [(data["action"], data["surgery_id"]) for data in told.data()] == [("delete", key)]


def test_a_key_that_is_emptied_with_it_is_told(watch: Watch, bed: Bed) -> None:
    told, key = watch(Bed, "porter"), bed.porter_id

    Porter.objects.all().delete()

    assert told.changes() == [("update", {"porter": key}, {"porter": None})]


def delete_in_sql() -> None:
    with connection.cursor() as cursor:
        for table in ("bed", "bay", "wing"):  # as a database without cascades wants it
            cursor.execute(f"DELETE FROM hosts_{table}")  # noqa: S608 - names of ours


def test_what_goes_with_a_row_that_sql_deletes_is_told_in_a_block_alone(
    watch: Watch, bed: Bed
) -> None:
    told = watch(Bed)

    with capture(Bed):
        delete_in_sql()

    assert [data["action"] for data in told.data()] == ["delete"]


def test_what_goes_with_a_row_that_sql_deletes_is_not_told(watch: Watch, bed: Bed) -> None:
    told = watch(Bed)

    delete_in_sql()

    assert told.rows() == []
