"""A backlog in the log, and one relay that clears it; runs in a shell of the demo project."""

import itertools
import json
import statistics
import time
import uuid
from datetime import timedelta

from django.utils import timezone

from project.scheduling import seed
from project.scheduling.models import Surgery
from scheduler_realtime import log, send_system_notification
from scheduler_realtime.models import Message
from scheduler_realtime.relay import Relay

DAYS = 40
"""Days of the demo's programme that the captured changes spread over: some 1,100 surgeries."""

LONGER = timedelta(minutes=45)
"""By so much each surgery is prolonged: many then run into the next one of their room."""


def fill(kind: str, rows: int) -> None:
    """Let so many rows wait, each of a transaction of its own.

    `captured` ones were written by real saves, of which there are copies; `plain` ones are
    notifications.
    """
    _settle()
    if kind == "captured":
        _save_programme()
    else:
        send_system_notification(title="A benchmark", message="of the relay")
    _multiply(rows)


def clear() -> str:
    """Have one relay clear what waits; the figures as JSON."""
    relay, turns = Relay(), []
    head = log.state().head
    begun, worked = time.perf_counter(), time.process_time()
    while True:
        turn_begun = time.perf_counter()
        if not relay.turn(is_expected=True).given:
            break
        turns.append(time.perf_counter() - turn_begun)
    took, cpu = time.perf_counter() - begun, time.process_time() - worked
    given = log.state().head - head
    touching = _touching(head)
    return json.dumps(
        {
            "rate": given / took,
            "cpu_us": 1e6 * cpu / given,
            "median": statistics.median(turns),
            "longest": max(turns),
            "turns": len(turns),
            "touching": touching / given,
        }
    )


def _settle() -> None:
    while Relay().turn(is_expected=True).given:
        pass


def _save_programme() -> None:
    today = timezone.localdate()
    if not Surgery.objects.filter(start_time__gt=timezone.now() + timedelta(days=2)).exists():
        for number in range(1, DAYS + 1):
            Surgery.objects.bulk_create(seed.programme(today + timedelta(days=number)))
        _settle()
    surgeries = list(Surgery.objects.order_by("?"))
    for surgery in surgeries:
        surgery.end_time += LONGER
        surgery.save()


def _multiply(rows: int) -> None:
    """Copies of the rows that wait, each with a transaction's mark of its own."""
    models = list(Message.objects.filter(position=None).order_by("pk"))
    copies = itertools.islice(itertools.cycle(models), rows - len(models))
    Message.objects.bulk_create((_copy(message) for message in copies), batch_size=500)


def _copy(message: Message) -> Message:
    names = [column.attname for column in Message._meta.concrete_fields if column.name != "id"]
    values = {name: getattr(message, name) for name in names}
    return Message(**values | {"key": uuid.uuid4(), "tx": uuid.uuid4().hex})


def _touching(head: int) -> int:
    """How many of the changes behind a position touch another surgery."""
    rows = Message.objects.filter(position__gt=head, type="schedule_update")
    return rows.exclude(body__contains='"affected_surgeries":[]').count()
