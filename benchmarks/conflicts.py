"""What it takes to find conflicts among 100,000 surgeries: after one change, and after 500 at once."""

import json
import statistics

from benchmarks.site import load, summary, together

SURGERIES, ROOMS, PEOPLE, A_DAY = 100_000, 40, 120, 200

MEASURE = """
import json, time
from django.conf import settings
from django.db import connection, models, reset_queries
from django.contrib.auth.models import User
from django.test.utils import CaptureQueriesContext, override_settings
from scheduler_realtime import conflicts, log
from scheduler_realtime.relay import Relay
from datetime import datetime, UTC

settings.DEBUG = False  # which would log each statement
reset_queries()
SURGERIES, ROOMS, PEOPLE, A_DAY = {sizes}
Surgery.objects.all().delete()
rooms = [OperatingRoom.objects.create(name=f"Bench {{n}}") for n in range(ROOMS)]
people = [User.objects.create(username=f"bench-{{n}}") for n in range(PEOPLE)]
day = datetime(2031, 1, 1, 6, tzinfo=UTC)

def surgery(number):
    today, place = divmod(number, A_DAY)
    turn, room = divmod(place, ROOMS)
    start = day + timedelta(days=today, minutes=150 * turn)
    return Surgery(
        room=rooms[room], surgeon=people[room], anaesthetist=people[ROOMS + room],
        patient_name="Bench", patient_number=f"B{{number}}", surgery_type="Hip",
        start_time=start, end_time=start + timedelta(minutes=120),
    )

every = models.QuerySet(Surgery)
every.bulk_create([surgery(number) for number in range(SURGERIES)], batch_size=1000)
with connection.cursor() as cursor:
    cursor.execute("ANALYZE")
keys = list(every.order_by("pk").values_list("pk", flat=True))

def examined():
    while log.state().waiting:
        Relay().turn(is_expected=True)
    took = 0
    for seeker in conflicts.seekers():
        while conflicts.is_behind(seeker):
            begun = time.perf_counter()
            conflicts.step(seeker)
            took += time.perf_counter() - begun
            while log.state().waiting:
                Relay().turn(is_expected=True)
            break
    return took

def settle():
    for _ in range(20):
        examined()

def moved(key, minutes):
    every.model.objects.filter(pk=key).update(
        start_time=models.F("start_time") + timedelta(minutes=minutes),
        end_time=models.F("end_time") + timedelta(minutes=minutes),
    )

first = 0
while any(map(conflicts.is_behind, conflicts.seekers())):
    first += examined()
quiet, loud = [], []
for number in range(60):
    key = keys[1000 + 701 * number]
    moved(key, 1)
    quiet.append(examined())
    settle()
    moved(key, 60)
    loud.append(examined())
    settle()
    moved(key, -61)
    settle()
bulk = {{"quiet": [], "colliding": []}}
for number in range(5):
    some = list(every.filter(pk__in=keys[20_000 + 1000 * number :][:500]))
    for kind, minutes in (("quiet", 2), ("colliding", 40)):
        for each in some:
            if kind == "quiet" or each.pk % 5 == 0:
                each.start_time += timedelta(minutes=minutes)
                each.end_time += timedelta(minutes=minutes)
            else:
                each.notes = f"touched {{number}}"
        Surgery.objects.bulk_update(some, ["start_time", "end_time", "notes"])
        bulk[kind].append(examined())
        settle()
saves = {{}}
for is_on in (False, True):
    with override_settings(SCHEDULER_REALTIME={{"CONFLICTS": is_on}}):
        one = Surgery.objects.get(pk=keys[5])
        one.notes = f"counted {{is_on}}"
        with CaptureQueriesContext(connection) as found:
            one.save()
        saves[str(is_on)] = len(found)
print(json.dumps({{"first": first, "quiet": quiet, "loud": loud, "bulk": bulk, "saves": saves,
    "open": Conflict.objects.filter(status="open").count()}}))
"""


def run() -> None:
    """Print how long one step of examining takes, as the median and the slowest."""
    with together(1, env={"WEBSOCKET_CONFLICTS": "1"}) as site:
        site.server.stop()
        sizes = (SURGERIES, ROOMS, PEOPLE, A_DAY)
        found = json.loads(site.shell(MEASURE.format(sizes=sizes)))
    print(f"conflicts  {SURGERIES} surgeries, PostgreSQL, a change that collides with nothing:")
    print(f"conflicts    {summary(found['quiet'])}", load())
    print(f"conflicts  the very first look, at all of them: {found['first']:.1f} s of work")
    print(f"conflicts  one that opens a conflict or two: {summary(found['loud'])}")
    for kind, took in found["bulk"].items():
        median, slowest = 1000 * statistics.median(took), 1000 * max(took)
        print(
            f"conflicts  bulk_update of 500, {kind}: median {median:.0f} ms, max {slowest:.0f} ms"
        )
    off, on = (found["saves"][name] for name in ("False", "True"))
    print(f"conflicts  a save is {on} statements, and {off} where CONFLICTS is False")
