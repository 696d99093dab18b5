"""Fixtures: the real servers, sites made of them, and the database of the tests' own process."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

import pytest
from django.conf import settings
from django.core.cache import cache
from selenium.webdriver import Chrome

from scheduler_realtime import catching_up, counters, log, reporting
from scheduler_realtime import mailbox as mailboxes
from scheduler_realtime import road as roads
from scheduler_realtime.models import Log, Message
from scheduler_realtime.progress import lapses
from tests.harness import backend, browser, opening
from tests.harness.app_server import KINDS, Kind
from tests.harness.box import Box
from tests.harness.house import House, StillTail
from tests.harness.line import DaphneLine, Line
from tests.harness.opening import Seeded
from tests.harness.postgres_server import ForeignPostgres, PostgresServer
from tests.harness.redis_server import ForeignRedis, RedisServer
from tests.harness.site import Site

MARKERS = (
    "servers: starts real servers of the demo project",
    "postgres: starts PostgreSQL on its own account, whatever TEST_BACKEND is",
    "browser: opens Chromium",
    "slow: takes more than two seconds",
    "sqlite_only: its own database must be SQLite, or it says nothing new on PostgreSQL",
    "postgres_only: its own database must be PostgreSQL, or its layer Redis",
)

# A test that asks for one of these brings its own database.
REAL_PARTS = {
    "postgres_server": "postgres",
    "stopped_postgres": "postgres",
    "embedded_site": "servers",
    "clustered_site": "servers",
    "embedded": "servers",
    "clustered": "servers",
    "open_browser": "browser",
}

# What a run on that backend leaves to the other one.
LEFT_OUT = {
    "sqlite": {"postgres_only"},
    "postgres": {"sqlite_only", "servers", "postgres", "browser"},
}


def pytest_configure(config: pytest.Config) -> None:
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    if settings.SETTINGS_MODULE != "tests.settings":
        raise pytest.UsageError("the tests run on their own settings: pytest --ds=tests.settings")


def pytest_report_header() -> str:
    return f"backend: {backend.name()}"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark each test by the real parts it asks for, and leave out what the other run is for."""
    for item in items:
        for name in getattr(item, "fixturenames", ()):
            if marker := REAL_PARTS.get(name):
                item.add_marker(marker)
    left_out = LEFT_OUT[backend.name()]
    elsewhere = [item for item in items if left_out & {mark.name for mark in item.iter_markers()}]
    config.hook.pytest_deselected(items=elsewhere)
    items[:] = [item for item in items if item not in elsewhere]


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer | ForeignPostgres]:
    """The run's PostgreSQL. A test that harms it takes `clustered(own_postgres=True)` instead."""
    server = backend.postgres()
    server.ensure_running()
    yield server
    server.close()


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer | ForeignRedis]:
    """The run's Redis, which the tests' own process may be using too."""
    server = backend.redis()
    server.ensure_running()
    yield server
    server.close()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    request: pytest.FixtureRequest, django_db_modify_db_settings_parallel_suffix: None
) -> None:
    """Start the database server that the settings speak of, before Django connects."""
    if backend.name() == "postgres":
        request.getfixturevalue("postgres_server")


@pytest.fixture(scope="session", autouse=True)
def _layer(request: pytest.FixtureRequest) -> None:
    """Start the Redis that the settings' channel layer speaks of."""
    if backend.name() == "postgres":
        request.getfixturevalue("redis_server")


@pytest.fixture(scope="session")
def seeded_sqlite() -> Seeded:
    """A migrated and seeded SQLite file, to copy."""
    return opening.seed_sqlite()


@pytest.fixture(scope="session")
def seeded_postgres(postgres_server: PostgresServer | ForeignPostgres) -> Iterator[Seeded]:
    """A migrated and seeded PostgreSQL template."""
    seeded = opening.seed_postgres(postgres_server)
    yield seeded
    postgres_server.drop_database(seeded.place)


@pytest.fixture(scope="session")
def stopped_postgres() -> tuple[PostgresServer, Seeded]:
    """A stopped PostgreSQL with the template, for servers that a test may ruin."""
    return opening.seed_stopped_postgres()


@pytest.fixture(scope="session", params=KINDS)
def _shared_embedded_site(request: pytest.FixtureRequest, seeded_sqlite: Seeded) -> Iterator[Site]:
    with contextlib.closing(opening.open_embedded(seeded_sqlite, request.param)) as site:
        yield site


@pytest.fixture
def embedded_site(_shared_embedded_site: Site) -> Iterator[Site]:
    """One server on SQLite with the in-memory layer: once with daphne, once with uvicorn.

    It lives on from test to test; what a test changed in the data is put back after it.
    """
    yield from _lent(_shared_embedded_site)


@pytest.fixture(scope="session")
def _shared_clustered_site(
    seeded_postgres: Seeded, postgres_server: PostgresServer | ForeignPostgres
) -> Iterator[Site]:
    with contextlib.closing(opening.open_clustered(seeded_postgres, postgres_server)) as site:
        yield site


@pytest.fixture
def clustered_site(_shared_clustered_site: Site) -> Iterator[Site]:
    """daphne and uvicorn on one PostgreSQL database, with a Redis of their own.

    It lives on from test to test: what a test froze or killed runs again at the next one, and
    what it changed in the data is put back.
    """
    yield from _lent(_shared_clustered_site)


