"""A day is optimised in the open: from REST and from the shell, stopped from elsewhere, never lost."""

import asyncio
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.harness import lifeline
from tests.harness.app_server import project_environment
from tests.harness.child import REPOSITORY
from tests.harness.listener import Frame, Listener
from tests.harness.site import Site

pytestmark = pytest.mark.slow

# Another day each, since a run's name is never used twice; of today the clock has passed some.
DAYS = itertools.count(1)

MESS = """
from datetime import date
from project.scheduling import seed
day = timezone.localdate() + timedelta(days={ahead})
Surgery.objects.filter(start_time__date=day).delete()
Surgery.objects.bulk_create(seed.programme(day))
late = list(Surgery.objects.filter(start_time__date=day, status="scheduled"))
for surgery in late[::3]:
    surgery.start_time += timedelta(minutes=50)
    surgery.end_time += timedelta(minutes=50)
    surgery.save()
print(day)
"""

# By the rules themselves, and not by the optimiser's own idea of them.
STATE = """
import json
from datetime import date, timedelta
from itertools import combinations
day = date.fromisoformat({day!r})
rows = list(Surgery.objects.filter(start_time__date=day).exclude(status="cancelled"))
pause = timedelta(minutes=15)
found = []
for a, b in combinations(rows, 2):
    room = a.room_id == b.room_id
    gap = pause if room else timedelta(0)
    people = {{a.surgeon_id, a.anaesthetist_id}} & {{b.surgeon_id, b.anaesthetist_id}} - {{None}}
    if (room or people) and a.start_time < b.end_time + gap and b.start_time < a.end_time + gap:
        found.append(sorted((a.pk, b.pk)))
places = {{s.pk: [s.room_id, str(s.start_time), str(s.end_time)] for s in rows}}
print(json.dumps({{"found": found, "places": places}}))
"""

BEGIN_AND_WAIT = """
import threading, time
from scheduler_realtime import track_optimization
begun = threading.Event()
def work():
    with track_optimization(user=1, optimization_id="lost", total_iterations=10) as run:
        run.update(iteration=4, score=7.5)
        begun.set()
        time.sleep(600)
threading.Thread(target=work, daemon=True).start()
begun.wait(10)
time.sleep(1.2)  # the figures are written once a second
"""

EXPIRE = """
run = OptimizationRun.objects.get(optimization_id="lost")
OptimizationRun.objects.filter(pk=run.pk, lease_until__isnull=False).update(
    lease_until=timezone.now() - timedelta(seconds=1)
)
"""


@pytest.fixture
def day(clustered_site: Site) -> str:
    """A day with a mess in it."""
    return clustered_site.shell(MESS.format(ahead=next(DAYS)))


def state(site: Site, day: str) -> dict[str, Any]:
    return dict(json.loads(site.shell(STATE.format(day=day))))


def start(site: Site, day: str, seconds: float, who: str = "scheduler") -> Any:
    body = {"date": day, "seconds": seconds}
    return site.request("POST", "/api/optimizations", who=who, body=body)


async def ended(ear: Listener, run: str, timeout: float = 20) -> Frame:  # noqa: ASYNC109 - shown
    """The durable frame of the end."""
    return await ear.next(
        "optimization_progress",
        timeout=timeout,
        where=lambda frame: (
            frame["data"]["optimization_id"] == run
            and "id" in frame
            and frame["data"]["status"] != "running"
        ),
    )


async def test_a_day_is_optimised_over_rest_while_everybody_watches(
    clustered_site: Site, day: str
) -> None:
    site = clustered_site
    before = await asyncio.to_thread(state, site, day)
    async with site.listen("viewer", server=site.servers[1]) as ear:
        await ear.next("welcome")
        answer = await asyncio.to_thread(start, site, day, 2)
        again = await asyncio.to_thread(start, site, day, 2)
        end = await ended(ear, answer.body["optimization_id"])
        heard = [each for each in ear.frames if each["type"] == "optimization_progress"]
        begun = heard[0]["id"]  # what comes before it is of another test

        def is_of_the_run(frame: dict[str, Any]) -> bool:
            return frame["id"] > begun

        moved = [each for each in ear.frames if each["type"] == "schedule_update"]
        moved = list(filter(is_of_the_run, moved))
        if not moved:
            moved = [await ear.next("schedule_update", where=is_of_the_run)]
    after = await asyncio.to_thread(state, site, day)
    listed = await asyncio.to_thread(site.request, "GET", "/api/ws/optimizations", who="viewer")

    assert (answer.status, again.status) == (202, 409)
    assert before["found"]
    assert after["found"] == []
    assert set(after["places"]) == set(before["places"])
    metrics = end["data"]["metrics"]
    assert end["data"]["status"] == "completed"
    assert metrics["cost_after"] < metrics["cost_before"]
    assert metrics["left_alone"] == 0
    assert len(heard) >= 4
    assert heard[0]["data"]["status"] == "running"
    assert {each.get("user_id") for each in (*heard, *moved)} == {site.user_id("scheduler")}
    assert listed.body["results"][0]["status"] == "completed"


