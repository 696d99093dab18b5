"""The doctor: all is well where it is, and each thing that is broken for real is named, with its remedy."""

import asyncio
import contextlib
import io
import json
import socket
import sys
import threading
from collections.abc import Iterator
from dataclasses import asdict
from datetime import timedelta
from typing import Any
from unittest import mock
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connections
from django.utils import timezone

from scheduler_realtime import log
from scheduler_realtime.doctor import ground
from scheduler_realtime.doctor.canary import Canary
from scheduler_realtime.models import Message, Node
from scheduler_realtime.testing import pump
from tests.conftest import OpenEmbedded
from tests.faults.node import FAKETIME, clock_ahead
from tests.harness import lifeline
from tests.harness.app_server import manage
from tests.harness.ports import free_port
from tests.harness.site import Site

Found = dict[str, dict[str, Any]]

IN_CONSOLE = """
from django.core.management import CommandError, call_command
try:
    call_command("realtime_doctor", "--json", "--timeout=2", *{options!r})
except CommandError:
    pass
"""


def parsed(text: str) -> Found:
    return {found["station"]: found for found in json.loads(text)["stations"]}


def examined_by(site: Site, *options: str) -> Found:
    """What it finds there, in a process that is running already."""
    return parsed(site.shell(IN_CONSOLE.format(options=options)))


def examined(*options: str) -> Found:
    """What it finds in the tests' own database, where no relay runs and so no canary arrives."""
    out = io.StringIO()
    with (
        mock.patch("scheduler_realtime.doctor.round.Canary", short_lived),
        contextlib.suppress(CommandError),
    ):
        call_command("realtime_doctor", "--json", *options, stdout=out)
    return parsed(out.getvalue())


def short_lived(*, within: float, **others: Any) -> Canary:
    return Canary(within=0.3, **others)


def states(found: Found) -> dict[str, str]:
    return {station: each["state"] for station, each in found.items()}


def test_on_a_site_that_is_well_every_station_is(clustered_site: Site) -> None:
    done = clustered_site.manage("realtime_doctor", "--json", "--url", url_of(clustered_site))

    assert set(states(parsed(done.stdout)).values()) == {"ok"}, done.stdout
    assert list(parsed(done.stdout)) == [
        *("settings", "database", "migrations", "clock", "layer"),
        *("socket", "servers", "transaction", "relay", "doorbell", "delivery"),
    ]
    assert json.loads(done.stdout)["ok"]
    assert done.stderr == ""


def test_a_server_without_a_guest_yet_is_alive_by_the_doctors_own_visit(
    embedded: OpenEmbedded,
) -> None:
    site = embedded("daphne")

    found = examined_by(site, "--url", url_of(site))

    assert "1 alive" in found["servers"]["says"]


def url_of(site: Site) -> str:
    return site.server.http_url


def test_a_redis_that_is_out_is_named_and_the_rest_goes_on(clustered_site: Site) -> None:
    assert clustered_site.redis is not None
    clustered_site.redis.freeze()
    frozen = examined_by(clustered_site, "--url", url_of(clustered_site))
    clustered_site.redis.thaw()
    clustered_site.redis.stop()
    stopped = examined_by(clustered_site, "--url", url_of(clustered_site))

    for found in (frozen, stopped):
        assert found["layer"]["state"] == "failed"
        assert "Start Redis" in found["layer"]["remedy"]
        assert states(found)["doorbell"] == "skipped"
        assert states(found)["delivery"] in {"ok", "slow"}
    assert "No answer within 2 s" in frozen["layer"]["says"]
    assert "onnect" in stopped["layer"]["says"]


def test_servers_that_ring_in_another_redis_are_found_out(clustered_site: Site) -> None:
    env = {"CHANNEL_PREFIX": "another"}
    done = manage(
        clustered_site.database_url,
        clustered_site.redis_url,
        *("realtime_doctor", "--json", "--timeout=2"),
        env=env,
        check=False,
    )

    found = parsed(done.stdout)
    assert done.returncode == 1
    assert states(found)["relay"] == "ok"
    assert "Nobody rang" in found["doorbell"]["says"]
    assert "prefix" in found["doorbell"]["remedy"]


def test_whoever_holds_the_relays_lock_is_named(clustered_site: Site) -> None:
    hold = """
from django.db import connection
from scheduler_realtime.models import Log
connection.ensure_connection()
transaction.set_autocommit(False)
Log.objects.select_for_update().get()
print(connection.connection.info.backend_pid)
"""
    pid = clustered_site.shell(hold)
    try:
        done = clustered_site.manage("realtime_doctor", "--json", "--timeout=2", check=False)
    finally:
        clustered_site.shell("transaction.rollback(); transaction.set_autocommit(True)")

    found = parsed(done.stdout)
    assert found["relay"]["state"] == "failed"
    assert f"held by process {pid}" in found["relay"]["says"]
    assert f"pg_terminate_backend({pid})" in found["relay"]["remedy"]


