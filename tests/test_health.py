"""Health: which part is said to fail, and after how long; on a hub, and on servers that are harmed."""

import contextlib
import itertools
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from rest_framework.test import APIRequestFactory

from scheduler_realtime import health
from scheduler_realtime.api.health import HealthViewSet
from scheduler_realtime.health import Health
from tests.harness import opening
from tests.harness.child import wait_for
from tests.harness.house import House
from tests.harness.opening import Seeded
from tests.harness.postgres_server import PostgresServer
from tests.harness.site import Answer, Site

ADDRESSES = itertools.count(1)

WELL = {"database": "ok", "relay": "ok", "hub": "ok", "layer": "ok"}


def parts_of(house: House, *, later: float = 0) -> dict[str, str]:
    """How a hub is, as it is seen after so many seconds in which nothing happened."""
    found = health._of_hub(house.hub, time.monotonic() + later)  # noqa: SLF001 - in another's time
    return {name: getattr(found, name) for name in WELL}


def failing(house: House, *, later: float = 0) -> set[str]:
    return {name for name, word in parts_of(house, later=later).items() if word == "failing"}


def see(house: House, *, at: float, of: str = "database relay road loop") -> None:
    """Have a hub's threads see that all is well so many seconds from now."""
    moment, names = time.monotonic() + at, of.split()
    tail: Any = house.hub.road.tail
    if "database" in names:
        tail.looked_at = moment
    if "relay" in names:
        tail.relayed_at = moment
    if "road" in names:
        house.hub.road.level_at = moment
    if "loop" in names:
        house.hub.reporter.turned_at = moment


@pytest.mark.sqlite_only
class TestOfAHub:
    async def test_everything_is_well(self, house: House) -> None:
        assert parts_of(house) == WELL

    async def test_a_database_that_says_nothing_is_out_after_five_seconds(
        self, house: House
    ) -> None:
        assert not failing(house, later=4.9)
        assert failing(house, later=5.1) == {"database"}

    async def test_a_database_that_refuses_is_out_after_one(self, house: House) -> None:
        house.hub.road.tail.is_failing = True  # type: ignore[misc]  # the tail stands still here

        assert not failing(house, later=0.9)
        assert failing(house, later=1.1) == {"database"}

    async def test_a_relay_that_lags_is_no_fault_of_the_hubs(self, house: House) -> None:
        see(house, at=20, of="database loop")

        assert not failing(house, later=10)
        assert failing(house, later=11) == {"relay"}

    async def test_a_road_that_is_not_level_is_the_hubs_fault_where_all_else_is_well(
        self, house: House
    ) -> None:
        see(house, at=20, of="database relay loop")

        assert not failing(house, later=10)
        assert failing(house, later=11) == {"hub"}

    async def test_a_loop_that_takes_no_page_is_no_fault_of_the_databases(
        self, house: House
    ) -> None:
        see(house, at=20, of="loop")
        house.hub.road.tail.is_held_up = True

        assert not failing(house, later=9)
        assert failing(house, later=11) == {"hub"}

    async def test_a_loop_that_does_not_turn_is_a_hub_that_fails(self, house: House) -> None:
        see(house, at=20, of="database relay road")

        assert not failing(house, later=9)
        assert failing(house, later=11) == {"hub"}

    async def test_a_hub_that_is_about_to_end_fails(self, house: House) -> None:
        house.hub.drain()

        assert failing(house) == {"hub"}


@pytest.mark.sqlite_only
@pytest.mark.parametrize("part", ["database", "relay", "hub"])
def test_without_any_part_but_the_layer_it_fails(part: str) -> None:
    parts: dict[str, Any] = WELL | {"layer": "failing"}

    assert Health(**parts).status == "degraded"
    assert Health(**parts | {part: "failing"}).status == "failing"
    assert Health(**parts | {"layer": "none"}).status == "ok"


@pytest.mark.sqlite_only
@pytest.mark.django_db(transaction=True)
def test_a_process_without_a_hub_looks_for_itself() -> None:
    assert health.check() == Health(database="ok", relay="ok", hub="none", layer="none")


@pytest.mark.sqlite_only
@pytest.mark.django_db(transaction=True)
def test_a_process_without_a_hub_waits_for_no_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "LOOK_WITHIN", 0.2)
    monkeypatch.setattr(health.log, "state", lambda: time.sleep(1))

    begun = time.monotonic()
    found = [health.check() for _ in range(3)]

    assert {each.database for each in found} == {"failing"}
    assert time.monotonic() - begun < 2
    # However many ask, no more threads than one wait for it.
    assert [each.name for each in threading.enumerate()].count("realtime-health") == 1


