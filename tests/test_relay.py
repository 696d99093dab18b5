"""The relay's turn, and the command that runs a relay without sockets."""

import subprocess
import sys
from typing import Any

import pytest
from django.db import DatabaseError, connection

from scheduler_realtime import affected, log
from scheduler_realtime.log import Draft
from scheduler_realtime.models import Message
from scheduler_realtime.relay import Relay
from tests.conftest import OpenEmbedded
from tests.harness.app_server import project_environment
from tests.harness.child import REPOSITORY, wait_for
from tests.test_main_job import SHELL_SAVE

WAITING = "print(Message.objects.filter(position=None).count())"


def draft() -> Draft:
    return Draft(type="system_notification", data={}, groups=frozenset({"everyone"}))


@pytest.mark.servers
def test_a_relay_without_sockets_gives_positions_and_ends_politely(
    embedded: OpenEmbedded,
) -> None:
    site = embedded("uvicorn")
    pk = site.surgeries()[0]["id"]
    site.server.stop()
    relay = subprocess.Popen(
        [sys.executable, "manage.py", "realtime_relay"],
        cwd=REPOSITORY,
        env=project_environment(site.database_url, None),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert relay.stdout is not None
    try:
        assert "Relaying from position" in relay.stdout.readline()
        site.shell(SHELL_SAVE.format(pk=pk, notes="relayed"))

        wait_for(lambda: site.shell(WAITING) == "0", within=5, what="the position")
    finally:
        relay.terminate()
        said, _ = relay.communicate(timeout=15)

    assert relay.returncode == 0, said
    assert "Traceback" not in said


@pytest.mark.django_db(transaction=True)
def test_details_that_fail_in_the_database_delay_no_position(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(entries: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT nothing FROM nowhere")

    monkeypatch.setattr(affected, "complete", broken)
    log.append([draft()])

    turn = Relay().turn()

    assert turn.given == 1
    assert not Message.objects.filter(position=None).exists()


@pytest.mark.django_db(transaction=True)
def test_what_the_database_quotes_of_a_row_is_not_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(entries: Any) -> None:
        raise DatabaseError(" ".join(["Miriam", "Fuchs"]))

    monkeypatch.setattr(affected, "complete", broken)
    log.append([draft()])

    Relay().turn()

    assert "with all details, for DatabaseError" in caplog.text
    assert "Miriam Fuchs" not in caplog.text


@pytest.mark.django_db(transaction=True)
def test_no_position_is_given_on_a_connection_that_nobody_has_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def lose_the_connection(entries: Any) -> None:
        connection.connection.close()
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")

    monkeypatch.setattr(affected, "complete", lose_the_connection)
    log.append([draft()])

    with pytest.raises(DatabaseError):
        Relay().turn()

    assert log.state().waiting


@pytest.mark.django_db(transaction=True)
def test_a_database_that_is_out_fails_the_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    def out(**options: Any) -> None:
        raise DatabaseError("out")

    monkeypatch.setattr(log, "sequence", out)
    log.append([draft()])

    with pytest.raises(DatabaseError):
        Relay().turn()

    assert log.state().waiting


@pytest.mark.django_db(transaction=True)
def test_an_idle_turn_is_one_statement(django_assert_num_queries: Any) -> None:
    relay = Relay()
    relay.turn()

    with django_assert_num_queries(1):
        relay.turn()


@pytest.mark.postgres_only
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("rows", "time"), [(1, "1s"), (2500, "3s")])
def test_a_relay_guards_its_transaction_as_its_size_wants_and_nothing_after_it(
    monkeypatch: pytest.MonkeyPatch, rows: int, time: str
) -> None:
    found: list[str] = []

    def look(entries: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SHOW idle_in_transaction_session_timeout")
            found.append(cursor.fetchone()[0])

    monkeypatch.setattr(affected, "complete", look)
    log.append([draft() for _ in range(rows)])
    Relay().turn()
    look(())

    assert found == [time, "0"]
    assert not Message.objects.filter(position=None).exists()
