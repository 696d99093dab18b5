"""Raw SQL and whatever else no model sees: told in a block, and nowhere else."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection

from scheduler_realtime import capture
from tests.hosts.models import Coded, Operation, Room
from tests.test_write_paths.conftest import Watch

pytestmark = pytest.mark.django_db

ROW = (
    "raw SQL, `COPY`, triggers; bulk writes of the table Django puts between",
    "inside `with capture(queryset_or_model):`",
)


Statement = Callable[[], Any]


def execute(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


SQL: list[tuple[Statement, Any]] = [
    (
        lambda: execute("UPDATE hosts_coded SET status = 'done'"),
        ("update", {"status": "planned"}, {"status": "done"}),
    ),
    (lambda: execute("DELETE FROM hosts_coded"), ("delete", {"status": "planned"}, {})),
    (
        lambda: execute("INSERT INTO hosts_coded (code, status) VALUES ('z', 'new')"),
        ("create", {}, {"status": "new"}),
    ),
]


@pytest.fixture
def coded() -> Coded:
    return Coded.objects.create(code="a")


@pytest.mark.parametrize(("statement", "change"), SQL)
def test_a_statement_in_a_block_is_told(
    watch: Watch, coded: Coded, statement: Statement, change: Any
) -> None:
    told = watch(Coded, "status")

    with capture(Coded):
        statement()

    assert told.changes() == [change]


@pytest.mark.parametrize(("statement", "change"), SQL)
def test_a_statement_outside_is_not_told(
    watch: Watch, coded: Coded, statement: Statement, change: Any
) -> None:
    told = watch(Coded, "status")

    statement()

    assert told.rows() == []


@pytest.mark.postgres_only
@pytest.mark.parametrize("is_captured", [True, False])
def test_copied_rows_are_told_in_a_block_alone(watch: Watch, is_captured: bool) -> None:
    told = watch(Coded, "status")

    def copy() -> None:
        with (
            connection.cursor() as cursor,
            cursor.cursor.copy("COPY hosts_coded (code, status) FROM STDIN") as lines,
        ):
            lines.write_row(("a", "copied"))

    if is_captured:
        with capture(Coded):
            copy()
    else:
        copy()

    assert told.changes() == [("create", {}, {"status": "copied"})] * is_captured


TRIGGER = {
    "sqlite": [
        "CREATE TRIGGER shut AFTER UPDATE ON hosts_room BEGIN"
        " UPDATE hosts_operation SET status = 'shut' WHERE room_id = NEW.id; END"
    ],
    "postgresql": [
        "CREATE FUNCTION shut() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN UPDATE hosts_operation SET status = ''shut'' WHERE room_id = NEW.id;"
        " RETURN NULL; END'",
        "CREATE TRIGGER shut AFTER UPDATE ON hosts_room FOR EACH ROW EXECUTE FUNCTION shut()",
    ],
}


@pytest.mark.parametrize("is_captured", [True, False])
def test_what_a_trigger_changes_is_told_in_a_block_alone(watch: Watch, is_captured: bool) -> None:
    operation = Operation.objects.create(room=Room.objects.create())
    execute(*TRIGGER[connection.vendor])
    told = watch(Operation, "status")

    if is_captured:
        with capture(Operation.objects.filter(room=operation.room)):
            operation.room.save()
    else:
        operation.room.save()

    change = ("update", {"status": "planned"}, {"status": "shut"})
    assert told.changes() == [change] * is_captured


@pytest.mark.parametrize("is_captured", [True, False])
def test_bulk_writes_of_a_table_that_django_put_between_are_told_in_a_block_alone(
    watch: Watch, is_captured: bool
) -> None:
    operation, user = Operation.objects.create(), User.objects.create(username="a")
    link = Operation.team.through
    told = watch(Operation, "team")

    links = [link(operation=operation, user=user)]
    if is_captured:
        with capture(link):
            link.objects.bulk_create(links)
    else:
        link.objects.bulk_create(links)

    assert told.changes() == [("update", {"team": []}, {"team": [user.pk]})] * is_captured
