"""The harness itself: what the other tests lean on answers, dies and comes back."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from psycopg import sql
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.tokens import AccessToken
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from websockets.asyncio.server import ServerConnection, serve

from tests.conftest import OpenClustered
from tests.harness import backend, tokens
from tests.harness.child import REPOSITORY, wait_for
from tests.harness.listener import Listener
from tests.harness.opening import Seeded
from tests.harness.postgres_server import ForeignPostgres, PostgresServer
from tests.harness.redis_server import RedisServer
from tests.harness.site import Site


@pytest.fixture
def lonely_redis() -> Iterator[RedisServer]:
    """A Redis of the test's own."""
    with contextlib.closing(RedisServer()) as server:
        server.start()
        yield server


def test_redis_that_was_killed_comes_back_on_its_port(lonely_redis: RedisServer) -> None:
    lonely_redis.kill()
    answered_while_dead = lonely_redis.answers()
    lonely_redis.start()

    assert not answered_while_dead
    assert lonely_redis.answers()


def test_a_frozen_redis_is_silent_until_it_is_thawed(lonely_redis: RedisServer) -> None:
    lonely_redis.freeze()
    answered_while_frozen = lonely_redis.answers()
    lonely_redis.thaw()

    assert not answered_while_frozen
    assert lonely_redis.answers()


def test_a_database_is_a_copy_of_its_template(
    postgres_server: PostgresServer | ForeignPostgres,
) -> None:
    template = postgres_server.create_database()
    postgres_server.execute(sql.SQL("CREATE TABLE kept (id int)"), template)

    copy = postgres_server.create_database(template=template)

    postgres_server.execute(sql.SQL("SELECT id FROM kept"), copy)
    for name in (copy, template):
        postgres_server.drop_database(name)


@pytest.mark.parametrize("how", ["kill", "restart", "immediate"])
def test_what_was_committed_outlives_the_server(
    stopped_postgres: tuple[PostgresServer, Seeded], how: str
) -> None:
    with contextlib.closing(PostgresServer(data_from=stopped_postgres[0])) as server:
        server.start()
        server.execute(sql.SQL("CREATE TABLE kept (id int)"))

        if how == "kill":
            server.kill()
            server.start()
        else:
            server.restart(immediate=how == "immediate")

        server.execute(sql.SQL("SELECT id FROM kept"))


def test_servers_and_folders_go_when_the_tests_are_killed() -> None:
    code = (
        "import json, time\n"
        "from tests.harness.redis_server import RedisServer\n"
        "server = RedisServer()\n"
        "server.start()\n"
        "print(json.dumps([server.pid, str(server.folder)]), flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout is not None
        pid, folder = json.loads(run.stdout.readline())
        was_running = _is_running(pid)

        run.kill()

    assert was_running
    wait_for(
        lambda: not _is_running(pid) and not Path(folder).exists(),
        within=10,
        what="the end of an orphaned Redis",
    )


@pytest.mark.django_db
def test_the_tests_own_database_is_the_one_asked_for() -> None:
    get_user_model().objects.create(username="somebody")

    assert connection.vendor == {"sqlite": "sqlite", "postgres": "postgresql"}[backend.name()]
    assert "test" in str(connection.settings_dict["NAME"])


@pytest.mark.parametrize(
    "forge", [tokens.expired, tokens.refresh, tokens.wrong_key, tokens.unsigned]
)
def test_only_the_good_token_is_good(forge: Callable[[int], str]) -> None:
    good = AccessToken(tokens.access(7))  # type: ignore[arg-type]  # the stubs want a Token

    assert good["user_id"] == "7"
    with pytest.raises(TokenError):
        AccessToken(forge(7))  # type: ignore[arg-type]  # the stubs want a Token


async def _talk(line: ServerConnection) -> None:
    """Greets, answers each frame with a tick before the reply, and obeys `close` and `nan`."""
    await line.send('{"type": "greeting"}')
    async for text in line:
        frame = json.loads(text)
        if frame["type"] == "close":
            await line.close(4409)
        elif frame["type"] == "nan":
            await line.send('{"type": "tick", "data": NaN}')
        else:
            await line.send('{"type": "tick"}')
            await line.send(json.dumps({"type": "reply", "ref": frame.get("ref")}))


async def test_a_listener_hears_in_order_and_sees_the_close() -> None:
    async with serve(_talk, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with Listener.open(f"ws://127.0.0.1:{port}/") as ear:
            reply = await ear.ask("anything")
            before = await ear.drain_by_asking()
            await ear.send({"type": "close"})

            assert reply["type"] == "reply"
            assert [frame["type"] for frame in before] == ["greeting", "tick", "tick"]
            assert await ear.closed() == 4409
            with pytest.raises(AssertionError, match="closed with 4409 before greeting"):
                await ear.next("greeting")


async def test_a_listener_takes_no_nan_for_json() -> None:
    async with serve(_talk, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with Listener.open(f"ws://127.0.0.1:{port}/") as ear:
            await ear.send({"type": "nan"})

            with pytest.raises(AssertionError, match="NaN is not JSON"):
                await ear.next("tick")


def test_an_embedded_site_serves_its_seeded_day(embedded_site: Site) -> None:
    surgery = embedded_site.surgeries()[0]

    embedded_site.patch_surgery(surgery["id"], notes="seen by the harness")

    assert embedded_site.shell(f"print(Surgery.objects.get(pk={surgery['id']}).notes)") == (
        "seen by the harness"
    )


def test_tidying_puts_the_day_back_as_it_was_seeded(embedded_site: Site) -> None:
    seeded = embedded_site.surgeries()
    embedded_site.patch_surgery(seeded[0]["id"], notes="changed")
    embedded_site.shell(f"Surgery.objects.filter(pk={seeded[1]['id']}).delete()")

    embedded_site.tidy()

    assert embedded_site.surgeries() == seeded


def test_both_servers_of_a_cluster_see_one_database(clustered_site: Site) -> None:
    surgery = clustered_site.surgeries()[0]

    clustered_site.patch_surgery(surgery["id"], notes="both", server=clustered_site.named("daphne"))
    answer = clustered_site.request(
        "GET",
        f"/api/surgeries/{surgery['id']}/",
        who="scheduler",
        server=clustered_site.named("uvicorn"),
    )

    assert answer.body["notes"] == "both"


@pytest.mark.slow
def test_a_site_outlives_its_own_postgres(clustered: OpenClustered) -> None:
    site = clustered("uvicorn", own_postgres=True)
    surgery = site.surgeries()[0]

    assert isinstance(site.postgres, PostgresServer)
    site.postgres.kill()
    site.ensure_running()

    assert site.patch_surgery(surgery["id"], notes="again")["notes"] == "again"


def test_a_browser_opens_the_page_of_a_server(
    open_browser: Callable[[], Chrome], embedded_site: Site
) -> None:
    driver = open_browser()

    driver.get(f"{embedded_site.server.http_url}/admin/login/")

    assert driver.find_element(By.NAME, "username").is_displayed()


def _is_running(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