@pytest.mark.skipif(FAKETIME is None, reason="no libfaketime.so.1: apt-get install libfaketime")
def test_a_clock_that_is_far_from_the_databases_is_named(clustered_site: Site) -> None:
    done = manage(
        clustered_site.database_url,
        clustered_site.redis_url,
        *("realtime_doctor", "--json", "--timeout=2"),
        prefix=clustered_site.prefix,
        env=clock_ahead(62),
        check=False,
    )

    found = parsed(done.stdout)
    assert found["clock"]["state"] == "failed"
    assert "62 s ahead" in found["clock"]["says"]
    assert "NTP" in found["clock"]["remedy"]


@pytest.mark.parametrize(
    ("options", "says", "remedy"),
    [
        (["--origin", "https://evil.example"], "refuses pages of https://evil.example", "ALLOWED"),
        (["--user", "viewer"], "4403", "--user"),
        (["--user", "nobody"], "No such user", "--user"),
    ],
)
def test_a_server_that_refuses_is_understood(
    clustered_site: Site, options: list[str], says: str, remedy: str
) -> None:
    clustered_site.shell("User.objects.filter(username='viewer').update(is_active=False)")

    found = examined_by(clustered_site, "--url", url_of(clustered_site), *options)

    assert found["socket"]["state"] == "failed"
    assert says in found["socket"]["says"]
    assert remedy in found["socket"]["remedy"]
    assert states(found)["relay"] == "ok"
    assert states(found)["delivery"] == "skipped"


def test_a_server_of_another_database_is_found_out(clustered_site: Site, bare_site: Site) -> None:
    found = examined_by(bare_site, "--timeout=2", "--url", url_of(clustered_site))

    assert "another database: it has no ticket" in found["socket"]["says"]
    assert "DATABASES" in found["socket"]["remedy"]


def test_a_server_that_trusts_nobody_here_is_found_out(
    clustered_site: Site, bare_site: Site
) -> None:
    done = manage(
        bare_site.database_url,
        None,
        *("realtime_doctor", "--json", "--timeout=2", "--url", url_of(clustered_site)),
        env={"SECRET_KEY": "another key, with which this server's tokens were not signed"},
        check=False,
    )

    found = parsed(done.stdout)
    assert "4401" in found["socket"]["says"]
    assert "SECRET_KEY" in found["socket"]["remedy"]


def test_migrations_that_are_missing_are_named() -> None:
    empty = lifeline.new_folder("sqlite") / "empty.sqlite3"
    empty.touch()

    done = manage(f"sqlite:///{empty}", None, "realtime_doctor", check=False)

    assert done.returncode == 1
    assert "0001_the_log" in done.stdout
    assert "manage.py migrate scheduler_realtime" in done.stdout
    assert "Not well: migrations." in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("is_frozen", "says"), [(False, "refused"), (True, "No answer within")])
def test_a_database_that_is_out_is_said_and_ends_it(is_frozen: bool, says: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1] if is_frozen else 1
        url = f"postgres://nobody@127.0.0.1:{port}/none"
        done = manage(
            url, None, "realtime_doctor", "--json", "--timeout=0.5", within=10, check=False
        )

    found = parsed(done.stdout)
    assert done.returncode == 1
    assert states(found)["database"] == "failed"
    assert says in found["database"]["says"]
    assert states(found)["relay"] == "skipped"


@pytest.fixture
def superuser(committed: None, settings: Any) -> Iterator[User]:
    settings.DEBUG = True  # as where a layer in memory is no error
    yield User.objects.create(username="root", is_superuser=True)
    connections.close_all()


def test_where_no_relay_runs_it_says_what_to_start(superuser: User) -> None:
    found = examined()

    assert found["relay"]["state"] == "failed"
    assert "No relay is at work" in found["relay"]["says"]
    assert "realtime_relay" in found["relay"]["remedy"]
    assert states(found)["delivery"] == "skipped"
    assert Message.objects.get().groups == "[]"


def node(**facts: Any) -> None:
    at = timezone.now()
    given = {"pid": 1, "started_at": at, "lease_until": at + timedelta(hours=1)}
    Node.objects.create(**given | facts)


