"""Restores under live servers: who is connected reads afresh and goes on, who comes back likewise."""

import asyncio
import contextlib
import os
import sqlite3
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.conftest import OpenClustered, OpenEmbedded
from tests.harness import opening
from tests.harness.listener import Frame, Listener
from tests.harness.opening import Seeded
from tests.harness.postgres_server import PostgresServer
from tests.harness.site import Site
from tests.test_main_job import SHELL_SAVE, is_update_of

pytestmark = [pytest.mark.servers, pytest.mark.slow]

LOST, MORE = 2, 4

# A process that knows nothing of the log from before: it gives positions in the old epoch.
RELAY = """
from scheduler_realtime import log
from scheduler_realtime.relay import Relay
while log.state().waiting:
    Relay().turn()
print(log.state().head)
"""


async def hear_saves(site: Site, pk: int, number: int, *ears: Listener) -> int:
    """Save so many times, and return the position of the last, when all have heard it."""
    heard: list[Frame] = []
    for _ in range(number):
        notes = f"heard {uuid.uuid4()}"
        await asyncio.to_thread(site.shell, SHELL_SAVE.format(pk=pk, notes=notes))
        heard = [await ear.next(where=is_update_of(pk, notes=notes), timeout=10) for ear in ears]
    return int(heard[-1]["id"])


def go_on_unheard(site: Site, pk: int) -> int:
    """Save more often than was lost, and have positions given by a relay that knows no better."""
    site.console.kill()
    for count in range(MORE):
        site.shell(SHELL_SAVE.format(pk=pk, notes=f"unheard {count}"))
    return int(site.shell(RELAY))


async def reads_afresh(site: Site, pk: int, head: int, *ears: Listener) -> str:
    """Each is told so, once, and hears the next change and nothing else; the log's new epoch."""
    resyncs = [await ear.next("resync", timeout=15) for ear in ears]
    await asyncio.to_thread(site.shell, SHELL_SAVE.format(pk=pk, notes="afterwards"))
    for ear in ears:
        await ear.next(where=is_update_of(pk, notes="afterwards"), timeout=10)
        resync, *after = ear.frames[[frame["type"] for frame in ear.frames].index("resync") :]
        assert (resync["data"]["reason"], resync["data"]["position"]) == ("epoch_changed", head)
        assert [frame["id"] for frame in after if "id" in frame] == [head + 1]
        assert "resync" not in [frame["type"] for frame in after]
    (epoch,) = {resync["data"]["epoch"] for resync in resyncs}
    return str(epoch)


async def is_refused(site: Site, params: dict[str, Any], **facts: Any) -> str:
    """A client that comes back with a place in the old log is told; the epoch it is told of."""
    async with site.listen("nurse", params=params, **facts) as ear:
        welcome = await ear.next("welcome")
        await ear.next("resync", where=lambda frame: frame["data"]["reason"] == "epoch_changed")
    assert welcome["data"]["recovered"] is False
    assert welcome["data"]["reason"] == "epoch_changed"
    return str(welcome["data"]["epoch"])


def while_stopped(postgres: PostgresServer, deed: Callable[[str], None]) -> None:
    postgres.stop()
    deed("kept")
    postgres.start()


async def test_data_that_were_put_back_and_have_outrun_the_lost_ones_are_another_log(
    clustered: OpenClustered,
) -> None:
    site = clustered("uvicorn", "daphne", own_postgres=True)
    postgres = site.postgres
    assert isinstance(postgres, PostgresServer)
    pk = int(site.surgeries()[0]["id"])
    one, two = site.servers

    async with (
        site.listen("nurse", server=one) as near,
        site.listen("surgeon", server=two) as far,
        site.listen("nurse", server=two) as third,
    ):
        ears = (near, far, third)
        epochs = {(await ear.next("welcome"))["data"]["epoch"] for ear in ears}
        await hear_saves(site, pk, 1, *ears)
        await asyncio.to_thread(while_stopped, postgres, postgres.copy_data)
        site.console.kill()
        last = await hear_saves(site, pk, LOST, *ears)
        for server in site.servers:
            server.freeze()
        await asyncio.to_thread(while_stopped, postgres, postgres.put_back)
        head = await asyncio.to_thread(go_on_unheard, site, pk)
        for server in site.servers:
            server.thaw()

        epoch = await reads_afresh(site, pk, head, *ears)
    await asyncio.to_thread(one.restart)

    (before,) = epochs
    assert head > last
    assert await is_refused(site, {"since": last, "epoch": before}) == epoch != before


async def test_a_file_that_was_moved_into_the_place_of_another_is_another_log(
    embedded: OpenEmbedded,
) -> None:
    site = embedded("uvicorn")
    pk = int(site.surgeries()[0]["id"])

    async with site.listen("nurse") as near, site.listen("surgeon") as far:
        before = (await near.next("welcome"))["data"]["epoch"]
        await hear_saves(site, pk, 1, near, far)
        copy = kept_copy(site)
        last = await hear_saves(site, pk, LOST, near, far)
        site.server.freeze()
        move_in(site, copy)
        head = await asyncio.to_thread(go_on_unheard, site, pk)
        site.server.thaw()

        epoch = await reads_afresh(site, pk, head, near, far)

    assert head > last
    assert await is_refused(site, {"since": last, "epoch": before}) == epoch != before


