"""Numbering: what a turn wrote into rows stands in them, whatever they are, and nowhere else."""

import contextlib
import json
import queue
import threading
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from scheduler_realtime import log
from scheduler_realtime.folding import Entry
from scheduler_realtime.log import Draft
from scheduler_realtime.log.numbering import number
from scheduler_realtime.models import Message
from scheduler_realtime.wire import dumps
from tests.harness.child import wait_for

EVERYONE = frozenset({"everyone"})

AWKWARD = 'a "quoted" {}, a \\, a %s, ä 🩺 \u2028 and "affected_surgeries":[]'


def change(**changes: Any) -> Draft:
    data = {"surgery_id": 1, "affected_surgeries": [], "changes": changes}
    return Draft(type="schedule_update", data=data, groups=EVERYONE)


def entries() -> list[Entry]:
    names = ("id", "tx", "type", "body", "groups", "left_groups", "protected", "scope")
    return [Entry(*row) for row in Message.objects.order_by("pk").values_list(*names)]


@pytest.mark.django_db
@pytest.mark.parametrize("count", [1, 3])
def test_each_row_has_its_position_and_what_became_of_it(count: int) -> None:
    Message.objects.all().delete()
    log.state()  # makes the log's own row
    log.append([change(notes=AWKWARD) for _ in range(4 * count)])
    written = entries()
    plain, touched, rewritten, dropped = (written[n::4] for n in range(4))
    before = {entry.id: entry.body for entry in written}
    for entry in touched:
        entry.touches([entry.id, AWKWARD])
    for entry in rewritten:
        entry.rewrite({"n": AWKWARD}, {"id": entry.id}, before={"x"}, groups='["role.nurse"]')

    number("default", [*plain, *touched, *rewritten], [entry.id for entry in dropped], 100)

    found = {message.pk: message for message in Message.objects.all()}
    assert [found[e.id].position for e in [*plain, *touched, *rewritten]] == list(
        range(101, 101 + 3 * count)
    )
    assert not any(entry.id in found for entry in dropped)
    assert all(found[entry.id].body == before[entry.id] for entry in plain)
    for entry in touched:
        expected = json.loads(before[entry.id]) | {"affected_surgeries": [entry.id, AWKWARD]}
        assert json.loads(found[entry.id].body) == expected
        assert found[entry.id].groups == '["everyone"]'
    for entry in rewritten:
        message = found[entry.id]
        assert json.loads(message.body) == {"n": AWKWARD}
        assert (message.groups, message.left_groups) == ('["role.nurse"]', '["x"]')
        assert json.loads(message.scope) == {"id": entry.id, "before": ["x"]}
    assert log.state().head == 100 + 3 * count


@pytest.mark.postgres_only
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("count", [1, 3])
def test_a_relay_that_stops_behind_its_update_loses_the_lock(count: int) -> None:
    log.state()  # makes the log's own row
    for _ in range(count):
        log.append([change(notes="waits")])
    started: queue.Queue[int] = queue.Queue()
    may_end = threading.Event()

    def sequence_and_stop() -> None:
        with contextlib.suppress(DatabaseError), transaction.atomic():
            log.sequence(bulk_threshold=50, guards={"idle_in_transaction_session_timeout": "100"})
            started.put(connection.connection.info.backend_pid)
            may_end.wait(10)
        connection.close()

    relay = threading.Thread(target=sequence_and_stop)
    relay.start()
    pid = started.get(timeout=10)
    wait_for(lambda: not is_backend(pid), within=5, what="the stopped relay is ended")
    with transaction.atomic():
        given = log.sequence(bulk_threshold=50)
    may_end.set()
    relay.join(10)

    assert given is not None
    assert given.count == count


def is_backend(pid: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE pid = %s)", [pid])
        return bool(cursor.fetchone()[0])


def test_what_a_change_touches_is_told_where_its_own_object_has_such_a_name() -> None:
    data = {"affected_surgeries": [], "changes": {"details": {"affected_surgeries": []}}}
    entry = Entry(1, "a", "schedule_update", dumps(data), "[]", "[]", "[]", "{}")

    entry.touches([7])

    assert entry.data == data | {"affected_surgeries": [7]}
    assert json.loads(entry.body) == entry.data