def test_servers_that_live_and_give_no_positions_are_named(superuser: User) -> None:
    node(hostname="alive")
    node(hostname="dead", lease_until=timezone.now() - timedelta(seconds=1))

    found = examined()

    assert found["servers"]["says"] == "1 alive: alive:1."
    assert "none of them gives positions" in found["relay"]["says"]
    assert "alive:1" in found["relay"]["remedy"]


@pytest.mark.sqlite_only
def test_a_layer_in_memory_is_for_one_process(superuser: User) -> None:
    node(hostname="one")
    alone = examined()
    node(hostname="two")

    together = examined()

    assert states(alone)["layer"] == "ok"
    assert together["layer"]["state"] == "failed"
    assert "2 processes" in together["layer"]["says"]


def test_a_server_that_is_not_there_is_said(superuser: User) -> None:
    found = examined("--url", f"ws://127.0.0.1:{free_port()}")

    assert found["socket"]["state"] == "failed"
    assert "cannot be reached" in found["socket"]["says"]
    assert "Start it" in found["socket"]["remedy"]


def test_without_a_url_the_socket_is_left_out(superuser: User) -> None:
    assert states(examined())["socket"] == "skipped"


def test_without_the_client_it_says_what_to_install(
    superuser: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "websockets.asyncio.client", None)

    found = examined("--url", "ws://127.0.0.1:1")

    assert "pip install" in found["socket"]["remedy"]


@contextlib.contextmanager
def answering(text: str) -> Iterator[str]:
    """The URL of a server that has one answer to everything."""
    port = free_port()
    listening, ended = threading.Event(), threading.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(text.encode())
        await writer.drain()
        writer.close()

    async def serve() -> None:
        async with await asyncio.start_server(answer, "127.0.0.1", port):
            listening.set()
            await asyncio.to_thread(ended.wait)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    listening.wait()
    try:
        yield f"ws://127.0.0.1:{port}"
    finally:
        ended.set()
        thread.join()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "403"),
        ("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "no socket at this path"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "no WebSocket is spoken"),
        ("SSH-2.0-OpenSSH_9.2\r\n\r\n", "speaks no WebSocket"),
    ],
)
def test_what_answers_wrongly_is_understood(superuser: User, text: str, says: str) -> None:
    with answering(text) as url:
        found = examined("--url", url)

    assert found["socket"]["state"] == "failed"
    assert says in found["socket"]["says"]


@pytest.mark.sqlite_only
def test_settings_that_cannot_be_used_end_it(superuser: User, settings: Any) -> None:
    settings.SCHEDULER_REALTIME = {"LOOK_INTERVAL": "often"}

    found = examined()

    assert list(found) == ["settings"]
    assert "LOOK_INTERVAL" in found["settings"]["says"]


@pytest.mark.sqlite_only
def test_a_journal_that_makes_readers_wait_is_slow(
    superuser: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ground, "_journal", lambda connection: "delete")

    found = examined()

    assert found["database"]["state"] == "slow"
    assert "journal_mode=WAL" in found["database"]["remedy"]


class Deaf:
    """A socket on which no canary comes."""

    connection_id = "a socket"

    async def canary(self, key: UUID) -> float:
        await asyncio.Event().wait()
        return 0.0


def test_a_canary_that_never_comes_out_is_the_hubs_fault(
    superuser: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wait_for_position(key: UUID, within: float) -> int | None:
        pump()
        return log.position_of(key)

    async def fly() -> Found:
        canary = Canary(within=0.1, probe=None, visit=Deaf())  # type: ignore[arg-type]  # a fake
        return {found.station: asdict(found) async for found in canary.fly()}

    monkeypatch.setattr(log, "wait_for_position", wait_for_position)

    found = asyncio.run(fly())

    assert states(found) == {
        "transaction": "ok",
        "relay": "ok",
        "doorbell": "skipped",
        "delivery": "failed",
    }
    assert "its hub stands still" in found["delivery"]["remedy"]


def test_a_person_reads_what_is_wrong_below_where_it_is(superuser: User) -> None:
    out = io.StringIO()
    with (
        mock.patch("scheduler_realtime.doctor.round.Canary", short_lived),
        pytest.raises(CommandError, match="Not well: servers, relay") as failed,
    ):
        call_command("realtime_doctor", stdout=out)

    lines = out.getvalue().splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("relay "))
    assert lines[at].split()[1] == "failed"
    assert lines[at + 1].split()[:2] == ["->", "Start"]
    assert failed.value.returncode == 1


@pytest.mark.parametrize("options", [["--url", "ftp://x"], ["--timeout", "0"]])
def test_what_was_called_wrongly_is_not_examined(options: list[str]) -> None:
    with pytest.raises(CommandError) as failed:
        call_command("realtime_doctor", *options)

    assert failed.value.returncode == 2