async def test_a_file_that_is_swapped_under_a_server_at_work_is_read_at_once(
    embedded: OpenEmbedded,
) -> None:
    site = embedded("uvicorn")
    pk = int(site.surgeries()[0]["id"])

    async with site.listen("nurse") as ear:
        await ear.next("welcome")
        kept = await hear_saves(site, pk, 1, ear)
        copy = kept_copy(site)
        await hear_saves(site, pk, LOST, ear)
        site.console.kill()
        move_in(site, copy)

        await reads_afresh(site, pk, kept, ear)


def path_of(site: Site) -> Path:
    return Path(site.database_url.removeprefix("sqlite:///"))


def kept_copy(site: Site) -> Path:
    """A copy of the site's file as it is now, made as SQLite wants it."""
    copy = path_of(site).with_name("kept.sqlite3")
    with (
        contextlib.closing(sqlite3.connect(path_of(site))) as source,
        contextlib.closing(sqlite3.connect(copy)) as target,
    ):
        source.backup(target)
    return copy


def move_in(site: Site, copy: Path) -> None:
    """Put a copy in the place of the site's file, without what was not yet written into that."""
    for rest in ("-wal", "-shm"):
        Path(f"{path_of(site)}{rest}").unlink(missing_ok=True)
    os.replace(copy, path_of(site))


@pytest.fixture
def other_cluster(stopped_postgres: tuple[PostgresServer, Seeded]) -> Iterator[str]:
    """A database like the sites', in another cluster: its address."""
    golden, seeded = stopped_postgres
    with contextlib.closing(PostgresServer(data_from=golden)) as server:
        server.start()
        yield server.url(server.create_database(template=seeded.place))


def restore_log(source: str, target: str) -> None:
    """Copy the log from one database into another, as a dump does."""
    with psycopg.connect(source) as old, psycopg.connect(target) as new:
        for table in ("scheduler_realtime_log", "scheduler_realtime_message"):
            new.execute(f"TRUNCATE {table}")
            with (
                old.cursor().copy(f"COPY {table} TO STDOUT") as taken,
                new.cursor().copy(f"COPY {table} FROM STDIN") as given,
            ):
                for piece in taken:
                    given.write(piece)


async def test_a_log_that_was_copied_into_another_cluster_is_another_log_once(
    clustered: OpenClustered, other_cluster: str
) -> None:
    site = clustered("uvicorn")
    async with site.listen("nurse") as ear:
        before = (await ear.next("welcome"))["data"]["epoch"]
        last = await hear_saves(site, int(site.surgeries()[0]["id"]), 2, ear)
    place = {"since": last, "epoch": before}
    restore_log(site.database_url, other_cluster)
    site.database_url = other_cluster

    first = await asyncio.to_thread(site.add_server, "uvicorn")
    epoch = await is_refused(site, place, server=first)
    second = await asyncio.to_thread(site.add_server, "uvicorn")

    assert await is_refused(site, place, server=second) == epoch != before
    async with site.listen("nurse", server=first) as ear:
        assert (await ear.next("welcome"))["data"]["epoch"] == epoch


async def test_a_recovery_onto_another_timeline_is_another_log(
    stopped_postgres: tuple[PostgresServer, Seeded],
) -> None:
    golden, seeded = stopped_postgres
    options = {"wal_level": "replica", "restore_command": "false"}
    with contextlib.ExitStack() as stack:
        postgres = PostgresServer(data_from=golden, options=options)
        stack.callback(postgres.close)
        postgres.start()
        site = opening.open_clustered(seeded, postgres, kinds=["uvicorn"])
        stack.callback(site.close)
        async with site.listen("nurse") as ear:
            before = (await ear.next("welcome"))["data"]["epoch"]
            last = await hear_saves(site, int(site.surgeries()[0]["id"]), 1, ear)
            await asyncio.to_thread(postgres.promote)

            resync = await ear.next("resync", timeout=15)
        await asyncio.to_thread(site.server.restart)
        epoch = await is_refused(site, {"since": last, "epoch": before})

    assert resync["data"]["reason"] == "epoch_changed"
    assert resync["data"]["epoch"] == epoch != before


@pytest.fixture(params=["embedded", "clustered"])
def any_site(request: pytest.FixtureRequest) -> Site:
    """A site on SQLite with one process, and one on PostgreSQL with two."""
    if request.param == "clustered":
        return request.getfixturevalue("clustered_site")
    return request.getfixturevalue("embedded")("uvicorn")


async def test_a_new_epoch_by_command_is_told_at_once(any_site: Site) -> None:
    site = any_site
    pk = int(site.surgeries()[0]["id"])

    async with contextlib.AsyncExitStack() as stack:
        ears = [
            await stack.enter_async_context(site.listen("nurse", server=server))
            for server in site.servers
        ]
        before = (await ears[0].next("welcome"))["data"]["epoch"]
        last = await hear_saves(site, pk, 1, *ears)
        said = await asyncio.to_thread(site.manage, "realtime_epoch", "--new")

        epoch = await reads_afresh(site, pk, last, *ears)

    assert f"epoch {epoch}\n" in said.stdout
    assert before in said.stdout
    assert await is_refused(site, {"since": last, "epoch": before}) == epoch != before
