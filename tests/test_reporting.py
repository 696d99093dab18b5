"""Reporting: what a hub tells of itself, by the minute and in samples, and that its loop turns."""

import asyncio
import datetime as dt
import logging
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError

from scheduler_realtime import counters, reporting, statistics
from scheduler_realtime.counters import KINDS
from scheduler_realtime.reports import Report, SampleText
from tests.harness.house import House, identity
from tests.harness.line import until

pytestmark = [pytest.mark.sqlite_only, pytest.mark.usefixtures("counted_afresh")]


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, dt.datetime, SampleText]]:
    """What was handed over to be written, in place of the database."""
    written: list[tuple[Any, dt.datetime, SampleText]] = []
    monkeypatch.setattr(statistics, "keep", lambda *given: written.append(given))
    monkeypatch.setattr(statistics, "sweep", lambda: 0)
    return written


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Callable[[House], asyncio.Task[None]]:
    """A reporter that goes round all the time, and takes five samples a second."""
    monkeypatch.setattr(reporting, "BEAT", 0.005)
    monkeypatch.setattr(reporting, "SLOT", 0.2)

    def start(house: House) -> asyncio.Task[None]:
        return asyncio.create_task(house.hub.reporter.run())

    return start


def told(house: House) -> Report:
    return Report.model_validate_json(house.hub.reporter.report())


async def test_a_report_has_what_was_counted_and_how_it_stands(house: House) -> None:
    await house.join(who=identity(user_id=1))
    await house.join(who=identity(user_id=1))
    await house.join(who=identity(user_id=2))
    house.publish_more(3)
    await house.told()
    counters.refuse(4401)

    report = told(house)

    assert report.messages["delivered"]["system_notification"] == 9
    assert report.minute["delivered"] >= 9
    assert set(report.minute) == set(KINDS)
    assert sum(report.latency.values()) == sum(report.latency_minute.values()) == 9
    assert (report.connections, report.peak_connections, report.users) == (3, 3, 2)
    assert report.by_role == {"nurse": 2}
    assert report.refused == {"4401": 1}
    assert report.position == 3
    assert {"scheduler_realtime", "django", "channels", "python"} <= set(report.versions)


async def test_the_lag_is_how_long_the_hub_is_not_level(house: House) -> None:
    house.hub.road.level_at = time.monotonic()
    assert told(house).hub_lag_seconds == 0

    house.hub.road.level_at -= 7

    assert told(house).hub_lag_seconds == pytest.approx(6.75, abs=0.1)


async def test_the_minute_forgets_what_is_older(
    house: House, quick: Any, kept: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reporting, "WINDOW", 0.5)
    counters.count("received", "heartbeat", 7)
    task = quick(house)

    await until(lambda: told(house).minute["received"] == 0)

    assert told(house).messages["received"] == {"heartbeat": 7}
    assert told(house).window < 1.5
    task.cancel()


async def test_samples_are_taken_at_moments_that_all_nodes_share(
    house: House, quick: Any, kept: Any
) -> None:
    task = quick(house)
    await until(lambda: kept)
    counters.count("published", "schedule_update", 5)
    await until(lambda: len(kept) >= 3)
    task.cancel()

    assert {node for node, _, _ in kept} == {house.hub.node_id}
    assert all(abs(at.timestamp() / 0.2 - round(at.timestamp() / 0.2)) < 1e-4 for _, at, _ in kept)
    assert sum(each.published for _, _, each in kept) == 5
    assert all(0.1 < each.seconds < 0.4 for _, _, each in kept[1:])


async def test_a_sample_that_waits_for_the_database_is_followed_by_one_of_all_that_time(
    house: House, quick: Any, kept: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_thawed = asyncio.Event()

    async def frozen(call: Any, *given: Any) -> None:
        await is_thawed.wait()
        call(*given)

    monkeypatch.setattr(reporting.books, "run", frozen)
    task = quick(house)
    await until(lambda: len(house.hub.reporter._past) > 4)  # noqa: SLF001 - so many went by
    is_thawed.set()
    await until(lambda: len(kept) == 2)
    task.cancel()

    assert kept[1][2].seconds > 0.5


async def test_a_database_that_is_out_costs_samples_and_nothing_else(
    house: House, quick: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[object] = []

    def fail(*given: object) -> None:
        tries.append(given)
        raise OperationalError("gone")

    monkeypatch.setattr(statistics, "keep", fail)
    with caplog.at_level(logging.INFO):
        task = quick(house)
        await until(lambda: len(tries) >= 2)
        task.cancel()

    assert not caplog.records


async def test_old_samples_are_swept_now_and_then(
    house: House, quick: Any, kept: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweeps: list[None] = []
    monkeypatch.setattr(statistics, "sweep", lambda: sweeps.append(None))
    monkeypatch.setattr(reporting, "SWEEP", 0.3)

    task = quick(house)
    await until(lambda: len(sweeps) >= 2)
    task.cancel()

    assert len(kept) > len(sweeps)


async def test_a_loop_that_turns_is_known_to(house: House, quick: Any, kept: Any) -> None:
    before = house.hub.reporter.turned_at

    task = quick(house)
    await until(lambda: house.hub.reporter.turned_at > before)

    task.cancel()