@pytest.mark.sqlite_only
def test_one_address_cannot_ask_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    well: dict[str, Any] = WELL
    monkeypatch.setattr(health, "check", lambda: Health(**well))
    ask_for_it = HealthViewSet.as_view({"get": "list"})

    def status(address: str) -> int:
        request = APIRequestFactory().get("/api/ws/health", REMOTE_ADDR=address)
        return int(ask_for_it(request).status_code)

    assert {status("198.51.100.7") for _ in range(600)} == {200}
    assert status("198.51.100.7") == 429
    assert status("198.51.100.8") == 200


# On servers that are harmed.


@pytest.fixture(scope="module")
def site(stopped_postgres: tuple[PostgresServer, Seeded]) -> Iterator[Site]:
    """daphne and uvicorn with a PostgreSQL and a Redis of their own."""
    golden, seeded = stopped_postgres
    with contextlib.ExitStack() as stack:
        postgres = PostgresServer(data_from=golden)
        postgres.start()
        stack.callback(postgres.close)
        site = stack.enter_context(contextlib.closing(opening.open_clustered(seeded, postgres)))
        yield site


@pytest.fixture
def harmed(site: Site) -> Iterator[Site]:
    """The site, well before a test and after it."""
    site.ensure_running()
    until_all(site, 200, "ok")
    yield site
    site.ensure_running()


def ask(site: Site, server: Any) -> Answer:
    begun = time.monotonic()
    # Of another address each time: nobody else asks a hundred times a second.
    headers = {"X-Forwarded-For": f"10.0.0.{next(ADDRESSES)}"}
    answer = site.request("GET", "/api/ws/health", server=server, headers=headers)
    assert time.monotonic() - begun < 2, "it waited for something"
    return answer


def until_all(site: Site, status: int, word: str, *, within: float = 15, **parts: str) -> None:
    """Wait until every server answers so, and has these parts so; AssertionError with the last."""
    last: list[Any] = []

    def do_all() -> bool:
        last[:] = [ask(site, server) for server in site.servers]
        return all(
            (each.status, each.body["status"]) == (status, word)
            and each.body["parts"].items() >= parts.items()
            for each in last
        )

    try:
        wait_for(do_all, within=within, what=f"{status} {word}")
    except AssertionError as error:
        raise AssertionError(f"{error}: {[each.body for each in last]}") from None


CHECK = "from scheduler_realtime import health; print(health.check())"


@pytest.mark.slow
def test_a_frozen_database_is_told_without_waiting_for_it(harmed: Site) -> None:
    assert isinstance(harmed.postgres, PostgresServer)

    harmed.postgres.freeze()
    without_hub = harmed.shell(CHECK)
    until_all(harmed, 503, "failing", database="failing", hub="ok", layer="ok")

    harmed.postgres.thaw()
    until_all(harmed, 200, "ok", **WELL)
    assert "database='failing', relay='none', hub='none'" in without_hub


@pytest.mark.slow
def test_a_database_that_was_killed_is_told_within_two_seconds(harmed: Site) -> None:
    assert isinstance(harmed.postgres, PostgresServer)

    harmed.postgres.kill()
    until_all(harmed, 503, "failing", within=3, database="failing", hub="ok")

    harmed.postgres.ensure_running()
    until_all(harmed, 200, "ok", **WELL)


HOLD = """
import threading
from scheduler_realtime.models import Log
held, let_go = threading.Event(), threading.Event()
def hold():
    with transaction.atomic():
        Log.objects.select_for_update().get(pk=1)
        held.set()
        let_go.wait(30)
import builtins
builtins.let_go = let_go
threading.Thread(target=hold, daemon=True).start()
held.wait(5)
from scheduler_realtime import send_system_notification
send_system_notification(title="t", message="m")
"""


@pytest.mark.slow
def test_a_layer_that_is_out_degrades_and_a_relay_that_stands_still_fails(harmed: Site) -> None:
    assert harmed.redis is not None
    harmed.shell(HOLD)

    # While the relay does not lag for long enough yet.
    harmed.redis.kill()  # type: ignore[union-attr]  # it is the suite's own
    until_all(harmed, 200, "degraded", layer="failing", database="ok", relay="ok", hub="ok")
    harmed.redis.ensure_running()

    until_all(harmed, 503, "failing", relay="failing", database="ok", hub="ok", layer="ok")
    without_hub = harmed.shell(CHECK)

    harmed.shell("let_go.set()")
    until_all(harmed, 200, "ok", **WELL)
    assert "database='ok', relay='failing', hub='none'" in without_hub