def _lent(site: Site) -> Iterator[Site]:
    yield site
    site.ensure_running()
    site.tidy()


class OpenEmbedded(Protocol):
    """Opens a site that ends with the test."""

    def __call__(self, kind: Kind = "uvicorn", *, env: Mapping[str, str] | None = None) -> Site: ...


@pytest.fixture
def embedded(seeded_sqlite: Seeded) -> Iterator[OpenEmbedded]:
    """`embedded("daphne", env={...})`: a site of the test's own on SQLite, for settings of its own."""
    with contextlib.ExitStack() as stack:

        def open_site(kind: Kind = "uvicorn", *, env: Mapping[str, str] | None = None) -> Site:
            site = opening.open_embedded(seeded_sqlite, kind, env=env)
            stack.callback(site.close)
            return site

        yield open_site


@pytest.fixture
def bare_site(seeded_sqlite: Seeded) -> Iterator[Site]:
    """A site on SQLite where no server runs, and so no relay."""
    with contextlib.closing(opening.open_bare(seeded_sqlite)) as site:
        yield site


class OpenClustered(Protocol):
    """Opens a site that ends with the test."""

    def __call__(
        self,
        *kinds: Kind,
        env: Mapping[str, str] | None = None,
        own_postgres: bool = False,
    ) -> Site: ...


@pytest.fixture
def clustered(request: pytest.FixtureRequest) -> Iterator[OpenClustered]:
    """`clustered("uvicorn", "uvicorn", env={...})`: a site of the test's own on PostgreSQL and Redis.

    With `own_postgres` the database server is its own as well, to be killed or frozen.
    """
    with contextlib.ExitStack() as stack:

        def open_site(
            *kinds: Kind, env: Mapping[str, str] | None = None, own_postgres: bool = False
        ) -> Site:
            postgres: PostgresServer | ForeignPostgres
            if own_postgres:
                golden, seeded = request.getfixturevalue("stopped_postgres")
                postgres = PostgresServer(data_from=golden)
                postgres.start()
                stack.callback(postgres.close)
            else:
                seeded = request.getfixturevalue("seeded_postgres")
                postgres = request.getfixturevalue("postgres_server")
            site = opening.open_clustered(seeded, postgres, kinds=kinds or KINDS, env=env)
            stack.callback(site.close)
            return site

        yield open_site


@pytest.fixture
def open_browser() -> Iterator[Callable[[], Chrome]]:
    """`open_browser()`: a fresh headless Chromium each time; all quit with the test."""
    with contextlib.ExitStack() as stack:
        yield lambda: stack.enter_context(browser.opened())


@pytest.fixture
def unthrottled() -> None:
    """Nobody has asked the REST API for anything yet."""
    cache.clear()


@pytest.fixture
def committed(transactional_db: None) -> None:
    """A database in which commits are real, with a log that begins at 0."""
    Log.objects.all().delete()
    Message.objects.all().delete()
    log.state()


@pytest.fixture
async def house(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Any:
    """An open hub on a log in memory, with small mailboxes and small pages."""
    settings.SCHEDULER_REALTIME = {
        "MAILBOX_FRAMES": 8,
        "REPLAY_LIMIT": 500,
        "REPLAYS_PER_MINUTE": 10_000,
    }
    monkeypatch.setattr(roads, "Tail", StillTail)
    monkeypatch.setattr(reporting, "BEAT", 3600)  # it would write samples into the database
    monkeypatch.setattr(lapses, "LOOK", 3600)  # and look there for runs
    house = House()
    monkeypatch.setattr(log, "read_after", house.read_after)
    monkeypatch.setattr(catching_up, "FIRST_PAGE", 4)
    monkeypatch.setattr(catching_up, "PAGE", 8)
    house.open()
    await house.hub.road.ready.wait()
    yield house
    await house.close()


@pytest.fixture(params=["uvicorn", "behind a middleware"])
async def box(request: pytest.FixtureRequest, small_mailboxes: None) -> Any:
    """A mailbox that drives `send` by hand, and one that writes from a task."""
    line = Line()
    box = Box(line, line.send if request.param == "uvicorn" else line.behind_middleware)
    yield box
    box.mailbox.finish()


@pytest.fixture
async def daphne_box(small_mailboxes: None) -> Any:
    """A mailbox on a line as daphne has it."""
    line = DaphneLine()
    box = Box(line, line.own_send)
    yield box
    box.mailbox.finish()


@pytest.fixture
def small_mailboxes(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mailboxes of four frames, whose clients are given up after a moment."""
    settings.SCHEDULER_REALTIME = {
        "MAILBOX_FRAMES": 4,
        "MAILBOX_BYTES": 100,
        "SEND_TIMEOUT": 0.1,
    }
    monkeypatch.setattr(mailboxes, "CLOSE_GRACE", 0.1)
    monkeypatch.setattr(mailboxes, "HANDSHAKE_GRACE", 0.2)


@pytest.fixture
def counted_afresh() -> Iterator[None]:
    """What this process counted is forgotten, before and after."""
    counters.forget()
    yield
    counters.forget()