async def test_a_run_is_stopped_within_a_second_from_another_node(
    clustered_site: Site, day: str
) -> None:
    site = clustered_site
    before = await asyncio.to_thread(state, site, day)
    async with (
        site.listen("scheduler", server=site.servers[1]) as ear,
        site.listen("nurse", server=site.servers[1]) as nurse,
    ):
        for each in (ear, nurse):
            await each.next("welcome")
        run = (await asyncio.to_thread(start, site, day, 60)).body["optimization_id"]
        await nurse.next("optimization_progress")
        refused = await nurse.ask("cancel_optimization", {"optimization_id": run})
        unknown = await ear.ask("cancel_optimization", {"optimization_id": "nothing"})
        asked_at = time.monotonic()
        reply = await ear.ask("cancel_optimization", {"optimization_id": run})
        took = time.monotonic() - asked_at
        end = await ended(nurse, run)
        late = await ear.ask("cancel_optimization", {"optimization_id": run})
    after = await asyncio.to_thread(state, site, day)

    assert (refused["type"], refused["data"]["code"]) == ("error", "not_permitted")
    assert (unknown["type"], unknown["data"]["code"]) == ("error", "bad_data")
    assert (reply["type"], reply["data"]["status"]) == ("optimization_progress", "cancelled")
    assert took < 1.5
    assert end["data"]["status"] == "cancelled"
    assert (late["type"], late["data"]["code"]) == ("error", "bad_data")
    assert after == before


async def test_a_run_whose_process_is_killed_is_told_to_have_failed_once(
    clustered_site: Site,
) -> None:
    site = clustered_site
    async with site.listen("nurse", server=site.servers[1]) as ear:
        await ear.next("welcome")
        await asyncio.to_thread(site.shell, BEGIN_AND_WAIT)
        await asyncio.to_thread(site.console.kill)
        await asyncio.to_thread(site.shell, EXPIRE)
        end = await ended(ear, "lost")
        count = await asyncio.to_thread(
            site.shell,
            "print(Message.objects.filter(type='optimization_progress',"
            " body__contains='\"lost\"').count())",
        )

    assert end["data"]["status"] == "failed"
    assert end["data"]["reason"] == "The process that ran it stopped without a word."
    assert (end["data"]["current_iteration"], end["data"]["best_score"]) == (4, 7.5)
    assert end["user_id"] == 1
    assert count == "2"


async def test_a_server_that_is_told_to_end_takes_its_runs_with_it(
    clustered_site: Site, day: str
) -> None:
    site = clustered_site
    before = await asyncio.to_thread(state, site, day)
    async with site.listen("nurse", server=site.servers[1]) as ear:
        await ear.next("welcome")
        run = (await asyncio.to_thread(start, site, day, 60)).body["optimization_id"]
        await ear.next("optimization_progress")
        await asyncio.to_thread(site.servers[0].stop)
        end = await ended(ear, run)
    after = await asyncio.to_thread(state, site, day)

    assert end["data"]["status"] == "cancelled"
    assert end["data"]["reason"] == "The server that ran it was told to end."
    assert after == before


@pytest.fixture
def command(clustered_site: Site, day: str) -> Iterator[subprocess.Popen[str]]:
    site = clustered_site
    words = ["optimize", "--date", day, "--user", "scheduler", "--seconds", "60"]
    process = subprocess.Popen(
        [sys.executable, "manage.py", *words],
        cwd=REPOSITORY,
        env=project_environment(site.database_url, site.redis_url, site.prefix),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    lifeline.watch(process.pid, signal.SIGKILL)
    yield process
    process.kill()
    process.communicate()
    lifeline.forget(process.pid)


async def test_the_shell_optimises_in_the_open_too_and_stops_when_told(
    clustered_site: Site, command: subprocess.Popen[str], day: str
) -> None:
    site = clustered_site
    async with site.listen("nurse", server=site.servers[1]) as ear:
        tick = await ear.next(
            "optimization_progress",
            timeout=15,
            where=lambda frame: "id" not in frame and frame["data"]["best_score"] is not None,
        )
        run = tick["data"]["optimization_id"]
        path = f"/api/ws/optimizations/{run}/cancel"
        answer = await asyncio.to_thread(
            site.request, "POST", path, who="scheduler", server=site.servers[1]
        )
        asked_at = time.monotonic()
        end = await ended(ear, run)
        took = time.monotonic() - asked_at
    _, said = await asyncio.to_thread(command.communicate)

    assert answer.status == 202
    assert end["data"]["status"] == "cancelled"
    assert took < 1.5
    assert "It was stopped" in said
    assert command.returncode == 1


async def test_a_command_that_is_interrupted_says_so(
    clustered_site: Site, command: subprocess.Popen[str], day: str
) -> None:
    async with clustered_site.listen("nurse") as ear:
        tick = await ear.next("optimization_progress", timeout=15)
        os.kill(command.pid, signal.SIGTERM)
        end = await ended(ear, tick["data"]["optimization_id"])

    assert end["data"]["status"] == "cancelled"
    assert end["data"]["reason"] == "The command was told to end."


@pytest.mark.parametrize(
    ("who", "body", "status"),
    [
        ("nurse", {"date": "2099-01-01"}, 403),
        (None, {"date": "2099-01-01"}, 401),
        ("scheduler", {"date": "tomorrow"}, 400),
        ("scheduler", {}, 400),
        ("scheduler", {"date": "2099-01-01", "seconds": 1000}, 400),
        ("scheduler", {"date": "2020-01-01"}, 409),
    ],
)
def test_who_may_not_or_asks_for_nothing_possible_is_refused(
    clustered_site: Site, who: str | None, body: dict[str, Any], status: int
) -> None:
    answer = clustered_site.request("POST", "/api/optimizations/", who=who, body=body)

    assert answer.status == status, answer.body


@pytest.mark.parametrize(("who", "may_start"), [("scheduler", True), ("nurse", False)])
def test_a_page_is_told_whether_it_may_offer_it(
    clustered_site: Site, who: str, may_start: bool
) -> None:
    answer = clustered_site.request("GET", "/api/optimizations", who=who)

    assert (answer.status, answer.body) == (200, {"available": True, "may_start": may_start})
