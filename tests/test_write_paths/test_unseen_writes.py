"""Writes that no block can be put around: told by a word of the host's."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.db.migrations import RunPython
from django.db.migrations.executor import MigrationExecutor

from scheduler_realtime import broadcast_resync
from tests.hosts.models import Coded
from tests.test_write_paths.conftest import Watch

pytestmark = pytest.mark.django_db

ROW = (
    "migrations (`RunPython`), `TRUNCATE`, another program",
    "no: call `broadcast_resync()` after it",
)


def migrate(code: Callable[[Any, Any], None]) -> None:
    """Run it as a migration does, with models as they were at that point of the history."""
    state = MigrationExecutor(connection).loader.project_state()
    editor: Any = SimpleNamespace(connection=connection)
    RunPython(code).database_forwards("hosts", editor, state, state)


def rewrite(apps: Any, editor: Any) -> None:
    model = apps.get_model("hosts", "Coded")
    model.objects.create(code="z")
    model.objects.update(status="done")


def truncate() -> None:
    is_sqlite = connection.vendor == "sqlite"
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM hosts_coded" if is_sqlite else "TRUNCATE hosts_coded")


WRITES = [lambda: migrate(rewrite), truncate]


@pytest.mark.parametrize("write", WRITES, ids=["migration", "TRUNCATE"])
def test_it_is_not_told(watch: Watch, write: Callable[[], None]) -> None:
    Coded.objects.create(code="a")
    told = watch(Coded, "status")

    write()

    assert told.rows() == []
    assert Coded.objects.count() != 1


@pytest.mark.parametrize("write", WRITES, ids=["migration", "TRUNCATE"])
def test_everyone_reads_afresh_after_the_word(watch: Watch, write: Callable[[], None]) -> None:
    Coded.objects.create(code="a")
    told = watch(Coded, "status")

    write()
    broadcast_resync()

    assert told.types() == ["resync"]
