"""Conflicts on PostgreSQL with servers of its own: many writers at once, and a kill in between."""

import contextlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.harness import opening
from tests.harness.child import wait_for
from tests.harness.console import Console
from tests.harness.site import Site
from tests.test_optimizing_a_day import MESS

pytestmark = pytest.mark.slow

WRITERS, WRITES, SURGERIES = 4, 25, 10

PLAN = """
from datetime import datetime, UTC
day = datetime(2031, 3, 10, 8, tzinfo=UTC)
some = list(Surgery.objects.order_by("pk")[:{count}])
Surgery.objects.exclude(pk__in=[each.pk for each in some]).delete()
for number, each in enumerate(some):
    each.start_time = day + timedelta(hours=3 * number)
    each.end_time = each.start_time + timedelta(hours=1)
    each.status, each.patient_number = "scheduled", ""
    each.save()
print([each.pk for each in some])
"""

WRITE = """
import random
from datetime import datetime, UTC
rng, day = random.Random({seed}), datetime(2031, 3, 10, 8, tzinfo=UTC)
rooms = list(OperatingRoom.objects.order_by("pk").values_list("pk", flat=True)[:2])
people = list(Surgery.objects.order_by("pk").values_list("surgeon", flat=True)[:3])
for _ in range({writes}):
    start = day + timedelta(minutes=10 * rng.randrange(90))
    fields = dict(
        start_time=start, end_time=start + timedelta(minutes=rng.choice([30, 60, 90])),
        room_id=rng.choice(rooms), surgeon_id=rng.choice(people),
        status=rng.choice(["scheduled", "scheduled", "cancelled"]),
    )
    key = rng.choice({keys})
    if rng.random() < 0.5:
        Surgery.objects.filter(pk=key).update(**fields)
    else:
        with transaction.atomic():
            row = Surgery.objects.select_for_update().get(pk=key)
            for name, value in fields.items():
                setattr(row, name, value)
            row.save()
"""

MEET = """
there = Surgery.objects.get(pk={0})
Surgery.objects.filter(pk={1}).update(
    room=there.room_id, start_time=there.start_time, end_time=there.end_time
)
"""

KEYS = "print(list(Surgery.objects.order_by('pk').values_list('pk', flat=True)))"

HISTORY = """
import json
from scheduler_realtime.models import Message
rows = Message.objects.filter(type="conflict_notification").order_by("position")
print(json.dumps([
    [d["conflict_id"], d["status"], d["conflict_type"], sorted(d["affected_surgeries"])]
    for d in map(json.loads, rows.values_list("body", flat=True))
]))
"""

BEHIND = """
from scheduler_realtime.models import Examination, Log, Message
head = Log.objects.get(pk=1).head
done = list(Examination.objects.values_list("position", flat=True))
print(bool(Message.objects.filter(position=None).exists() or done != [head]))
"""

FACTS = """
import json
print(json.dumps([
    [s.pk, s.room_id, sorted({s.surgeon_id, s.anaesthetist_id} - {None}),
     s.start_time.timestamp() / 60, s.end_time.timestamp() / 60, s.room.turnover_minutes]
    for s in Surgery.objects.select_related("room").exclude(status__in=["cancelled", "done"])
]))
"""


@pytest.fixture(scope="module")
def site(seeded_postgres: Any, postgres_server: Any) -> Iterator[Site]:
    opened = opening.open_clustered(
        seeded_postgres,
        postgres_server,
        kinds=("uvicorn", "uvicorn"),
        env={"WEBSOCKET_CONFLICTS": "1"},
    )
    with contextlib.closing(opened):
        yield opened


def settled(site: Site) -> None:
    wait_for(lambda: site.shell(BEHIND) == "False", within=20, what="all being examined")


def history(site: Site) -> list[Any]:
    return list(json.loads(site.shell(HISTORY)))


def expected(facts: list[Any]) -> set[tuple[Any, ...]]:
    found = set()
    for place, one in enumerate(facts):
        for other in facts[place + 1 :]:
            first, second = sorted((one, other), key=lambda each: each[3])
            keys = tuple(sorted((one[0], other[0])))
            gap = second[3] - first[4]
            if one[1] == other[1] and gap < first[5]:
                found.add(("room_overlap" if gap < 0 else "turnover", *keys))
            if gap < 0 and set(one[2]) & set(other[2]):
                found.add(("staff_overlap", *keys))
    return found


def test_four_who_write_at_once_have_each_conflict_said_once(site: Site) -> None:
    keys = json.loads(site.shell(PLAN.format(count=SURGERIES)))
    settled(site)
    with contextlib.ExitStack() as stack, ThreadPoolExecutor(WRITERS) as pool:
        consoles = [Console(site.console.environment) for _ in range(WRITERS)]
        for console in consoles:
            stack.callback(console.close)
        codes = [WRITE.format(seed=n, writes=WRITES, keys=keys) for n in range(WRITERS)]
        list(pool.map(Console.run, consoles, codes))
    settled(site)

    standing: dict[str, Any] = {}
    for name, status, kind, surgeries in history(site):
        # Opened where it does not stand, resolved where it does: once each.
        assert (name in standing) == (status == "resolved"), (name, status)
        if status == "open":
            standing[name] = (kind, *surgeries)
        else:
            del standing[name]

    assert set(standing.values()) == expected(json.loads(site.shell(FACTS)))
    assert len(history(site)) > WRITERS


def test_a_day_that_was_optimised_ends_with_no_conflict_of_its_surgeries(site: Site) -> None:
    day = site.shell(MESS.format(ahead=1))
    settled(site)
    before = site.request("GET", f"/api/ws/conflicts?date={day}", who="scheduler").body["results"]

    answer = site.request(
        "POST", "/api/optimizations", who="scheduler", body={"date": day, "seconds": 2}
    )
    wait_for(
        lambda: site.shell("print(OptimizationRun.objects.get().status)") == "completed",
        within=30,
        what="the end of the run",
    )
    settled(site)

    after = site.request("GET", f"/api/ws/conflicts?date={day}", who="scheduler").body["results"]
    assert answer.status == 202
    assert before
    assert after == []


def test_a_server_killed_before_it_commits_leaves_both_or_neither(site: Site) -> None:
    keys = json.loads(site.shell(PLAN.format(count=2)))
    settled(site)
    before = history(site)
    for server in site.servers:
        server.stop()
    armed = site.add_server(
        "uvicorn", env={"SCHEDULER_REALTIME_FAILPOINT": "conflicts.kept=kill@1"}
    )
    site.shell(MEET.format(*keys))

    wait_for(lambda: not armed.alive, within=10, what="the armed server being killed")
    assert history(site) == before
    assert site.shell("print(Conflict.objects.filter(status='open').count())") == "0"
    site.servers[0].start()
    settled(site)

    said = history(site)[len(before) :]
    assert {(kind, *surgeries) for _, _, kind, surgeries in said} == meeting(site)
    assert len(said) == len(meeting(site))


def meeting(site: Site) -> set[tuple[Any, ...]]:
    found = expected(json.loads(site.shell(FACTS)))
    assert ("room_overlap", *sorted(json.loads(site.shell(KEYS)))) in found
    return found
